"""A gateway between real peers: services on loopback, a real Redis, the table of the product or a test's own."""

import asyncio
import contextlib
import inspect
import json
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import aiohttp
import pytest
from chassis.testing import INTERNAL_KEY, Identity, Servers, serving
from gateway.app import Gateway, Running
from gateway.routes import TABLE, Table
from gateway.settings import Settings
from pydantic import SecretStr
from redis.asyncio import Redis

HOST = "leuven.localhost"
OTHER_HOST = "gent.localhost"


@dataclass
class Government:
    """What tenancy says of one government."""

    hosts: tuple[str, ...]
    id: UUID = field(default_factory=uuid4)
    languages: tuple[str, ...] = ("nl", "fr")
    active: bool = True

    def state(self) -> dict[str, Any]:
        return {
            "government_id": str(self.id),
            "kind": "municipality",
            "hosts": self.hosts,
            "languages": self.languages,
            "active": self.active,
            "names": {"nl": "Gent & co", "fr": "Gand & co"},
            "contact_email": "inspraak@gent.example",
        }


@dataclass
class Got:
    """One request as a peer received it."""

    method: str
    path: str
    query: str
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key == name), None)


@dataclass
class Reply:
    """What a peer answers."""

    body: bytes = b"ok"
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


Handler = Callable[[Got], Awaitable[Reply] | Reply]


class Peer:
    """A service: it notes what it gets and answers what the test says."""

    def __init__(self) -> None:
        self.got: list[Got] = []
        self.handler: Handler = lambda _: Reply()

    def reset(self) -> None:
        """As at the beginning of a test."""
        self.got = []
        self.handler = lambda _: Reply()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        body = b""
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message["body"]
            more = message["more_body"]
        headers = [(name.decode(), value.decode("latin-1")) for name, value in scope["headers"]]
        got = Got(scope["method"], scope["path"], scope["query_string"].decode(), headers, body)
        self.got.append(got)
        reply = self.handler(got)
        if not isinstance(reply, Reply):
            reply = await reply
        sent = {"content-length": str(len(reply.body))} | reply.headers
        raw = [(name.encode(), value.encode()) for name, value in sent.items()]
        await send({"type": "http.response.start", "status": reply.status, "headers": raw})
        await send({"type": "http.response.body", "body": reply.body})


class Tenancy(Peer):
    """Tenancy as the gateway meets it: the list of governments, with an ETag."""

    def __init__(self) -> None:
        super().__init__()
        self.governments: list[Government] = []
        self.reset()

    def reset(self) -> None:
        """Two governments."""
        super().reset()
        self.governments = [Government((HOST,)), Government((OTHER_HOST,))]
        self.handler = self._answer

    def _answer(self, got: Got) -> Reply:
        if got.path != "/internal/v1/governments":
            return Reply(b"{}", headers={"content-type": "application/json"})
        body = json.dumps({"items": [each.state() for each in self.governments]}).encode()
        etag = f'"{hash(body)}"'
        if got.header("if-none-match") == etag:
            return Reply(b"", 304, {"etag": etag})
        return Reply(body, headers={"etag": etag, "content-type": "application/json"})


class Keys(Peer):
    """Identity: its public keys, and whatever else with 200."""

    def __init__(self, identity: Identity) -> None:
        super().__init__()
        self.keys = json.dumps({"keys": [identity.key.as_dict(private=False)]}).encode()
        self.reset()

    def reset(self) -> None:
        """The keys."""
        super().reset()
        self.handler = lambda _: Reply(self.keys, headers={"content-type": "application/json"})


@dataclass
class World:
    """A running gateway and what stands around it."""

    running: Running
    gateway: Gateway
    http: aiohttp.ClientSession
    tenancy: Tenancy
    identity: Identity
    peers: dict[str, Peer]

    @property
    def leuven(self) -> Government:
        return self.tenancy.governments[0]

    @property
    def gent(self) -> Government:
        return self.tenancy.governments[1]

    @property
    def public(self) -> str:
        return f"http://127.0.0.1:{self.running.public_port}"

    @property
    def internal(self) -> str:
        return f"http://127.0.0.1:{self.running.internal_port}"

    def bearer(self, person: UUID | None = None, *, tenant: UUID | None = None, **facts: Any) -> dict[str, str]:
        return {"authorization": f"Bearer {self.identity.token(tenant or self.leuven.id, person, **facts)}"}

    async def ask(
        self, method: str, path: str, *, host: str = HOST, headers: dict[str, str] | None = None, data: Any = None
    ) -> "Answer":
        """Ask the public listener."""
        return await self._ask(method, self.public + path, {"host": host} | (headers or {}), data)

    async def ask_within(
        self, method: str, path: str, *, headers: dict[str, str] | None = None, data: Any = None
    ) -> "Answer":
        """Ask the internal listener as web does."""
        ours = {
            "x-inspraak-key": INTERNAL_KEY,
            "x-inspraak-tenant": str(self.leuven.id),
            "x-inspraak-client": "192.0.2.7",
        }
        return await self._ask(method, self.internal + path, ours | (headers or {}), data)

    async def _ask(self, method: str, url: str, headers: dict[str, str], data: Any) -> "Answer":
        async with self.http.request(method, url, headers=headers, data=data, allow_redirects=False) as answer:
            headers = {name.lower(): value for name, value in answer.headers.items()}
            return Answer(answer.status, headers, await answer.read())

    async def raw(self, data: bytes, *, seconds: float = 10, silence: float = 0.5) -> bytes:
        """Send bytes to the public listener and give all that comes back until it closes or is silent for a while."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.running.public_port)
        writer.write(data)
        received = b""
        with contextlib.suppress(TimeoutError, ConnectionResetError):
            async with asyncio.timeout(seconds):
                while piece := await asyncio.wait_for(reader.read(65536), silence):
                    received += piece
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
        return received

    async def metric(self, name: str) -> float:
        """The sum of a metric's samples that begin with a name."""
        text = (await self._ask("GET", self.internal + "/metrics", {}, None)).body.decode()
        return sum(float(line.rpartition(" ")[2]) for line in text.splitlines() if line.startswith(name))


