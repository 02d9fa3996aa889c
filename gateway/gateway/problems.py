"""Refusals as the client gets them: problem+json (RFC 9457) for programs, a small page for people."""

from typing import Any

import orjson
from chassis.problems import MEDIA_TYPE, TITLES
from chassis.refusals import Refused

from gateway import pages
from gateway.exchange import API_HEADERS, SAFE, Exchange
from gateway.headers import Headers
from gateway.services import retry_after

UNREADABLE = 400
CHALLENGED = 401
NOT_ALLOWED = 405
COME_BACK = frozenset({429, 503})
PROBLEM_HEADERS: Headers = [
    (b"content-type", MEDIA_TYPE.encode()),
    (b"cache-control", b"no-store"),
    *API_HEADERS,
]


async def refuse(exchange: Exchange, refusal: Refused) -> None:
    """Answer with what a refusal means."""
    facts = dict(refusal.facts)
    if refusal.status in COME_BACK:
        facts.setdefault("retry_after", retry_after())
    sent: Headers = exchange.scope["headers"]
    if pages.wanted(exchange.scope["path"], sent):
        seconds = facts.get("retry_after")
        again = exchange.method in SAFE
        government = getattr(exchange, "government", None)  # not known yet when the refusal came early
        page = pages.page(refusal.status, sent, seconds=seconds, again=again, government=government)
        headers, body = pages.HEADERS, page
    else:
        headers, body = PROBLEM_HEADERS, _problem(refusal, facts)
    length = (b"content-length", b"%d" % len(body))
    await exchange.answer(refusal.status, [*headers, *_by_status(refusal.status, facts), length], body)


def _by_status(status: int, facts: dict[str, Any]) -> Headers:
    """The headers that HTTP asks for with a status."""
    if status in COME_BACK:
        return [(b"retry-after", b"%d" % facts["retry_after"])]
    if status == UNREADABLE:
        return [(b"connection", b"close")]  # where the next message begins is anybody's guess
    if status == CHALLENGED:
        return [(b"www-authenticate", b"Bearer")]
    if status == NOT_ALLOWED:
        return [(b"allow", ", ".join(facts.get("allowed", ())).encode())]
    return []


def _problem(refusal: Refused, facts: dict[str, Any]) -> bytes:
    return orjson.dumps(
        {
            "type": "about:blank",
            "title": TITLES.get(refusal.status, "Error"),
            "status": refusal.status,
            "code": refusal.code,
            **facts,
        },
        default=str,
    )
