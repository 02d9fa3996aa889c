"""The ASGI app of a listener: who asks, may they, how often, and then on to the service."""

import asyncio
import hmac
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address
from time import monotonic

from chassis.auth import TokenVerifier, bearer
from chassis.refusals import Refused
from opentelemetry.trace import Span

from gateway import telemetry
from gateway.cache import Cache
from gateway.exchange import SAFE, ClientGone, Cut, Exchange, Receive, Scope, Send, shared_address
from gateway.governments import Governments
from gateway.headers import Head
from gateway.limits import Limiter
from gateway.problems import refuse
from gateway.routes import Route, Table
from gateway.services import Service
from gateway.shedding import Gate
from gateway.upstream import Message
from gateway.watch import TIMED_OUT, Watch

LARGE_AT_ONCE, LARGE_WAITING = 8, 32  # bodies over 64 KB of anybody's, held in memory up to a megabyte each
logger = logging.getLogger("gateway.front")
Fixed = Callable[[Exchange], Awaitable[None]]


@dataclass(frozen=True)
class Parts:
    """What the listeners of one process share."""

    table: Table
    governments: Governments
    verifier: TokenVerifier
    limiter: Limiter
    cache: Cache
    watch: Watch


class Front:
    """What both listeners do; how they learn who asks is theirs.

    `services` are this listener's own. `fixed` answers some paths before anything is asked, probes first of all.
    """

    internal = False

    def __init__(self, parts: Parts, services: Mapping[str, Service], fixed: Mapping[str, Fixed]) -> None:
        self._table = table = parts.table
        self._governments = parts.governments
        self._verifier = parts.verifier
        self._limiter = parts.limiter
        self._cache = parts.cache
        self._watch = parts.watch
        self._services = services
        self._fixed = fixed
        self._large = Gate("large bodies", LARGE_AT_ONCE, LARGE_WAITING)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._tracer = telemetry.Tracer()
        self._limited_by_account = {name for name, limit in table.limits.items() if limit.by == "account"}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, whatever happens."""
        if scope["type"] != "http":
            raise ValueError(f"the gateway speaks HTTP only, not {scope['type']}")
        exchange = Exchange(scope, receive, send, monotonic())
        fixed = self._fixed.get(scope["path"])
        if fixed is not None:
            await fixed(exchange)
            return
        span, exchange.traceparent = self._tracer.begin(exchange.method, scope["headers"] if self.internal else None)
        telemetry.ACTIVE.inc()
        try:
            await self._answer(exchange)
        finally:
            telemetry.ACTIVE.dec()
            self._report(exchange, span, monotonic() - exchange.started)

    async def _answer(self, exchange: Exchange) -> None:
        try:
            await self._handle(exchange)
        except Refused as refusal:
            await self._refuse(exchange, refusal)
        except asyncio.CancelledError:
            if exchange.verdict is None:
                raise
            exchange.task.uncancel()
            if exchange.verdict == TIMED_OUT:
                await self._refuse(exchange, Refused("timed_out", status=504, service=exchange.route.service))
        except (ClientGone, Cut):
            return  # without an end to the answer the server closes the connection
        except Exception:
            logger.exception("unexpected error")
            await self._refuse(exchange, Refused("internal", status=500))

    @staticmethod
    async def _refuse(exchange: Exchange, refusal: Refused) -> None:
        if not exchange.begun:
            await refuse(exchange, refusal)

    def _report(self, exchange: Exchange, span: Span | None, seconds: float) -> None:
        route = getattr(exchange, "route", None)
        prefix = route.prefix if route else "none"
        telemetry.observe(exchange.method, prefix, exchange.status, seconds)
        if span is not None:
            government = getattr(exchange, "government", None)
            telemetry.end(span, exchange.method, prefix, exchange.status, str(government.id) if government else None)

    async def _handle(self, exchange: Exchange) -> None:
        head = exchange.head = Head(exchange.scope["headers"])
        if head.chunked and exchange.scope["http_version"] != "1.1":
            raise Refused("bad_transfer_encoding", status=400)  # RFC 9112 §6.1: its framing is faulty
        exchange.unread = head.chunked or bool(head.length)
        await self._identify(exchange)
        route = exchange.route = self._table.find(exchange.scope["path"], exchange.method)
        service = self._services[route.service]
        if self.internal and service.entry.public_only:
            raise Refused("not_found", status=404)
        if route.auth != "anonymous":
            await self._authenticate(exchange, route)
        if route.limit is not None:
            await self._limit(exchange, route.limit)
        exchange.task = self._current_task()
        exchange.deadline = exchange.started + route.timeout
        exchange.stoppable = exchange.method in SAFE and not exchange.unread
        self._watch.add(exchange)
        try:
            cached = route.cacheable and self._cache.takes(exchange, service)
            if not (cached and await self._cache.serve(exchange, service)):
                await self._forward(exchange, service)
        finally:
            self._watch.remove(exchange)

    def _current_task(self) -> "asyncio.Task[object]":
        if self._loop is None:
            self._loop = asyncio.get_running_loop()  # kept: asking is a system call in Python 3.11
        task = asyncio.current_task(self._loop)
        if task is None:
            raise RuntimeError("a request runs in a task")
        return task

    async def _identify(self, exchange: Exchange) -> None:
        """Fill in the government and the client's address."""
        raise NotImplementedError

    def _nobodys(self) -> Refused:
        """404 is final, so only who has seen the table says it."""
        if not self._governments.known:
            return Refused("service_unavailable", status=503, service="tenancy")
        return Refused("no_such_government", status=404)

    async def _authenticate(self, exchange: Exchange, route: Route) -> None:
        header = exchange.head.authorization
        token = bearer(header.decode("latin-1")) if header is not None else None
        if token is None:
            if route.auth == "required":
                raise Refused("not_signed_in", status=401)
            return
        actor = self._verifier.cached(token) or await self._verifier.verify(token)
        if actor.tenant_id != exchange.government.id:
            raise Refused("wrong_government", status=401)
        exchange.actor = actor

    async def _limit(self, exchange: Exchange, name: str) -> None:
        if name in self._limited_by_account:
            if exchange.actor is None:
                return
            key: int | str = exchange.actor.person_id.int
        else:
            key = f"{exchange.government.id}:{shared_address(exchange.client)}"
        if not self._limiter.go_on(name, key):
            await self._limiter.check(name, key)

    async def _forward(self, exchange: Exchange, service: Service) -> None:
        try:
            message = await exchange.message(cookies=service.entry.cookies, large=self._large)
            await self._ask(exchange, service, message)
        finally:
            exchange.release()

    async def _ask(self, exchange: Exchange, service: Service, message: Message) -> None:
        gate = service.gate
        rank = exchange.route.rank
        if not gate.try_enter(rank):
            await gate.enter(rank)
        try:
            answer = await service.ask(message)
            await exchange.relay(answer)
        finally:
            gate.leave()


