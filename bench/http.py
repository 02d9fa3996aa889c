"""A small HTTP/1.1 client for load: one connection, one request at a time, as little work of its own as possible.

The load generator shares the machine with what it measures, so every microsecond here is one less there.
"""

import asyncio
from dataclasses import dataclass
from typing import cast

CHUNKED_END = b"0\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Response:
    """What came back: the status, the head in lower case, the body as it came."""

    status: int
    head: bytes
    body: bytes

    def header(self, name: bytes) -> bytes | None:
        """A header's value; `name` in lower case."""
        for line in self.head.split(b"\r\n")[1:]:
            key, _, value = line.partition(b":")
            if key.lower() == name:
                return value.strip()
        return None


class Connection(asyncio.Protocol):
    """A keep-alive connection; opened again when the other side has closed it."""

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self._transport: asyncio.Transport | None = None
        self._buffer = b""
        self._head = 0
        self._length: int | None = None
        self._answer: asyncio.Future[Response] | None = None

    async def ask(self, request: bytes) -> Response:
        """Send the bytes of one request; `ConnectionError` when the connection breaks under it."""
        loop = asyncio.get_running_loop()
        if self._transport is None or self._transport.is_closing():
            await loop.create_connection(lambda: self, self._host, self._port)
        self._buffer, self._head, self._length = b"", 0, None
        self._answer = loop.create_future()
        assert self._transport is not None
        self._transport.write(request)
        return await self._answer

    def close(self) -> None:
        """End the connection."""
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The way is open."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's transports are no subclass

    def connection_lost(self, exc: Exception | None) -> None:
        """Whoever waits learns it."""
        self._transport = None
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(ConnectionError(str(exc or "closed")))

    def data_received(self, data: bytes) -> None:
        """Collect until the answer is whole."""
        self._buffer = self._buffer + data if self._buffer else data
        if not self._head:
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            self._head = end + 4
            self._length = _length(self._buffer[: self._head])
        if self._length is None:
            if self._buffer.endswith(CHUNKED_END):
                self._done()
        elif len(self._buffer) >= self._head + self._length:
            self._done()

    def _done(self) -> None:
        buffer, answer = self._buffer, self._answer
        if answer is not None and not answer.done():
            answer.set_result(Response(int(buffer[9:12]), buffer[: self._head], buffer[self._head :]))


def _length(head: bytes) -> int | None:
    """The body's length in bytes; nothing for a chunked one."""
    lower = head.lower()
    at = lower.find(b"\r\ncontent-length:")
    if at >= 0:
        return int(lower[at + 17 : lower.index(b"\r\n", at + 17)])
    return None if b"\r\ntransfer-encoding: chunked" in lower else 0


def request(method: str, path: str, host: str, body: bytes = b"", **headers: str) -> bytes:
    """The bytes of a request."""
    lines = [f"{method} {path} HTTP/1.1", f"host: {host}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    if body or method != "GET":
        lines.append(f"content-length: {len(body)}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body
