"""One request and its answer, over ASGI."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from ipaddress import IPv6Address, ip_address
from time import monotonic
from typing import Any

from chassis.auth import Actor
from chassis.refusals import Refused

from gateway.governments import Government
from gateway.headers import Head, Headers, lines, returned
from gateway.routes import HELD, Route
from gateway.shedding import Gate
from gateway.upstream import Answer, Broken, Message

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

LINGER_SECONDS = 2.0
LINGER_BYTES = 16 * 1024 * 1024
REPEATABLE = frozenset({"GET", "HEAD", "PUT", "DELETE", "OPTIONS"})  # RFC 9110 §9.2.2
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
BODILESS = frozenset({204, 304})  # and what a 304 says of the length is of the body that it stands for
START_LINES = {name: f"{name} ".encode() for name in ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")}
START_LINES["HEAD"] = START_LINES["GET"]  # services answer GET; the body stays here

# What an API's answer says to a browser that meets it outside a program.
API_HEADERS: Headers = [
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"referrer-policy", b"no-referrer"),
]
NO_STORE = (b"cache-control", b"no-store")


class ClientGone(Exception):  # noqa: N818 - what happened, told as its name
    """The client left before its request was whole."""


class Cut(Exception):  # noqa: N818
    """An answer that had begun cannot be completed: the connection has to end."""


class Exchange:
    """A request on its way. The fields below `head` are filled in as they become known."""

    __slots__ = (
        "actor",
        "begun",
        "client",
        "deadline",
        "government",
        "head",
        "large",
        "listener",
        "method",
        "receive",
        "route",
        "scope",
        "send",
        "started",
        "status",
        "stoppable",
        "target",
        "task",
        "traceparent",
        "unread",
        "verdict",
    )

    head: Head
    government: Government
    route: Route
    client: bytes
    task: "asyncio.Task[object]"

    def __init__(self, scope: Scope, receive: Receive, send: Send, started: float) -> None:
        self.scope = scope
        self.receive = receive
        self.send = send
        self.started = started
        self.method: str = scope["method"]
        self.actor: Actor | None = None
        self.status = 0
        self.begun = False
        self.large: Gate | None = None  # where this request has a place for its large body
        self.unread = False  # part of the request's body was not read
        self.traceparent = b""
        self.deadline = 0.0
        self.verdict: str | None = None
        self.stoppable = False
        self.listener: asyncio.Task[None] | None = None
        query: bytes = scope["query_string"]
        path: bytes = scope["raw_path"]
        self.target = path + b"?" + query if query else path

    # The request

    async def gone(self) -> None:
        """Return when the client has left. Only once the body is read."""
        while (await self.receive())["type"] != "http.disconnect":
            pass

    async def message(
        self,
        *,
        conditions: bool = True,
        cookies: bool = False,
        preferences: Headers | None = None,
        large: Gate | None = None,
    ) -> Message:
        """The request as a service gets it; a body that is not small goes on while it comes in.

        `preferences` stand in the place of the client's own for language and coding. `large` has places for the large
        bodies that are held, each until `release`.

        Raises:
            Refused: 413 `too_large`, 503 `overloaded`. ClientGone.
        """
        head, route = self.head, self.route
        pieces = [
            START_LINES[self.method],
            self.target,
            b" HTTP/1.1\r\nhost: ",
            head.host or b"",
            b"\r\n",
            self.government.headers,
            b"x-inspraak-client: ",
            self.client,
            b"\r\ntraceparent: ",
            self.traceparent,
            b"\r\n",
            *head.forward,
        ]
        if head.authorization is not None and route.auth != "anonymous":
            pieces += (b"authorization: ", head.authorization, b"\r\n")
        if cookies and head.cookie is not None:
            pieces += (b"cookie: ", head.cookie, b"\r\n")
        if head.negotiated is not None or preferences is not None:
            pieces += lines(head.negotiated if preferences is None else preferences)
        if conditions and head.conditions is not None:
            pieces += lines(head.conditions)
        message = Message(b"".join(pieces), repeatable=self.method in REPEATABLE)
        if head.chunked or head.length:
            await self._read_body(message, large)
        return message

    def release(self) -> None:
        """Give back the place for a large body."""
        if self.large is not None:
            self.large.leave()
            self.large = None

    async def _read_body(self, message: Message, large: Gate | None) -> None:
        cap = self.route.body_cap
        if self.head.length is not None and self.head.length > cap:
            raise self._too_large()
        received = await self._piece()
        message.body = received["body"]
        while received["more_body"] and (len(message.body) <= HELD or self.route.held):
            if len(message.body) > HELD and large is not None and self.large is None:
                await large.enter(self.route.rank)
                self.large = large
            received = await self._piece()
            message.body += received["body"]
            self._check_size(len(message.body))
        self._check_size(len(message.body))
        if received["more_body"]:
            message.rest = self._rest(len(message.body))
            message.length = self.head.length
        else:
            self.unread = False

    async def _piece(self) -> MutableMapping[str, Any]:
        received = await self.receive()
        if received["type"] == "http.disconnect":
            raise ClientGone
        return received

    async def _rest(self, size: int) -> AsyncIterator[bytes]:
        more = True
        while more:
            received = await self._piece()
            more = received["more_body"]
            size += len(received["body"])
            self._check_size(size)
            if received["body"]:
                yield received["body"]
        self.unread = False

    def _check_size(self, size: int) -> None:
        if size > self.route.body_cap:
            raise self._too_large()

    def _too_large(self) -> Refused:
        return Refused("too_large", status=413, body_cap=self.route.body_cap)

    # The answer

    async def answer(self, status: int, headers: Headers, body: bytes) -> None:
        """Answer at once. A client that still sends more than a little is listened to no longer than a moment."""
        linger = self.unread and (self.head.length is None or self.head.length > HELD)
        if linger:
            headers = [*headers, (b"connection", b"close")]
        self.status = status
        self.begun = True
        await self.send({"type": "http.response.start", "status": status, "headers": headers})
        if self.method == "HEAD":
            body = b""
        if linger:
            await self.send({"type": "http.response.body", "body": body, "more_body": True})
            await self._linger()
            body = b""
        await self.send({"type": "http.response.body", "body": body})

    async def _linger(self) -> None:
        """Read on for a moment: closing at once would reset the connection before the client has read the answer."""
        size = 0
        try:
            async with asyncio.timeout(LINGER_SECONDS):
                while size < LINGER_BYTES:
                    received = await self._piece()
                    size += len(received["body"])
                    if not received["more_body"]:
                        return
        except (TimeoutError, ClientGone):
            return

    async def relay(self, answer: Answer) -> None:
        """Give a service's answer to the client, as it comes."""
        headers = self.outgoing(answer.status, answer.headers)
        if answer.complete:
            await self.answer(answer.status, headers, answer.take())
            return
        try:
            await self._stream(answer, headers)
        finally:
            answer.abandon()

    def outgoing(self, status: int, headers: Headers) -> Headers:
        """What a client gets of a service's headers."""
        kept = returned(headers)
        if status in BODILESS:
            kept = [pair for pair in kept if pair[0] != b"content-length"]
        if self.route.api:
            kept += API_HEADERS
            if self.actor is not None and not any(name == b"cache-control" for name, _ in kept):
                kept.append(NO_STORE)
        return kept

    async def _stream(self, answer: Answer, headers: Headers) -> None:
        self.status = answer.status
        self.begun = True
        await self.send({"type": "http.response.start", "status": answer.status, "headers": headers})
        if self.method != "HEAD":
            try:
                while piece := await answer.read():
                    await self.send({"type": "http.response.body", "body": piece, "more_body": True})
                    self.deadline = monotonic() + self.route.timeout
            except Broken as broken:
                raise Cut from broken
        await self.send({"type": "http.response.body", "body": b""})


def shared_address(client: bytes) -> str:
    """What counts as one client: an IPv4 address, or the /64 that one IPv6 subscriber has."""
    text = client.decode("latin-1")
    try:
        address = ip_address(text)
    except ValueError:
        return text
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped:
            return str(address.ipv4_mapped)
        return f"{IPv6Address(int(address) >> 64 << 64)}/64"
    return text
