"""Every address of web."""

from starlette.convertors import Convertor, register_url_convertor
from starlette.routing import Route

from web import gallery, gallery_officials, pseudo
from web.dispatch import page
from web.i18n import LANGUAGES
from web.routes import account, auth, files, officials, polls, public, votes

GET, POST = ["GET"], ["POST"]


class LanguageConvertor(Convertor[str]):
    """The first part of every page's address; the pseudo-language leads on where it is not spoken."""

    regex = "|".join((*LANGUAGES, pseudo.TAG))

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


class ColourConvertor(LanguageConvertor):
    """A colour in an address: its six hexadecimal digits in lower case."""

    regex = "[0-9a-f]{6}"


register_url_convertor("language", LanguageConvertor())
register_url_convertor("colour", ColourConvertor())


def routes(*, development: bool = False) -> list[Route]:
    """The table of pages; what is not in it is a page that says so. In development the gallery is one of them."""
    poll = "/{locale:language}/polls/{poll_id:uuid}"
    pages = [
        ("/", public.to_preferred_language, GET),
        ("/language/{chosen:language}", public.choose_language, GET),
        ("/{locale:language}", public.to_home, GET),
        ("/{locale:language}/", public.home, GET),
        ("/{locale:language}/accessibility", public.accessibility, GET),
        ("/{locale:language}/privacy", public.privacy, GET),
        ("/{locale:language}/contact", public.contact, GET),
        ("/{locale:language}/polls", polls.polls, GET),
        (poll, polls.poll, GET),
        (f"{poll}/choice", votes.to_poll, GET),
        (f"{poll}/choice", votes.choose, POST),
        (f"{poll}/review", votes.review, GET),
        (f"{poll}/vote", votes.confirmation, GET),
        (f"{poll}/vote", votes.cast, POST),
        (f"{poll}/withdraw", votes.ask_to_withdraw, GET),
        (f"{poll}/withdraw", votes.withdraw, POST),
        (f"{poll}/follow", polls.follow, POST),
        (f"{poll}/result", polls.result, GET),
        (f"{poll}/turnout", polls.turnout, GET),
        ("/{locale:language}/sign-in", auth.ask_address, GET),
        ("/{locale:language}/sign-in", auth.send_code, POST),
        ("/{locale:language}/sign-in/code", auth.ask_code, GET),
        ("/{locale:language}/sign-in/code", auth.sign_in, POST),
        ("/{locale:language}/sign-out", auth.sign_out, POST),
        ("/{locale:language}/unsubscribe", account.ask_to_stop, GET),
        ("/{locale:language}/unsubscribe", account.stop, POST),
        ("/{locale:language}/account", account.account, GET),
        ("/{locale:language}/account/votes", account.votes, GET),
        ("/{locale:language}/account/language", account.set_language, POST),
        ("/{locale:language}/account/notifications", account.set_notifications, POST),
    ]
    if development:
        pages.append((gallery.PATH, gallery.show, GET))
        pages.append((gallery_officials.OFFICIALS, gallery_officials.show, GET))
    return [
        *([Route(f"{gallery.PATH}/{{colour}}.css", gallery.palette, methods=GET)] if development else ()),
        Route("/static/{name}", files.static, methods=GET),
        Route("/t/{slug}/{name}", files.theme, methods=GET),
        Route("/t/{slug}/preview/{colour:colour}.css", files.preview, methods=GET),
        Route("/robots.txt", files.robots, methods=GET),
        *(Route(path, page(handler), methods=methods) for path, handler, methods in pages),
        *officials.routes(),
        Route("/{path:path}", page(public.no_such_page), methods=["GET", "POST"]),
    ]
