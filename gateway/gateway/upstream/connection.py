"""One HTTP/1.1 connection to a service (RFC 9112): one exchange at a time, parsed by llhttp.

aiohttp's client does the same for four times the CPU: most of a gateway's work is this, so it is our own. What it
leaves out on purpose: redirects, cookies, decompression, TLS, proxies, pipelining, HEAD (the gateway asks by GET).
"""

import asyncio
from collections.abc import Callable
from typing import cast

import httptools

HELD_BACK = 256 * 1024  # bytes of an answer that wait for a slow client before the service is told to wait
MAX_HEADERS = 200


class Broken(Exception):  # noqa: N818 - what happened, told as its name
    """The connection ended or spoke nonsense before the answer was there. `reused`: it had served before."""

    def __init__(self, reason: str, *, reused: bool = False) -> None:
        super().__init__(reason)
        self.reused = reused


class Answer:
    """A service's answer: its head, and its body as it comes."""

    __slots__ = ("_connection", "_pieces", "_waiter", "complete", "failed", "headers", "held", "sized", "status")

    def __init__(self, status: int, headers: list[tuple[bytes, bytes]], connection: "Connection") -> None:
        self.status = status
        self.headers = headers  # names in lower case
        self.complete = False
        self.failed = False
        self.held = 0
        self.sized = any(name in {b"content-length", b"transfer-encoding"} for name, _ in headers)
        self._connection = connection
        self._pieces: list[bytes] = []
        self._waiter: asyncio.Future[None] | None = None

    def take(self) -> bytes:
        """What has arrived of the body since the last time."""
        pieces = self._pieces
        if not pieces:
            return b""
        self._pieces = []
        if self.held > HELD_BACK and not self.complete:
            self._connection.go_on()
        self.held = 0
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    async def begin(self) -> None:
        """Wait until something of the body is there, or its end.

        Raises:
            Broken: the service went away before.
        """
        while not self._pieces and not self.complete:
            if self.failed:
                raise Broken("the answer ended early")
            self._waiter = self._connection.loop.create_future()
            await self._waiter

    async def read(self) -> bytes:
        """The next piece of the body, empty at its end.

        Raises:
            Broken: the service went away in the middle.
        """
        await self.begin()
        return self.take()

    def abandon(self) -> None:
        """Stop reading: an answer that is not complete costs its connection, as HTTP/1.1 has no other way."""
        if not self.complete:
            self._connection.close()

    def feed(self, piece: bytes) -> None:
        self._pieces.append(piece)
        self.held += len(piece)
        if self.held > HELD_BACK:
            self._connection.hold_back()
        self._wake()

    def end(self, *, failed: bool = False) -> None:
        if failed:
            self.failed = True
        else:
            self.complete = True
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


class Connection(asyncio.Protocol):
    """A connection of a pool. `on_free` is told when it may serve again, `on_lost` when it never will."""

    def __init__(
        self,
        on_free: "Callable[[Connection], None]",
        on_lost: "Callable[[Connection], None]",
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self.loop = loop  # kept: asking for the running one is a system call in Python 3.11
        self._on_free = on_free
        self._on_lost = on_lost
        self._parser = httptools.HttpResponseParser(self)
        self._transport: asyncio.Transport | None = None
        self._headers: list[tuple[bytes, bytes]] = []
        self._waiting: asyncio.Future[Answer] | None = None
        self._answer: Answer | None = None
        self._interim = False
        self._sent = False  # the request is written whole
        self._room: asyncio.Future[None] | None = None  # set while the service reads slower than we write
        self.served = 0
        self.idle_since = 0.0
        self.closed = False

    # The exchange

    def start(self, data: bytes, *, whole: bool) -> "asyncio.Future[Answer]":
        """Write a request, or its beginning. What this gives is done when the head of the answer is there."""
        if self._transport is None or self.closed:
            raise Broken("the connection is closed", reused=self.served > 0)
        self._sent = whole
        self._answer = None
        self._waiting = waiting = self.loop.create_future()
        self._transport.write(data)
        return waiting

    async def write(self, data: bytes, *, last: bool) -> None:
        """Write a further piece of the request, as fast as the service takes it."""
        if self._room is not None:
            await self._room
        if self._transport is None or self.closed:
            raise Broken("the connection is closed", reused=self.served > 0)
        self._transport.write(data)
        self._sent = last

    def close(self) -> None:
        """Give the connection up. Whoever waits for it learns so."""
        self.closed = True
        if self._transport is not None:
            self._transport.abort()

    def hold_back(self) -> None:
        if self._transport is not None and not self.closed:
            self._transport.pause_reading()

    def go_on(self) -> None:
        if self._transport is not None and not self.closed:
            self._transport.resume_reading()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's has the methods, not the type

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed = True
        self._on_lost(self)
        if self._room is not None and not self._room.done():
            self._room.set_result(None)
        waiting, self._waiting = self._waiting, None
        if waiting is not None and not waiting.done():
            waiting.set_exception(Broken("the connection ended", reused=self.served > 0))
            waiting.exception()  # seen: a request that was cancelled will not come for it
        if self._answer is not None and not self._answer.complete:
            # An answer without a length ends with its connection (RFC 9112 §6.3, 8); any other is cut short.
            self._answer.end(failed=self._answer.sized or exc is not None)

    def pause_writing(self) -> None:
        self._room = self.loop.create_future()

    def resume_writing(self) -> None:
        if self._room is not None and not self._room.done():
            self._room.set_result(None)
        self._room = None

    # httptools

    def on_message_begin(self) -> None:
        self._headers = []
        if self._waiting is None:
            self.close()  # an answer that nobody asked for: the next client must not get it

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name.lower(), value))
        if len(self._headers) > MAX_HEADERS:
            self.close()

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        self._interim = 100 <= status < 200  # noqa: PLR2004 - RFC 9110 §15.2
        waiting = self._waiting
        if self._interim or waiting is None or self.closed:
            return
        self._waiting = None
        self._answer = Answer(status, self._headers, self)
        if waiting.cancelled():
            self.close()
        else:
            waiting.set_result(self._answer)

    def on_body(self, body: bytes) -> None:
        if self._answer is not None and not self._answer.complete:
            self._answer.feed(body)

    def on_message_complete(self) -> None:
        answer = self._answer
        if self._interim or answer is None or answer.complete:
            return
        answer.end()
        if answer.held > HELD_BACK:
            self.go_on()  # the next exchange does not wait for this one's client
        self.served += 1
        self._answer = None
        if self._sent and not self.closed and self._parser.should_keep_alive():
            self._on_free(self)
        elif not self.closed:
            self.close()
