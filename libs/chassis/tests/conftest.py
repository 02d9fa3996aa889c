"""What the chassis's own tests share."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from uuid import uuid4

import asyncpg
import pytest
from chassis.db import enable_row_level_security
from chassis.testing import Database, Servers
from sqlalchemy import Table, make_url, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.pool import NullPool

from libs.chassis.tests.entries import Entry, Seat

MakeTables = Callable[..., Awaitable[Database]]
ROLES = {"chassis_owner": "BYPASSRLS", "chassis": "NOBYPASSRLS"}


@pytest.fixture
async def tables(servers: Servers) -> AsyncIterator[MakeTables]:
    """Makes a fresh database that holds these tables: those with a tenant under row-level security, all granted."""
    async with _making_tables(servers) as make:
        yield make


@pytest.fixture(scope="session")
async def kept_database(servers: Servers) -> AsyncIterator[Database]:
    """The database of `entries`, made once."""
    async with _making_tables(servers) as make:
        yield await make(Entry, Seat)


@pytest.fixture
async def entries(kept_database: Database) -> Database:
    """A database with empty tables `entries` and `seats`."""
    owner = await asyncpg.connect(kept_database.owner_url)
    await owner.execute("TRUNCATE entries, seats")
    await owner.close()
    return kept_database


@asynccontextmanager
async def _making_tables(servers: Servers) -> AsyncIterator[MakeTables]:
    admin = await asyncpg.connect(servers.postgres_url)
    made: list[str] = []

    async def make(*rows: type[DeclarativeBase]) -> Database:
        name = f"chassis_{uuid4().hex[:12]}"
        await _make_roles(admin)
        await admin.execute(f'CREATE DATABASE "{name}" OWNER chassis_owner')
        made.append(name)
        server = make_url(servers.postgres_url).set(drivername="postgresql", database=name)
        urls = [
            server.set(username=role, password="test").render_as_string(hide_password=False)
            for role in ("chassis", "chassis_owner")
        ]
        await _make_tables(urls[1], [row.__table__ for row in rows if isinstance(row.__table__, Table)])
        return Database(*urls)

    yield make
    for name in made:
        await admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
    await admin.close()


async def _make_roles(admin: asyncpg.Connection) -> None:
    async with admin.transaction():
        await admin.execute("SELECT pg_advisory_xact_lock(4711)")  # two test processes may ask at once
        for role, option in ROLES.items():
            if not await admin.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", role):
                await admin.execute(f"CREATE ROLE {role} LOGIN NOSUPERUSER {option} PASSWORD 'test'")


async def _make_tables(owner_url: str, made: list[Table]) -> None:
    engine = create_async_engine(owner_url.replace("postgresql://", "postgresql+asyncpg://"), poolclass=NullPool)
    async with engine.begin() as connection:
        for table in made:
            await connection.run_sync(table.create)
            if "tenant_id" in table.primary_key.columns:
                for statement in enable_row_level_security(table.name):
                    await connection.execute(text(statement))
            await connection.execute(text(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table.name} TO chassis"))
    await engine.dispose()