@dataclass(frozen=True)
class Answer:
    """What the gateway answered."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        return str(self.json["code"])


@pytest.fixture
def redis_url(servers: Servers) -> str:
    """A database of Redis for this test process alone."""
    number = 1 + int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 8
    return servers.redis_url.rpartition("/")[0] + f"/{number}"


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator["Redis"]:
    client = Redis.from_url(redis_url)
    await client.flushdb()
    yield client
    await client.aclose()


@pytest.fixture(scope="session")
async def served_peers(identity_keys: Identity) -> AsyncIterator[tuple[dict[str, Peer], dict[str, str]]]:
    """The peers and their addresses, served once for all tests."""
    peers: dict[str, Peer] = {"tenancy": Tenancy(), "identity": Keys(identity_keys)}
    peers |= {name: Peer() for name in ("voting", "notifications", "web")}
    async with contextlib.AsyncExitStack() as stack:
        yield peers, {name: await stack.enter_async_context(serving(peer)) for name, peer in peers.items()}


@pytest.fixture
def peers(served_peers: tuple[dict[str, Peer], dict[str, str]]) -> dict[str, Peer]:
    """The peers, as at the beginning."""
    for peer in served_peers[0].values():
        peer.reset()
    return served_peers[0]


@pytest.fixture
async def start(
    redis: "Redis",  # noqa: ARG001 - emptied
    redis_url: str,
    identity_keys: Identity,
    served_peers: tuple[dict[str, Peer], dict[str, str]],
    peers: dict[str, Peer],
) -> AsyncIterator[Callable[..., Any]]:
    """Starts a gateway with its peers: `world = await start()`; addresses, table and settings may be the test's own."""
    async with contextlib.AsyncExitStack() as stack:
        http = await stack.enter_async_context(
            aiohttp.ClientSession(
                auto_decompress=False,
                connector=aiohttp.TCPConnector(limit=0),
                skip_auto_headers=("accept-encoding", "user-agent"),
            )
        )

        async def begin(
            *, table: Table | None = None, urls: dict[str, str] | None = None, known: bool = True, **settings: Any
        ) -> World:
            given: dict[str, Any] = {
                "environment": "test",
                "port": 0,
                "internal_port": 0,
                "redis_url": redis_url,
                "service_urls": served_peers[1] | (urls or {}),
                "internal_key": SecretStr(INTERNAL_KEY),
                "graceful_shutdown": 5,
            }
            gateway = Gateway(Settings(**given | settings), table or Table.load())
            running = await stack.enter_async_context(gateway.serving())
            tenancy = peers["tenancy"]
            assert isinstance(tenancy, Tenancy)
            if known:
                await _eventually(lambda: gateway.governments.known)
            return World(running, gateway, http, tenancy, identity_keys, peers)

        yield begin


@pytest.fixture
async def world(start: Callable[..., Any]) -> World:
    """A gateway as the product has it."""
    made: World = await start()
    return made


@pytest.fixture
def nobody() -> str:
    """An address where nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{taken.getsockname()[1]}"


@pytest.fixture
def reply() -> type[Reply]:
    """What a peer answers."""
    return Reply


@pytest.fixture
def government() -> type[Government]:
    """One government of tenancy's."""
    return Government


@dataclass
class Line:
    """One connection to a service that speaks raw bytes, with its number."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    number: int

    async def head(self) -> bytes:
        """The next request's head."""
        return await self.reader.readuntil(b"\r\n\r\n")

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()


Act = Callable[[Line], Awaitable[None]]


@contextlib.asynccontextmanager
async def _speaking(act: Act, port: int = 0) -> AsyncIterator[str]:
    tasks: set[asyncio.Task[None]] = set()
    count = 0

    async def hold(line: Line) -> None:
        ends = (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError)
        with contextlib.suppress(*ends):
            await act(line)
        line.writer.close()
        with contextlib.suppress(ConnectionError):
            await line.writer.wait_closed()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal count
        count += 1
        task = asyncio.create_task(hold(Line(reader, writer, count)))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(connected, "127.0.0.1", port)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()


@pytest.fixture
def speaking() -> Callable[..., Any]:
    """A service that speaks raw bytes: `async with speaking(act) as url`, where `act` gets each connection."""
    return _speaking


@pytest.fixture
def changed() -> Callable[..., Table]:
    """The product's table with other numbers: `changed(("timeout = 10", "timeout = 0.3"))`."""

    def change(*pairs: tuple[str, str]) -> Table:
        text = TABLE.read_text()
        for old, new in pairs:
            assert old in text
            text = text.replace(old, new)
        return Table.parse(text)

    return change


async def _eventually(holds: Callable[[], Any], seconds: float = 10) -> None:
    async with asyncio.timeout(seconds):
        while True:
            held = holds()
            if await held if inspect.isawaitable(held) else held:
                return
            await asyncio.sleep(0.02)


@pytest.fixture
def eventually() -> Callable[..., Any]:
    """Waits until something holds: `await eventually(lambda: …)`."""
    return _eventually