class PublicFront(Front):
    """The listener that everybody reaches: the host says which government, the connection who asks."""

    def __init__(
        self,
        parts: Parts,
        services: Mapping[str, Service],
        fixed: Mapping[str, Fixed],
        *,
        trusted_proxies: tuple[IPv4Network | IPv6Network, ...] = (),
    ) -> None:
        super().__init__(parts, services, fixed)
        self._trusted = trusted_proxies

    async def _identify(self, exchange: Exchange) -> None:
        host = exchange.head.host
        if host is None:
            raise Refused("no_host", status=400)
        government = self._governments.of_host(host) or await self._governments.look_for(host)
        if government is None:
            raise self._nobodys()
        exchange.government = government
        exchange.client = self._client(exchange.scope)

    def _client(self, scope: Scope) -> bytes:
        address: str = scope["client"][0] if scope["client"] else ""
        if self._trusted:
            address = _behind(address, scope, self._trusted)
        return address.encode()


class InternalFront(Front):
    """The listener for web alone, which says for whom it asks and proves that it may."""

    internal = True

    def __init__(self, parts: Parts, services: Mapping[str, Service], fixed: Mapping[str, Fixed], *, key: str) -> None:
        super().__init__(parts, services, fixed)
        self._key = key.encode()

    async def _identify(self, exchange: Exchange) -> None:
        said = {name: value for name, value in exchange.scope["headers"] if name.startswith(b"x-inspraak-")}
        if not hmac.compare_digest(said.get(b"x-inspraak-key", b""), self._key):
            raise Refused("not_one_of_us", status=403)
        tenant = said.get(b"x-inspraak-tenant", b"")
        government = self._governments.of_id(tenant) or await self._governments.look_for_id(tenant)
        if government is None:
            raise self._nobodys()
        exchange.government = government
        exchange.client = said.get(b"x-inspraak-client", b"")


def _behind(address: str, scope: Scope, trusted: tuple[IPv4Network | IPv6Network, ...]) -> str:
    """The client's address behind proxies of ours: the last that X-Forwarded-For names which is none of them."""
    forwarded = [
        hop.strip()
        for name, value in scope["headers"]
        if name == b"x-forwarded-for"
        for hop in value.decode("latin-1").split(",")
    ]
    while forwarded and _is_in(address, trusted):
        address = forwarded.pop()
    return address


def _is_in(address: str, networks: tuple[IPv4Network | IPv6Network, ...]) -> bool:
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    return any(parsed in network for network in networks)
