"""What the gateway answers itself: probes, numbers, the API's description."""

import orjson
from chassis.refusals import Refused
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from gateway.cache.policy import matches
from gateway.description import Description
from gateway.exchange import API_HEADERS, Exchange
from gateway.front import Fixed
from gateway.governments import Governments
from gateway.headers import Headers
from gateway.problems import refuse

PAGE_HEADERS: Headers = [
    (b"content-type", b"text/html; charset=utf-8"),
    (b"cache-control", b"public, max-age=60"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", b"default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'"),
]


async def _send(exchange: Exchange, status: int, headers: Headers, body: bytes) -> None:
    await exchange.answer(status, [*headers, (b"content-length", b"%d" % len(body))], body)


async def livez(exchange: Exchange) -> None:
    """The process runs; nothing more."""
    await _send(exchange, 200, [(b"content-type", b"text/plain; charset=utf-8")], b"ok")


async def metrics(exchange: Exchange) -> None:
    """The process's numbers in the Prometheus text format."""
    await _send(exchange, 200, [(b"content-type", CONTENT_TYPE_LATEST.encode())], generate_latest())


def readyz(governments: Governments) -> Fixed:
    """Ready means: there is a table of governments. Redis and the services may be down, the rest goes on without."""

    async def answer(exchange: Exchange) -> None:
        known = governments.known
        body = orjson.dumps({"governments": "ok" if known else "none known yet"})
        await _send(exchange, 200 if known else 503, [(b"content-type", b"application/json")], body)

    return answer


def describing(description: Description) -> dict[str, Fixed]:
    """The merged OpenAPI document and the page that shows it."""

    async def document(exchange: Exchange) -> None:
        body, etag = await description.document()
        await _kept(exchange, [(b"content-type", b"application/json"), JUST_NOW, *API_HEADERS], body, etag)

    async def page(exchange: Exchange) -> None:
        body, etag = await description.page()
        await _kept(exchange, PAGE_HEADERS, body, etag)

    async def style(exchange: Exchange) -> None:
        headers: Headers = [(b"content-type", b"text/css; charset=utf-8"), JUST_NOW, *API_HEADERS]
        await _kept(exchange, headers, *description.style)

    return {"/api/openapi.json": _get(document), "/api/docs": _get(page), "/api/docs.css": _get(style)}


JUST_NOW = (b"cache-control", b"public, max-age=60")


def _get(handler: Fixed) -> Fixed:
    async def answer(exchange: Exchange) -> None:
        if exchange.method in {"GET", "HEAD"}:
            await handler(exchange)
        else:
            await refuse(exchange, Refused("method_not_allowed", status=405, allowed=["GET", "HEAD"]))

    return answer


async def _kept(exchange: Exchange, headers: Headers, body: bytes, etag: bytes) -> None:
    asked = next((value for name, value in exchange.scope["headers"] if name == b"if-none-match"), None)
    if asked is not None and matches(asked, etag):
        await exchange.answer(304, [(b"etag", etag), JUST_NOW], b"")
    else:
        await _send(exchange, 200, [*headers, (b"etag", etag)], body)
