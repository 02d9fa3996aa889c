"""The gateway put together: what its listeners share, and what each has for itself."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from time import monotonic

from chassis.auth import TokenVerifier
from redis.asyncio import Redis

from gateway import fixed
from gateway.cache import Cache, Store
from gateway.description import Description
from gateway.front import InternalFront, Parts, PublicFront
from gateway.governments import Governments
from gateway.limits import Limiter
from gateway.routes import Table
from gateway.server import Server, close_slow_heads, listen, server
from gateway.services import Service, services_of
from gateway.settings import Settings
from gateway.watch import Watch

REAP_EVERY = 5.0
TOKENS = 10_000  # verified ones to remember, some 1.4 kB each
logger = logging.getLogger("gateway.app")


@dataclass(frozen=True)
class Running:
    """A gateway that serves: the ports it was given, and its two servers."""

    public_port: int
    internal_port: int
    public: Server
    internal: Server
    background: "asyncio.Task[None]"


class Gateway:
    """One gateway process."""

    def __init__(self, settings: Settings, table: Table) -> None:
        key = settings.internal_key.get_secret_value()
        url = str(settings.redis_url) if settings.redis_url else None
        self._settings = settings
        self.redis = Redis.from_url(url, socket_connect_timeout=1, protocol=3) if url else None
        self.governments = Governments(settings.address_of("tenancy"), key=key, redis=self.redis)
        self.watch = Watch()
        self.parts = Parts(
            table=table,
            governments=self.governments,
            verifier=TokenVerifier(f"{settings.address_of('identity')}/.well-known/jwks.json", remembered=TOKENS),
            limiter=Limiter(table.limits, self.redis),
            cache=Cache(Store(settings.cache_bytes)),
            watch=self.watch,
        )
        self.public_services = services_of(table, settings)
        self.internal_services = services_of(table, settings)
        described = {route.service for route in table.routes if route.api}
        described_at = {name: settings.address_of(name) for name in sorted(described)}
        probes = {"/livez": fixed.livez}
        public_fixed = probes | fixed.describing(Description(table, described_at))
        internal_fixed = probes | {"/readyz": fixed.readyz(self.governments), "/metrics": fixed.metrics}
        self.public = PublicFront(
            self.parts, self.public_services, public_fixed, trusted_proxies=settings.trusted_proxies
        )
        self.internal = InternalFront(self.parts, self.internal_services, internal_fixed, key=key)

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[Running]:
        """Serve both listeners for the length of a block; at its end the public one drains first, as web needs ours.

        Raises:
            OSError: a port is taken.
        """
        settings = self._settings
        with contextlib.ExitStack() as sockets:
            public_socket = sockets.enter_context(listen(settings.host, settings.port))
            internal_socket = sockets.enter_context(listen(settings.host, settings.internal_port))
            public, internal = (
                server(app, connections=settings.connections, grace=settings.graceful_shutdown)
                for app in (self.public, self.internal)
            )
            background = asyncio.create_task(self._background([public, internal]))
            internal_run = asyncio.create_task(internal.serve(sockets=[internal_socket]))
            public_run = asyncio.create_task(public.serve(sockets=[public_socket]))
            try:
                await _started(public, public_run)
                await _started(internal, internal_run)
                ports = public_socket.getsockname()[1], internal_socket.getsockname()[1]
                logger.info("listening on ports %d (public) and %d (internal)", *ports)
                yield Running(*ports, public, internal, background)
            finally:
                logger.info("draining")
                for each, run in ((public, public_run), (internal, internal_run)):
                    each.should_exit = True
                    await run
                background.cancel()
                await asyncio.wait([background])
                await self._close()

    async def _background(self, servers: list[Server]) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self.governments.run())
            group.create_task(self.watch.run())
            group.create_task(close_slow_heads(servers))
            group.create_task(self._reap())

    async def _reap(self) -> None:
        while True:
            await asyncio.sleep(REAP_EVERY)
            for service in self._all_services():
                service.pool.reap(monotonic())

    def _all_services(self) -> list[Service]:
        return [*self.public_services.values(), *self.internal_services.values()]

    async def _close(self) -> None:
        for service in self._all_services():
            service.pool.close()
        if self.redis is not None:
            await self.redis.aclose()


async def _started(each: Server, run: "asyncio.Task[None]") -> None:
    while not each.started:
        if run.done():
            await run
            raise RuntimeError("a listener did not start")
        await asyncio.sleep(0.005)
