"""Refusals as the client gets them: problem+json for programs, a small page for people."""

import orjson
from chassis.problems import MEDIA_TYPE, TITLES
from chassis.refusals import Refused

from gateway.exchange import API_HEADERS, Exchange
from gateway.headers import Headers
from gateway.services import retry_after

UNREADABLE = 400
CHALLENGED = 401
NOT_ALLOWED = 405
COME_BACK = frozenset({429, 503})


async def refuse(exchange: Exchange, refusal: Refused) -> None:
    """Answer with a problem (RFC 9457)."""
    facts = dict(refusal.facts)
    headers: Headers = [(b"content-type", MEDIA_TYPE.encode()), (b"cache-control", b"no-store"), *API_HEADERS]
    if refusal.status in COME_BACK:
        seconds = facts.setdefault("retry_after", retry_after())
        headers.append((b"retry-after", b"%d" % seconds))
    if refusal.status == UNREADABLE:
        headers.append((b"connection", b"close"))  # where the next message begins is anybody's guess
    if refusal.status == CHALLENGED:
        headers.append((b"www-authenticate", b"Bearer"))
    if refusal.status == NOT_ALLOWED:
        headers.append((b"allow", ", ".join(facts.get("allowed", ())).encode()))
    problem = {
        "type": "about:blank",
        "title": TITLES.get(refusal.status, "Error"),
        "status": refusal.status,
        "code": refusal.code,
        **facts,
    }
    body = orjson.dumps(problem, default=str)
    headers.append((b"content-length", b"%d" % len(body)))
    await exchange.answer(refusal.status, headers, body)
