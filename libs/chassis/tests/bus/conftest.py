"""A service of its own for each test: a database, an event type, queues that nobody else uses; real servers below."""

import asyncio
import contextlib
import json
import random
import string
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
from aio_pika import Message
from alembic.migration import MigrationContext
from alembic.operations import Operations
from chassis.bus import EVENTS, Publisher, Topology, close, connect, topology
from chassis.bus_tables import create_bus_tables
from chassis.clock import uuid7
from chassis.db import create_engine, enable_row_level_security, session_maker, tenant_session
from chassis.due import Timers
from chassis.events import encode
from chassis.handlers import Handlers
from chassis.outbox import Relay, emit
from chassis.settings import ServiceSettings
from chassis.testing import Database, Servers
from chassis.worker import Worker
from contracts.base import Event, event_types
from pydantic import create_model
from sqlalchemy import Connection, make_url, text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.pool import NullPool

WAITS = (0.1, 0.2, 0.3)
TENANT = UUID("0192aa00-0000-7000-8000-0000000000aa")
ROLES = (
    "SELECT pg_advisory_lock(4711)",  # two test processes may ask at once
    """DO $$ BEGIN
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'chassis_owner') THEN
            CREATE ROLE chassis_owner LOGIN NOSUPERUSER BYPASSRLS PASSWORD 'test';
        END IF;
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'chassis') THEN
            CREATE ROLE chassis LOGIN NOSUPERUSER NOBYPASSRLS PASSWORD 'test';
        END IF;
    END $$""",
)
TABLES = (
    "CREATE TABLE effects (tenant_id uuid NOT NULL, thing_id uuid NOT NULL, event_id uuid, sequence int)",
    "CREATE TABLE things (tenant_id uuid, id uuid, sequence int NOT NULL, PRIMARY KEY (tenant_id, id))",
)


def thing_class(name: str) -> type[Event]:
    """An event type that only one test knows: `thing_id` and a note."""
    known = event_types().get(name)
    if known is not None:
        return known
    return create_model(
        "Thing",
        __base__=Event,
        __cls_kwargs__={"type": name, "subject": "thing_id"},
        thing_id=(UUID, ...),
        note=(str, ""),
    )


async def eventually(check: Callable[[], Awaitable[Any]], *, within: float = 60.0) -> Any:
    """What the check gives as soon as it gives something true."""
    deadline = asyncio.get_running_loop().time() + within
    while True:
        result = await check()
        if result:
            return result
        assert asyncio.get_running_loop().time() < deadline, f"not within {within} s"
        await asyncio.sleep(0.02)


