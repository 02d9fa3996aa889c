"""Around every page: who asks and in which language, what a failure looks like, and the headers that all pages have."""

import logging
from collections.abc import Awaitable, Callable
from uuid import UUID

from chassis.clock import utc_now
from chassis.telemetry import tracer
from opentelemetry.propagate import extract
from opentelemetry.trace import SpanKind
from starlette.requests import ClientDisconnect, Request
from starlette.responses import RedirectResponse, Response

from web import csrf, failures
from web.gateway import GatewayError
from web.i18n import LANGUAGES, language, negotiate
from web.state import Web
from web.visit import LANGUAGE_COOKIE, POLICY, NotSignedInError, StaleFormError, Visit

Handler = Callable[[Visit], Awaitable[Response]]
Endpoint = Callable[[Request], Awaitable[Response]]
SECURITY_HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}
CLIENT_LEFT = 499  # no status of HTTP's: nginx's number for a client that did not wait
logger = logging.getLogger("web.dispatch")


def page(handler: Handler) -> Endpoint:
    """The endpoint of a page; whatever goes wrong in its handler becomes a page too."""

    async def endpoint(request: Request) -> Response:
        route = getattr(request.scope.get("route"), "path", "other")
        parent = extract(dict(request.headers))
        name = f"{request.method} {route}"
        with tracer.start_as_current_span(
            name, parent, SpanKind.SERVER, record_exception=False, set_status_on_exception=False
        ):
            response = await _answer(request, handler)
        for name, value in SECURITY_HEADERS.items():
            response.headers.setdefault(name, value)
        return response

    endpoint.__name__ = handler.__name__
    return endpoint


async def _answer(request: Request, handler: Handler) -> Response:
    web: Web = request.app.state.web
    tenant: UUID = request.state.tenant_id
    try:
        government = await web.governments.of(tenant, request.state.client)
    except GatewayError as error:
        logger.warning("no page, since the government is not known: %s", error)
        return failures.without_government(request, error)
    visit = Visit(web, request, tenant, government, language("en"), utc_now(), request.state.client)
    available = web.languages(government)
    first = request.url.path.split("/")[1]  # also of an address that no page has
    visit.lang = language(first if first in (*available, *web.unspoken) else preferred(request, available))
    if request.path_params.get("locale", visit.lang.tag) != visit.lang.tag:
        rest = request.url.path.split("/")[2:]
        return RedirectResponse(visit.path(*rest) + _query(request), 302)
    foreign = request.method == "POST" and not csrf.same_origin(request.headers)
    response = failures.foreign_form(visit) if foreign else await _handled(visit, handler)
    for header in visit.jar:
        response.headers.append("set-cookie", header)
    return response


async def _handled(visit: Visit, handler: Handler) -> Response:
    try:
        await visit.open_session()
        return await handler(visit)
    except NotSignedInError:
        return visit.redirect("sign-in", next=_return_path(visit))
    except StaleFormError:
        return failures.stale_form(visit)
    except GatewayError as error:
        return failures.of(visit, error)
    except ClientDisconnect:
        return Response(status_code=CLIENT_LEFT)  # said to nobody; the numbers must not call it a fault of ours
    except Exception:
        logger.exception("unexpected error")
        return failures.unexpected(visit)


def _return_path(visit: Visit) -> str:
    """Where somebody goes after signing in: the page that they asked for, else the one that the form stood on."""
    if visit.request.method == "GET":
        return visit.request.url.path + _query(visit.request)
    return visit.request.url.path.rpartition("/")[0]


def _query(request: Request) -> str:
    """What stands after the path of an address, as it was asked."""
    return f"?{request.url.query}" if request.url.query else ""


def preferred(request: Request, available: tuple[str, ...]) -> str:
    """The language that this browser chose before, else the one that it asks for, else the government's first."""
    chosen = request.cookies.get(LANGUAGE_COOKIE, "")
    if chosen in LANGUAGES and chosen in available:
        return chosen
    return negotiate(request.headers.get("accept-language", ""), available)
