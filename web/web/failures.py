"""Pages for what cannot be shown: each says what happened, what was kept and what to do, and whom to ask."""

import html
import logging
from collections.abc import Callable
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from web.gateway import RETRY_SECONDS, GatewayError, RefusedError
from web.i18n import LANGUAGES, language, negotiate
from web.visit import Visit, html_response

KNOWN = frozenset({403, 404, 410, 429})
logger = logging.getLogger("web.failures")


@dataclass(frozen=True, slots=True)
class Failure:
    """What a failure page says."""

    title: str
    explanation: str
    advice: str


def of(visit: Visit, error: GatewayError) -> Response:
    """The page for an error that its handler has no better page for: 503 when something does not answer."""
    if isinstance(error, RefusedError):
        status = error.status if error.status in KNOWN else _nearest(error.status)
        headers = {"retry-after": str(error.retry_after or RETRY_SECONDS)} if status == 429 else {}  # noqa: PLR2004 - RFC 6585
        return _page(visit, status, headers=headers)
    logger.warning("a page is unavailable: %s", error)
    return _page(visit, 503, headers={"retry-after": str(getattr(error, "retry_after", RETRY_SECONDS))})


def unexpected(visit: Visit) -> Response:
    """500: a fault of ours."""
    return _page(visit, 500)


def not_found(visit: Visit) -> Response:
    """404."""
    return _page(visit, 404)


def foreign_form(visit: Visit) -> Response:
    """403: the form was sent from a page of another site."""
    visit.session = None  # nothing of theirs on an answer to somebody else's page
    gettext = visit.lang.gettext
    failure = Failure(
        gettext("This form was sent from another website"),
        gettext("For your safety nothing was done."),
        gettext("Open the page here and try again."),
    )
    return visit.render("failure", status=403, failure=failure)


def stale_form(visit: Visit) -> Response:
    """403: the form belongs to an earlier sign-in."""
    gettext = visit.lang.gettext
    failure = Failure(
        gettext("This form is no longer valid"),
        gettext("You signed in or out after you opened it. Nothing was done."),
        gettext("Go back, reload the page and try again."),
    )
    return visit.render("failure", status=403, failure=failure)


def without_government(request: Request, error: GatewayError) -> Response:
    """The page for when not even the government is known: no name, no colour, no contact."""
    lang = language(negotiate(request.headers.get("accept-language", ""), LANGUAGES))
    status = 404 if isinstance(error, RefusedError) and error.status == 404 else 503  # noqa: PLR2004
    failure = _texts(lang.gettext, status)
    body = (
        f'<!doctype html><html lang="{lang.tag}"><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width"><title>{html.escape(failure.title)}</title>'
        f"<main><h1>{html.escape(failure.title)}</h1><p>{html.escape(failure.explanation)} "
        f"{html.escape(failure.advice)}</p></main></html>"
    )
    headers = {"retry-after": "5"} if status == 503 else None  # noqa: PLR2004
    return html_response(request, body.encode(), status=status, private=True, headers=headers)


def _page(visit: Visit, status: int, *, headers: dict[str, str] | None = None) -> Response:
    return visit.render("failure", status=status, headers=headers, failure=_texts(visit.lang.gettext, status))


def _nearest(status: int) -> int:
    """A refusal without a page of its own: a bad address or form is a page that is not there."""
    return 403 if status == 401 else 404  # noqa: PLR2004


def _texts(gettext: Callable[[str], str], status: int) -> Failure:
    return {
        403: Failure(
            gettext("You cannot see this page"),
            gettext("It is for other people, or for people whose identity is more certain."),
            gettext("If you think that you should see it, tell us."),
        ),
        404: Failure(
            gettext("This page does not exist"),
            gettext("The address is wrong, or the page was moved."),
            gettext("Check the address, or start again from the home page."),
        ),
        410: Failure(
            gettext("This page was taken away"),
            gettext("It existed once and will not come back."),
            gettext("Start again from the home page."),
        ),
        429: Failure(
            gettext("Too many requests"),
            gettext("We have received more from you in a short time than we can answer."),
            gettext("Wait a moment and try again."),
        ),
        500: Failure(
            gettext("Something went wrong here"),
            gettext("This is a fault of ours. It has been recorded."),
            gettext("Try again later. If it keeps happening, tell us."),
        ),
        503: Failure(
            gettext("This page cannot be shown now"),
            gettext("A part of the site does not answer. Votes that were confirmed are safe."),
            gettext("Try again in a moment."),
        ),
    }[status]