@dataclass
class Rig:
    """One test's service and what it may ask of it."""

    service: str
    database: Database
    amqp_url: str
    thing: type[Event]
    engine: AsyncEngine
    sessions: async_sessionmaker[AsyncSession]
    tenant: UUID = TENANT
    publishers: list[Publisher] = field(default_factory=list)

    @property
    def topology(self) -> Topology:
        return topology(self.service, [self.thing.type], waits=WAITS, delivery_limit=3)

    def settings(self, **overrides: Any) -> ServiceSettings:
        given = {"environment": "test", "amqp_url": self.amqp_url, "database_url": self.database.url}
        return ServiceSettings(**given | {"database_pool": 8, "graceful_shutdown": 3} | overrides)

    def worker(self, handlers: Handlers | None = None, timers: Timers | None = None, **overrides: Any) -> Worker:
        return Worker(
            self.service,
            self.settings(**overrides),
            self.sessions,
            handlers or self.recording(),
            timers or Timers(),
            waits=WAITS,
            delivery_limit=3,
        )

    def publisher(self) -> Publisher:
        """A publisher that is closed after the test."""
        self.publishers.append(Publisher(self.amqp_url, self.topology))
        return self.publishers[-1]

    def relay(self) -> Relay:
        return Relay(self.engine, self.publisher())

    def recording(self) -> Handlers:
        """Handlers that note every effect."""
        on = Handlers()

        @on(self.thing)
        async def record(event: Any, session: AsyncSession, _now: datetime, *, sequence: int, event_id: UUID) -> None:
            await self.record(session, event.thing_id, event_id, sequence)

        return on

    async def record(self, session: AsyncSession, thing: UUID, event_id: UUID | None = None, sequence: int = 0) -> None:
        await session.execute(
            text("insert into effects values (current_setting('app.tenant_ids')::uuid, :thing, :event, :sequence)"),
            {"thing": thing, "event": event_id, "sequence": sequence},
        )

    def session(self, *tenants: UUID) -> contextlib.AbstractAsyncContextManager[AsyncSession]:
        return tenant_session(self.sessions, *(tenants or (self.tenant,)))

    async def emit(self, *things: UUID, sequence: int = 1) -> list[UUID]:
        async with self.session() as session:
            return [emit(session, self.make(thing), sequence=sequence) for thing in things or (uuid4(),)]

    def make(self, thing: UUID | None = None, note: str = "") -> Event:
        return self.thing.model_validate({"thing_id": thing or uuid4(), "note": note})

    def encoded(self, thing: UUID | None = None, *, sequence: int = 1, event_id: UUID | None = None) -> bytes:
        event, now = self.make(thing), datetime.now(UTC)
        return encode(event, event_id=event_id or uuid7(), tenant=self.tenant, sequence=sequence, time=now)

    async def publish(self, *bodies: bytes, exchange: str = EVENTS, headers: Any = None) -> None:
        publisher = self.publisher()
        key = self.thing.type if exchange == EVENTS else self.service
        messages = [
            Message(body, message_id=f"test-{n}", type=self.thing.type, delivery_mode=2, headers=headers or {})
            for n, body in enumerate(bodies)
        ]
        await publisher.publish(*((exchange, key, message) for message in messages))

    async def rows(self, query: str, **values: Any) -> Sequence[Any]:
        async with self.session() as session:
            return (await session.execute(text(query), values)).all()

    async def effects(self) -> list[UUID]:
        """The ids of the things that took effect, once for each time they did."""
        return [row[0] for row in await self.rows("select thing_id from effects order by thing_id")]

    async def pending(self) -> int:
        return int((await self.rows("select count(*) from outbox"))[0][0])

    @contextlib.asynccontextmanager
    async def channel(self) -> AsyncIterator[Any]:
        connection = await connect(self.amqp_url, "test")
        try:
            yield await connection.channel()
        finally:
            await close(connection)

    async def take(self, queue: str) -> list[Any]:
        """Take all messages out of a queue."""
        async with self.channel() as channel:
            found, messages = await channel.get_queue(queue), []
            while (message := await found.get(fail=False)) is not None:
                await message.ack()
                messages.append(message)
            return messages

    async def child(self, role: str, *arguments: str) -> asyncio.subprocess.Process:
        """A process of its own that works for this service, for tests that kill it."""
        told = {"service": self.service, "type": self.thing.type, "database": self.database.url, "amqp": self.amqp_url}
        return await asyncio.create_subprocess_exec(
            sys.executable,
            str(Path(__file__).with_name("child.py")),
            role,
            json.dumps(told),
            *arguments,
        )


@pytest.fixture
async def rig(servers: Servers) -> AsyncIterator[Rig]:
    name = "".join(random.choices(string.ascii_lowercase, k=12))
    database = await _create_database(servers, name)
    await _migrate(database.owner_url)
    engine = create_engine(database.url, pool=12)
    thing = thing_class(f"{name}.thing_happened.v1")
    made = Rig(name, database, servers.amqp_url, thing, engine, session_maker(engine))
    yield made
    for publisher in made.publishers:
        await publisher.close()
    await engine.dispose()
    await _as_administrator(servers, f"DROP DATABASE {name} WITH (FORCE)")
    async with made.channel() as channel:
        for queue in made.topology.queues:
            if queue.name.startswith(name):
                await channel.queue_delete(queue.name)


async def _create_database(servers: Servers, name: str) -> Database:
    await _as_administrator(servers, *ROLES, f"CREATE DATABASE {name} OWNER chassis_owner")
    server = make_url(servers.postgres_url).set(drivername="postgresql", database=name, password="test")
    login, owner = (
        server.set(username=role).render_as_string(hide_password=False) for role in ("chassis", "chassis_owner")
    )
    return Database(login, owner)


async def _as_administrator(servers: Servers, *statements: str) -> None:
    """Over a connection of its own each time: some tests kill the server in between."""
    admin = await asyncpg.connect(servers.postgres_url)
    for statement in statements:
        await admin.execute(statement)
    await admin.close()


async def _migrate(owner_url: str) -> None:
    engine = create_async_engine(owner_url.replace("postgresql://", "postgresql+asyncpg://"), poolclass=NullPool)
    async with engine.begin() as connection:
        await connection.run_sync(_create_bus_tables)
        for statement in (*TABLES, *enable_row_level_security("effects", "things")):
            await connection.execute(text(statement))
        await connection.execute(text("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO chassis"))
    await engine.dispose()


def _create_bus_tables(connection: Connection) -> None:
    create_bus_tables(Operations(MigrationContext.configure(connection)))


@pytest.fixture(name="eventually")
def _eventually() -> Callable[..., Awaitable[Any]]:
    return eventually
