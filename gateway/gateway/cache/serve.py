"""Answering anonymous GETs from the cache, and filling it by one request however many ask."""

import asyncio
from functools import lru_cache
from hashlib import blake2b
from time import monotonic

from chassis.refusals import Refused

from gateway.cache.policy import Freshness, codings, freshness, language, matches, varies_by_cookie
from gateway.cache.store import Entry, Key, Store
from gateway.exchange import Exchange
from gateway.headers import joined
from gateway.services import Service
from gateway.telemetry import CACHE
from gateway.upstream import Answer, Broken, Message

LARGEST = 1024 * 1024
NOT_MODIFIED = 304
NOT_MODIFIED_HEADERS = frozenset({b"cache-control", b"content-location", b"etag", b"expires", b"vary"})
REPLACED = frozenset({b"age", b"etag", b"content-length", b"cache-status"})
SERVER_ERROR = 500
NEVER = Freshness(0, 0, 0)

_language = lru_cache(maxsize=4096)(language)
_codings = lru_cache(maxsize=1024)(codings)
_hits, _misses, _stale, _passes = (CACHE.labels(outcome) for outcome in ("hit", "miss", "stale", "pass"))


class Cache:
    """The cache of one gateway, shared by its listeners: their keys differ."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._flights: dict[Key, asyncio.Task[Entry | None]] = {}

    @staticmethod
    def takes(exchange: Exchange, service: Service) -> bool:
        """Whether a request is one whose answer everybody may see: nobody's token, nobody's cookies."""
        head = exchange.head
        return (
            exchange.method in {"GET", "HEAD"}
            and head.authorization is None
            and not exchange.unread
            and (head.cookie is None or service.entry.harmless(head.cookie))
            and (head.conditions is None or head.condition(b"range") is None)
        )

    async def serve(self, exchange: Exchange, service: Service) -> bool:
        """Answer from the cache or by filling it; False when the request has to go its own way.

        Raises:
            Refused: as the service does, when there is not even an old answer to show.
        """
        key = _key(exchange)
        now = monotonic()
        entry = self._store.get(key)
        if entry is not None and entry.varies_by_cookie and exchange.head.cookie is not None:
            return False  # what is kept was made for visitors without any cookie
        if entry is not None and entry.fresh(now):
            _hits.inc()
            await _show(exchange, entry, b"gateway; hit")
            return True
        if self._store.passes(key, now):
            _passes.inc()
            return False
        flight = self._flights.get(key)
        leads = flight is None
        if flight is None:
            flight = await self._begin(key, exchange, service)
        if entry is not None and entry.while_renewing(now):
            _stale.inc()
            await _show(exchange, entry, b"gateway; hit; detail=renewing")
            return True
        return await self._wait(exchange, flight, entry, leads=leads)

    async def _begin(self, key: Key, exchange: Exchange, service: Service) -> "asyncio.Task[Entry | None]":
        preferences = [(b"accept-language", key[3]), (b"accept-encoding", key[4])]
        message = await exchange.message(conditions=False, preferences=[pair for pair in preferences if pair[1]])
        flight = asyncio.create_task(self._fetch(key, exchange, service, message))
        self._flights[key] = flight
        flight.add_done_callback(lambda done: self._end(key, done))
        return flight

    def _end(self, key: Key, flight: "asyncio.Task[Entry | None]") -> None:
        del self._flights[key]
        if not flight.cancelled():
            flight.exception()  # who waits is told; if nobody does, nobody needs to know

    async def _wait(
        self, exchange: Exchange, flight: "asyncio.Task[Entry | None]", old: Entry | None, *, leads: bool
    ) -> bool:
        refusal: Refused | None = None
        found: Entry | None = None
        try:
            found = await asyncio.shield(flight)
        except Refused as refused:
            refusal = refused
        failed = refusal is not None or (found is not None and found.status >= SERVER_ERROR)
        if failed and old is not None and old.on_error(monotonic()):
            _stale.inc()
            await _show(exchange, old, b"gateway; hit; detail=failing")
            return True
        if refusal is not None:
            raise refusal
        if found is None or not (failed or _is_for(exchange, found, leads=leads)):
            _passes.inc()
            return False
        _misses.inc()
        await _show(exchange, found, b"gateway; fwd=miss" if leads else b"gateway; fwd=miss; collapsed")
        return True

    async def _fetch(self, key: Key, exchange: Exchange, service: Service, message: Message) -> Entry | None:
        """Ask the service; keep the answer if it is for keeping."""
        route = exchange.route
        await service.gate.enter(route.rank)
        try:
            async with asyncio.timeout(route.timeout):
                answer = await service.ask(message)
                body = await _whole(answer)
        except TimeoutError:
            raise Refused("timed_out", status=504, service=service.name) from None
        except Broken:
            raise Refused("service_unavailable", status=503, service=service.name) from None
        finally:
            service.gate.leave()
        now = monotonic()
        if body is None:
            self._store.pass_on(key, now)
            return None
        life = freshness(answer.status, answer.headers)
        entry = _entry(exchange, answer, body, life or NEVER, now)
        if life is not None:
            self._store.put(key, entry)
        elif answer.status < SERVER_ERROR:
            self._store.pass_on(key, now)
        return entry


def _is_for(exchange: Exchange, found: Entry, *, leads: bool) -> bool:
    """Whether a fetched answer is the one that this request would have got; it was asked for without any cookie."""
    if exchange.head.cookie is not None:
        return found.freshness is not NEVER and not found.varies_by_cookie
    return leads or found.freshness is not NEVER


async def _whole(answer: Answer) -> bytes | None:
    """A body in one piece, or None when it is too large to keep."""
    pieces = []
    size = 0
    while piece := await answer.read():
        pieces.append(piece)
        size += len(piece)
        if size > LARGEST:
            answer.abandon()
            return None
    return b"".join(pieces)


def _entry(exchange: Exchange, answer: Answer, body: bytes, life: Freshness, now: float) -> Entry:
    etag = joined(answer.headers, b"etag") or b'"%b"' % blake2b(body, digest_size=16).hexdigest().encode()
    kept = [pair for pair in exchange.outgoing(answer.status, answer.headers) if pair[0] not in REPLACED]
    age = joined(answer.headers, b"age")
    return Entry(
        status=answer.status,
        headers=[*kept, (b"etag", etag), (b"content-length", b"%d" % len(body))],
        body=body,
        etag=etag,
        stored=now,
        age=float(age) if age is not None and age.isdigit() else 0.0,
        freshness=life,
        varies_by_cookie=varies_by_cookie(answer.headers),
    )


def _key(exchange: Exchange) -> Key:
    head, government = exchange.head, exchange.government
    negotiated = head.negotiated
    return (
        government.id,
        head.host or b"",
        exchange.target,
        _language(head.preference(b"accept-language") if negotiated else None, government.languages),
        _codings(head.preference(b"accept-encoding") if negotiated else None),
    )


async def _show(exchange: Exchange, entry: Entry, how: bytes) -> None:
    """Answer with an entry, or with 304 when it is what the client has."""
    headers = entry.headers
    body = entry.body
    status = entry.status
    conditions = exchange.head.conditions
    if conditions is not None and status == 200:  # noqa: PLR2004 - RFC 9110 §13.2.1
        tags = exchange.head.condition(b"if-none-match")
        if tags is not None and matches(tags, entry.etag):
            headers = [pair for pair in headers if pair[0] in NOT_MODIFIED_HEADERS]
            status, body = NOT_MODIFIED, b""
    age = monotonic() - entry.stored + entry.age
    await exchange.answer(status, [*headers, (b"age", b"%d" % age), (b"cache-status", how)], body)
