"""Two HTTP servers in one process: uvicorn with httptools and uvloop, with bounds that it has not by itself."""

import asyncio
import contextlib
import logging
import signal
import socket
from collections.abc import Iterator
from time import monotonic
from typing import Any, cast

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

LONGEST_HEAD = 32768  # bytes of a request line with its headers
HEAD_WITHIN = 10.0  # seconds from a connection's opening, or from a request's first byte, to the end of its headers
LARGE = 65536
KEPT_OPEN = 75  # seconds a silent connection stays
BACKLOG = 2048
TOO_MANY = b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 5\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
HEAD_TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
BAD_REQUEST = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
AROUND_A_VALUE = len(b": \r\n")
logger = logging.getLogger("gateway.server")


class Gathered:
    """A transport that gathers what is written in one turn of the event loop: head and body leave by one system call.

    uvloop writes at once and uvicorn writes twice; a system call more is a fifth of what a small request costs.
    """

    __slots__ = ("_loop", "_pieces", "_transport", "is_closing", "pause_reading", "resume_reading")

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._pieces: list[bytes] = []
        self._loop = loop
        self.is_closing = transport.is_closing
        self.pause_reading = transport.pause_reading
        self.resume_reading = transport.resume_reading

    def write(self, data: bytes) -> None:
        """Write before the next turn; much data at once, so that the transport can ask for a pause."""
        if not self._pieces:
            self._loop.call_soon(self.flush)
        self._pieces.append(data)
        if len(data) > LARGE:
            self.flush()

    def flush(self) -> None:
        """Write what was gathered."""
        if self._pieces:
            data = b"".join(self._pieces)
            self._pieces.clear()
            self._transport.write(data)

    def close(self) -> None:
        """Close once everything is written."""
        self.flush()
        self._transport.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class Bounded(HttpToolsProtocol):
    """uvicorn's HTTP protocol for clients who may be anybody: bounds on all that is no body, and on connections."""

    most_connections = 8192

    def connection_made(self, transport: Any) -> None:
        """Take a connection, or say at once that there are too many."""
        gathered = Gathered(transport, self.loop)
        super().connection_made(cast("asyncio.Transport", gathered))  # it has all of one that uvicorn uses
        self.framing = 0  # bytes of heads, and around and after chunks, since the read with the last byte of a body
        self.in_head = True
        self.refusal = BAD_REQUEST
        self.head_since: float | None = None
        if len(self.connections) > self.most_connections:
            self.transport.write(TOO_MANY)
            self.transport.close()

    def data_received(self, data: bytes) -> None:
        """Read on, but not without end in what is no body."""
        self.framing += len(data)
        super().data_received(data)
        if self.framing > LONGEST_HEAD and not self.transport.is_closing():
            self._refuse(HEAD_TOO_LARGE if self.in_head else BAD_REQUEST)

    def on_message_begin(self) -> None:
        """A head begins."""
        super().on_message_begin()
        self.in_head = True

    def on_header(self, name: bytes, value: bytes) -> None:
        """A field of the head. One after the body is no header (RFC 9110 §6.5.1), and nothing here has a use for it."""
        if not self.in_head:
            raise ValueError("a trailer")
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The head is whole, and may have come in one piece; bodies have bounds of their own."""
        size = len(self.url) + sum(len(name) + len(value) + AROUND_A_VALUE for name, value in self.headers)
        if size > LONGEST_HEAD:
            self.refusal = HEAD_TOO_LARGE
            raise ValueError("a head that is too large")
        super().on_headers_complete()
        self.framing = 0
        self.in_head = False

    def on_body(self, body: bytes) -> None:
        """A piece of a body."""
        self.framing = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The next bytes are a head again."""
        super().on_message_complete()
        self.framing = 0
        self.in_head = True

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - uvicorn's words
        """What came cannot be read, or one of the above would not read it."""
        self._refuse(self.refusal)

    def _refuse(self, refusal: bytes) -> None:
        """Say no and close, without mixing it with another answer that is on its way."""
        cycle = self.cycle
        if not self.in_head:
            if not cycle.response_started and not self.pipeline:
                self.transport.write(refusal)
            cycle.disconnected = True
            cycle.message_event.set()
        elif self.answered:
            self.transport.write(refusal)
        else:  # requests before this one are still to be answered
            cycle.keep_alive = False
            self.flow.pause_reading()
            return
        self.transport.close()

    @property
    def answered(self) -> bool:
        """Whether every request that was read is answered."""
        return self.cycle is None or self.cycle.response_complete

    @property
    def idle(self) -> bool:
        """Whether it waits for the end of a head, and not merely for another request (that has a timer already)."""
        return self.answered and self.timeout_keep_alive_task is None


class Server(uvicorn.Server):
    """A uvicorn server that leaves signals to the process: there are two of it."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave them."""
        yield


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; `OSError` when somebody else has the port."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.setblocking(False)  # noqa: FBT003 - the standard library's own
    except OSError as error:
        listener.close()
        raise OSError(f"cannot listen on {host}, port {port}: {error.strerror}") from error
    return listener


def server(app: Any, *, connections: int, grace: int) -> Server:
    """A server for an app. `grace`: seconds that requests under way get at the end."""
    protocol = type("BoundedTo", (Bounded,), {"most_connections": connections})
    config = uvicorn.Config(
        app,
        http=protocol,
        loop="uvloop",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=KEPT_OPEN,
        timeout_graceful_shutdown=grace,
        backlog=BACKLOG,
    )
    return Server(config)


async def close_slow_heads(servers: list[Server]) -> None:
    """Close connections that open, or begin a request, and then say too little for too long. Runs until cancelled."""
    while True:
        await asyncio.sleep(1)
        now = monotonic()
        for each in servers:
            for connection in list(each.server_state.connections):
                _close_if_slow(connection, now)


def _close_if_slow(connection: Any, now: float) -> None:
    if not isinstance(connection, Bounded):
        return
    if not connection.idle:
        connection.head_since = None
    elif connection.head_since is None:
        connection.head_since = now
    elif now - connection.head_since > HEAD_WITHIN:
        connection.transport.close()


def on_signals(act: Any) -> None:
    """Call `act` on SIGTERM and SIGINT."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, act)
