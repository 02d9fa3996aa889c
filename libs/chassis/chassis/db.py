"""PostgreSQL: naming, tenancy in the database, one request is one transaction.

Every tenant table begins its keys with `tenant_id` and carries one row-level security policy, which reads the setting
`app.tenant_ids` of the transaction. No tenant, no rows: a query that forgets its tenant finds nothing.
"""

import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Annotated, Any, ClassVar
from uuid import UUID

from fastapi import Depends, Request
from prometheus_client import Histogram
from sqlalchemy import DateTime, MetaData, Text, event, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.orm import Session as SyncSession
from sqlalchemy.pool import AsyncAdaptedQueuePool, PoolProxiedConnection

from chassis.refusals import Refused

NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}
# The inner select makes it one look at the setting a statement, not one a row (docs/adr/0006).
TENANTS = "select string_to_array(nullif(current_setting('app.tenant_ids', true), ''), ',')::uuid[]"
POLICY = f"tenant_id = any (({TENANTS})::uuid[])"
# What a connection asks of PostgreSQL when it begins. A pooler in between ignores it, so migrations also set it on the
# database, and the pooler must be told to ignore it.
STATEMENT_SECONDS = 10
ASKED_AT_FIRST = {"statement_timeout": str(STATEMENT_SECONDS * 1000)}
POOL_WAIT = Histogram(
    "db_pool_wait_seconds",
    "Time that work waited for a connection to the database, opening one included",
    buckets=(0.001, 0.005, 0.025, 0.1, 0.25, 0.5, 1, 2, 5),
)
SET_TENANTS = text("select set_config('app.tenant_ids', :tenants, true)")


class Base(DeclarativeBase):
    """The declarative base of every service's tables: constraint names are predictable, so errors map to codes."""

    metadata = MetaData(naming_convention=NAMES)
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        str: Text,
        datetime: DateTime(timezone=True),
        list[str]: ARRAY(Text),
        dict[str, str]: JSONB,
        dict[str, Any]: JSONB,
        list[Any]: JSONB,
    }


class TenantRow:
    """A row of one government. Mix it in first: `tenant_id` begins the primary key."""

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True, sort_order=-10)


def enable_row_level_security(*tables: str) -> list[str]:
    """The statements that put the one policy on tables, for a migration to execute one by one."""
    return [
        statement
        for table in tables
        for statement in (
            f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
            f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY",
            f"CREATE POLICY tenant ON {table} USING ({POLICY}) WITH CHECK ({POLICY})",
        )
    ]


class MeasuredPool(AsyncAdaptedQueuePool):
    """The pool of connections, which tells how long was waited for one: given, refused or timed out."""

    def connect(self) -> PoolProxiedConnection:
        began = time.perf_counter()
        try:
            return super().connect()
        finally:
            POOL_WAIT.observe(time.perf_counter() - began)


def create_engine(url: str, *, pool: int = 10) -> AsyncEngine:
    """An engine over asyncpg with a pool of fixed size; a request waits at most two seconds for a connection.

    No ping before each use: a connection that a restarted server has closed fails once and the pool starts anew.
    """
    return create_async_engine(
        url.replace("postgres://", "postgresql://").replace("postgresql://", "postgresql+asyncpg://"),
        poolclass=MeasuredPool,
        pool_size=pool,
        max_overflow=0,
        pool_timeout=2,
        hide_parameters=True,  # an error's text ends in logs; what a person wrote does not
        connect_args={"timeout": 5, "command_timeout": 10, "server_settings": ASKED_AT_FIRST},
    )


def session_maker(engine: AsyncEngine) -> async_sessionmaker[AsyncSession]:
    """Sessions that keep what they loaded after the commit, so that an answer can be built from it."""
    return async_sessionmaker(engine, expire_on_commit=False)


@event.listens_for(SyncSession, "after_begin")
def _set_tenants(session: SyncSession, _transaction: Any, connection: Any) -> None:
    """Each transaction of a session tells the database whose rows it may see."""
    tenants = session.info.get("tenant_ids")
    if tenants:
        connection.execute(SET_TENANTS, {"tenants": ",".join(str(tenant) for tenant in tenants)})


@asynccontextmanager
async def tenant_session(maker: async_sessionmaker[AsyncSession], *tenants: UUID) -> AsyncIterator[AsyncSession]:
    """A session for these governments, normally one, that commits at its end and rolls back on any exception.

    A refusal that asks to keep what was written is committed and raised on. Without a tenant the session sees only
    tables that have no policy: outbox, inbox and due.
    """
    async with maker(info={"tenant_ids": tenants, "tenant_id": tenants[0] if len(tenants) == 1 else None}) as session:
        try:
            yield session
        except Refused as refusal:
            if refusal.keep:
                await session.commit()
            raise
        else:
            await session.commit()


async def _request_session(request: Request) -> AsyncIterator[AsyncSession]:
    async with tenant_session(request.app.state.sessions, request.state.tenant_id) as session:
        yield session


# scope="function": the commit comes before the answer, so a commit that fails is never a 201 already sent.
Session = Annotated[AsyncSession, Depends(_request_session, scope="function")]


def tenant_of(session: AsyncSession) -> UUID:
    """The one government that a session works for; a session without one is a mistake in our code."""
    tenant: UUID | None = session.info.get("tenant_id")
    if tenant is None:
        raise RuntimeError("this session works for no single government")
    return tenant


def tenant_tables(metadata: MetaData) -> Sequence[str]:
    """The names of the tables that hold rows of governments."""
    return [table.name for table in metadata.sorted_tables if "tenant_id" in table.primary_key.columns]
