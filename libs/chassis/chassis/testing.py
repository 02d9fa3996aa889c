"""The pytest plugin: real PostgreSQL, RabbitMQ and Redis for every test, each test with a database of its own.

One fixture decides where the servers are: addresses in the environment (`make test` sets them), else containers where
an engine answers. A database is a copy of a migrated template, so that tests commit for real: an outer transaction that
is rolled back would hide a missing tenant.
"""

import asyncio
import contextlib
import os
import shutil
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import aiohttp
import asyncpg
import pytest
import uvicorn
from joserfc import jwt
from joserfc.jwk import RSAKey
from pydantic import SecretStr
from sqlalchemy import make_url

from chassis import migrations
from chassis.auth import AUDIENCE, ISSUER

if TYPE_CHECKING:
    from chassis.service import Service

INTERNAL_KEY = "dGVzdC1vbmx5LWludGVybmFsLWtleS0zMi1ieXRlcy0"
STARTED_WITHIN = 20.0


@dataclass(frozen=True)
class Servers:
    """Where the real servers are: PostgreSQL as its superuser, RabbitMQ, Redis."""

    postgres_url: str
    amqp_url: str
    redis_url: str


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    """The real servers that every test uses."""
    found = [os.environ.get(f"INSPRAAK_{name}_URL") for name in ("POSTGRES", "AMQP", "REDIS")]
    if all(found):
        yield Servers(*(str(url) for url in found))
        return
    if _engine_answers():
        with _containers() as started:
            yield started
        return
    pytest.fail(
        "no servers: run the tests by `make test`, or name them in INSPRAAK_POSTGRES_URL, _AMQP_URL, _REDIS_URL"
    )


def _engine_answers() -> bool:
    docker = shutil.which("docker")
    if docker is None:
        return False
    return subprocess.run([docker, "info"], capture_output=True, timeout=10, check=False).returncode == 0  # noqa: S603


@contextlib.contextmanager
def _containers() -> Iterator[Servers]:
    from testcontainers.postgres import PostgresContainer  # noqa: PLC0415 - only where an engine runs
    from testcontainers.rabbitmq import RabbitMqContainer  # noqa: PLC0415
    from testcontainers.redis import RedisContainer  # noqa: PLC0415

    with (
        PostgresContainer("postgres:15") as postgres,
        RabbitMqContainer("rabbitmq:3.13") as rabbit,
        RedisContainer("redis:7") as redis,
    ):
        host, port = rabbit.get_container_host_ip(), rabbit.get_exposed_port(5672)
        redis_url = f"redis://{redis.get_container_host_ip()}:{redis.get_exposed_port(6379)}/0"
        amqp_url = f"amqp://{rabbit.username}:{rabbit.password}@{host}:{port}/"
        yield Servers(postgres.get_connection_url(driver=None), amqp_url, redis_url)


@dataclass(frozen=True)
class Database:
    """A migrated database: the login role's address and the owner's."""

    url: str
    owner_url: str


DatabaseFactory = Callable[["Service"], Any]


@pytest.fixture(scope="session")
async def templates(servers: Servers) -> AsyncIterator[Callable[["Service"], Any]]:
    """Makes a service's migrated template database, once a test process."""
    made: dict[str, str] = {}

    async def template(service: "Service") -> str:
        if service.name not in made:
            made[service.name] = await _make_template(servers, service, f"{service.name}_template_{os.getpid()}")
        return made[service.name]

    yield template
    admin = await asyncpg.connect(servers.postgres_url)
    for name in made.values():
        await admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
    await admin.close()


async def _make_template(servers: Servers, service: "Service", name: str) -> str:
    admin = await asyncpg.connect(servers.postgres_url)
    owner, login = f"{service.name}_owner", service.name
    async with admin.transaction():
        await admin.execute("SELECT pg_advisory_xact_lock(4711)")  # two test processes may ask at once
        for role, options in ((owner, "BYPASSRLS"), (login, "NOBYPASSRLS")):
            if not await admin.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", role):
                await admin.execute(f'CREATE ROLE "{role}" LOGIN NOSUPERUSER')
            await admin.execute(f"ALTER ROLE \"{role}\" {options} PASSWORD 'test'")
    await admin.execute(f'CREATE DATABASE "{name}" OWNER "{owner}"')
    await admin.close()
    url = _as(servers.postgres_url, owner, name)
    await asyncio.to_thread(migrations.upgrade, service.migrations_folder, url, login_role=login)
    return name


def _as(url: str, role: str, database: str) -> str:
    changed = make_url(url).set(drivername="postgresql", username=role, password="test", database=database)  # noqa: S106
    return changed.render_as_string(hide_password=False)


@pytest.fixture
async def database_of(servers: Servers, templates: Any) -> AsyncIterator[DatabaseFactory]:
    """A fresh, migrated database for a service, by awaiting what this gives with the service."""
    made: list[str] = []
    admin = await asyncpg.connect(servers.postgres_url)

    async def make(service: "Service") -> Database:
        template = await templates(service)
        name = f"{service.name}_{uuid4().hex[:12]}"
        await admin.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        made.append(name)
        owner = f"{service.name}_owner"
        return Database(_as(servers.postgres_url, service.name, name), _as(servers.postgres_url, owner, name))

    yield make
    for name in made:
        await admin.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
    await admin.close()


