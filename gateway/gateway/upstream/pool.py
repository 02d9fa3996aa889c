"""The connections to one service, and the knowledge that it is down."""

import asyncio
import random
from collections import deque
from time import monotonic
from urllib.parse import urlsplit

from gateway.upstream.connection import Connection

CONNECT_WITHIN = 2.0
IDLE = 60.0  # shorter than the services keep a silent connection
FRESH = 2.0  # a connection silent for longer may just be closing: no place for what must not be sent twice
REST = (0.5, 1.0)


class Unreachable(Exception):  # noqa: N818 - what happened, told as its name
    """Nobody listens at the service's address."""


class Pool:
    """Connections to a service at `http://host:port`, the one used last goes first.

    A service that refuses connections is left alone for half a second to a second, and whoever asks is told at once
    that it is down; then one request tries it, and what that one finds holds for the others.
    """

    def __init__(self, name: str, address: str) -> None:
        parts = urlsplit(address)
        if parts.scheme != "http" or parts.hostname is None or parts.path.strip("/"):
            raise ValueError(f"{name}: {address} is not http://host:port")
        self.name = name
        self.host = parts.hostname
        self.port = parts.port or 80
        self._idle: deque[Connection] = deque()
        self._open: set[Connection] = set()
        self._down_until = 0.0
        self._down = False
        self._trial: asyncio.Future[None] | None = None

    async def acquire(self, *, new: bool = False, fresh: bool = False) -> Connection:
        """A connection; `fresh` never one that was silent for long, `new` never one that served before.

        Raises:
            Unreachable: the service is down.
        """
        while self._idle and not new:
            connection = self._idle.pop()
            if connection.closed:
                continue
            if fresh and monotonic() - connection.idle_since > FRESH:
                self._idle.append(connection)
                break
            return connection
        return await self._connect()

    async def _connect(self) -> Connection:
        while self._down and self._trial is not None:
            await asyncio.shield(self._trial)
        if self._down and monotonic() < self._down_until:
            raise Unreachable(self.name)
        loop = asyncio.get_running_loop()
        trial = self._trial = loop.create_future() if self._down else None
        try:
            async with asyncio.timeout(CONNECT_WITHIN):
                _, connection = await loop.create_connection(
                    lambda: Connection(self._free, self._lost, loop), self.host, self.port
                )
            self._down = False
        except OSError as error:  # a timeout is one too
            self._down = True
            self._down_until = monotonic() + random.uniform(*REST)
            raise Unreachable(self.name) from error
        finally:
            if trial is not None:
                self._trial = None
                trial.set_result(None)
        self._open.add(connection)
        return connection

    def _free(self, connection: Connection) -> None:
        connection.idle_since = monotonic()
        self._idle.append(connection)

    def _lost(self, connection: Connection) -> None:
        self._open.discard(connection)

    @property
    def open(self) -> int:
        """How many connections there are."""
        return len(self._open)

    def reap(self, now: float) -> None:
        """Close what was silent for too long; the ones silent longest are at the left."""
        while self._idle and (self._idle[0].closed or now - self._idle[0].idle_since > IDLE):
            connection = self._idle.popleft()
            if not connection.closed:
                connection.close()

    def close(self) -> None:
        """Close every connection; for the end of the process."""
        for connection in list(self._open):
            connection.close()
        self._idle.clear()
