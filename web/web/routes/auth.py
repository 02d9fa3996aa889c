"""Signing in by a code that is mailed, and signing out."""

import re
import time
from typing import Any

from starlette.responses import Response

from web import api
from web.forms import Mistake
from web.gateway import RefusedError, UnavailableError
from web.paths import local
from web.session import Session
from web.visit import Visit

COOKIE = "__Host-sign-in"
KIND = "sign-in"
SECONDS = 900  # somewhat longer than a code lives, so that its end can be told
LONGEST_ADDRESS = 254  # RFC 5321 §4.5.3.1.3
ADDRESS = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+")  # only what is surely a slip; the mail tells the rest
DIGITS = re.compile(r"\D+")
TOO_MANY = 429
REFUSED_CODE = frozenset({403, 422})


async def ask_address(visit: Visit) -> Response:
    """Ask for an e-mail address, and say why."""
    back = local(visit.request.query_params.get("next"))
    if visit.signed_in and not visit.session_unknown:
        return visit.redirect_to(back or visit.path())
    visit.personal = True
    return _address_page(visit, back, "")


async def send_code(visit: Visit) -> Response:
    """Have a code mailed. The answer is the same whether or not the address has an account."""
    fields = await visit.form(checked=False)
    back = local(_first(fields, "next"))
    address = _first(fields, "email").strip()
    if len(address) > LONGEST_ADDRESS or not ADDRESS.fullmatch(address):
        message = visit.lang.gettext("Enter an e-mail address, like name@example.org")
        return _address_page(visit, back, address, Mistake(message, "email"))
    try:
        body = {"email": address, "language": visit.lang.tag}
        await visit.web.gateway.ask("POST", "/api/v1/sign-in/codes", visit.anonymous, body=body)
    except RefusedError as refusal:
        if refusal.status == TOO_MANY:
            message = visit.lang.gettext("Too many codes were asked for. Wait a few minutes and try again")
            return _address_page(visit, back, address, Mistake(message, "email"), status=429)
        message = visit.lang.gettext("We cannot send mail to this address. Check it")
        return _address_page(visit, back, address, Mistake(message, "email"))
    visit.keep_cookie(COOKIE, KIND, [address, back], seconds=SECONDS)
    return visit.redirect("sign-in", "code")


async def ask_code(visit: Visit) -> Response:
    """Ask for the code."""
    started = _started(visit)
    if started is None:
        return visit.redirect("sign-in")
    return visit.render("sign_in_code", address=started[0], back=started[1], mistake=None)


async def sign_in(visit: Visit) -> Response:
    """Sign in, and return to where it was asked for."""
    fields = await visit.form(checked=False)
    started = _started(visit)
    if started is None:
        return visit.redirect("sign-in")
    address, back = started
    code = DIGITS.sub("", _first(fields, "code"))
    if not code:
        return _code_page(visit, address, back, visit.lang.gettext("Enter the code from the mail"))
    try:
        body = {"email": address, "code": code}
        answer = await visit.web.gateway.ask("POST", "/api/v1/sign-in", visit.anonymous, body=body)
    except RefusedError as refusal:
        return _refused_code(visit, address, back, refusal)
    visit.keep_session(Session.begin(api.read(api.Tokens, answer), now=time.time()))
    visit.drop_cookie(COOKIE)
    return visit.redirect_to(back or visit.path())


async def sign_out(visit: Visit) -> Response:
    """Sign out of this browser; what it kept is forgotten."""
    await visit.form()
    if visit.session is not None:
        try:
            await visit.web.sessions.end(visit.session, visit.anonymous)
        except UnavailableError:
            visit.drop_everything()
            visit.session = None
            return visit.render("signed_out", everywhere=False)
    visit.drop_everything()
    visit.session = None
    return visit.render("signed_out", everywhere=True)


def _refused_code(visit: Visit, address: str, back: str | None, refusal: RefusedError) -> Response:
    gettext = visit.lang.gettext
    if refusal.status == TOO_MANY:
        message = gettext("Too many attempts. Wait a few minutes, or ask for a new code")
        return _code_page(visit, address, back, message, status=429)
    if refusal.code == "code_expired":
        return _code_page(visit, address, back, gettext("This code is too old. Ask for a new one"))
    if refusal.code == "too_many_attempts":
        return _code_page(visit, address, back, gettext("This code was tried too often. Ask for a new one"))
    if refusal.status in REFUSED_CODE:
        return _code_page(visit, address, back, gettext("This code is wrong. Check it, or ask for a new one"))
    raise refusal


def _address_page(
    visit: Visit, back: str | None, address: str, mistake: Mistake | None = None, *, status: int | None = None
) -> Response:
    voting = bool(back and "/polls/" in back)
    code = status or (422 if mistake else 200)
    return visit.render("sign_in", status=code, back=back, address=address, mistake=mistake, voting=voting)


def _code_page(visit: Visit, address: str, back: str | None, message: str, *, status: int = 422) -> Response:
    mistake = Mistake(message, "code")
    return visit.render("sign_in_code", status=status, address=address, back=back, mistake=mistake)


def _started(visit: Visit) -> tuple[str, str | None] | None:
    found: Any = visit.open_cookie(COOKIE, KIND)
    return (str(found[0]), local(found[1])) if found else None


def _first(fields: dict[str, list[str]], name: str) -> str:
    return next(iter(fields.get(name, ())), "")