@dataclass
class Identity:
    """Signs access tokens as identity would; its public key is served at a real address."""

    url: str
    key: RSAKey

    def token(
        self,
        tenant: UUID,
        person: UUID | None = None,
        *,
        roles: tuple[str, ...] = (),
        level: int = 1,
        seconds: int = 900,
    ) -> str:
        """An access token of a person of a government."""
        now = int(time.time())
        claims: dict[str, Any] = {"iss": ISSUER, "aud": AUDIENCE, "sub": str(person or uuid4()), "tid": str(tenant)}
        claims["sid"] = str(uuid4())
        claims |= {"roles": list(roles), "lvl": level, "iat": now, "exp": now + seconds}
        return jwt.encode({"alg": "RS256", "kid": self.key.kid}, claims, self.key)


@pytest.fixture(scope="session")
async def identity_keys() -> AsyncIterator[Identity]:
    """The key that signs the tokens of tests, its public half at /.well-known/jwks.json."""
    key = RSAKey.generate_key(2048, parameters={"use": "sig"}, auto_kid=True)
    body = {"keys": [key.as_dict(private=False)]}

    async def jwks(scope: Any, _receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        from starlette.responses import JSONResponse  # noqa: PLC0415

        await JSONResponse(body)(scope, _receive, send)

    async with serving(jwks) as url:
        yield Identity(url, key)


@contextlib.asynccontextmanager
async def serving(app: Any) -> AsyncIterator[str]:
    """Serve an ASGI app over real HTTP on a free port for the length of a block."""
    # asyncio turns Nagle's algorithm off only where the protocol is named; with it each small answer takes 40 ms.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.bind(("127.0.0.1", 0))
        config = uvicorn.Config(app, log_config=None, access_log=False, lifespan="auto", http="httptools")
        server = uvicorn.Server(config)
        server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
        task = asyncio.create_task(server.serve(sockets=[listener]))
        deadline = time.monotonic() + STARTED_WITHIN
        while not server.started:
            if task.done() or time.monotonic() > deadline:
                await task
                raise RuntimeError("the app did not start")
            await asyncio.sleep(0.005)
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            await task


@dataclass
class Client:
    """Asks a running service as the gateway would, for one government and one person or nobody."""

    base: str
    http: aiohttp.ClientSession
    tenant: UUID
    identity: Identity
    settings: Any = None
    headers: dict[str, str] = field(default_factory=dict)

    def as_person(self, person: UUID | None = None, *roles: str, level: int = 1) -> "Client":
        """The same service asked by a signed-in person of the same government."""
        token = self.identity.token(self.tenant, person, roles=roles, level=level)
        bearer = {"authorization": f"Bearer {token}"}
        return Client(self.base, self.http, self.tenant, self.identity, self.settings, bearer)

    def of(self, tenant: UUID) -> "Client":
        """The same person's token on another government's host."""
        return Client(self.base, self.http, tenant, self.identity, self.settings, self.headers)

    async def __call__(self, method: str, path: str, json: Any = None, **headers: str) -> "Answer":
        """One request: `await client("PUT", "/api/v1/polls/…/vote", {"choices": [1]})`."""
        gateway = {
            "x-inspraak-key": INTERNAL_KEY,
            "x-inspraak-tenant": str(self.tenant),
            "x-inspraak-client": "127.0.0.1",
        }
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        async with self.http.request(
            method, self.base + path, json=json, headers=gateway | self.headers | named
        ) as got:
            raw = await got.read()
            parsed = await got.json(content_type=None) if "json" in got.content_type and raw else None
            return Answer(got.status, parsed, raw, got.headers)


@dataclass(frozen=True)
class Answer:
    """What came back. `json` is None when the body is none."""

    status: int
    json: Any
    body: bytes
    headers: Mapping[str, str]  # in any case


@pytest.fixture
async def running(
    servers: Servers, database_of: DatabaseFactory, identity_keys: Identity
) -> AsyncIterator[Callable[..., Any]]:
    """Serves a service's API over a fresh database and gives its client; settings may be overridden by name."""
    async with contextlib.AsyncExitStack() as stack:
        http = await stack.enter_async_context(aiohttp.ClientSession())

        async def start(service: "Service", **overrides: Any) -> Client:
            database: Database = await database_of(service)
            given: dict[str, Any] = {
                "environment": "test",
                "database_url": database.url,
                "migration_database_url": database.owner_url,
                "amqp_url": servers.amqp_url,
                "redis_url": servers.redis_url,
                "identity_url": identity_keys.url,
                "internal_key": SecretStr(INTERNAL_KEY),
            }
            settings = service.settings_type(**given | overrides)
            base = await stack.enter_async_context(serving(service.app(settings)))
            return Client(base, http, uuid4(), identity_keys, settings)

        yield start
