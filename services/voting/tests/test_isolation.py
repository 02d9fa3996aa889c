"""Governments are kept apart by the database itself, and the schema is the one that the code was written for."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from chassis.db import create_engine, tenant_tables
from chassis.due import Due
from chassis.idempotency import StoredAnswer
from chassis.inbox import Inbox
from chassis.keys import DataKey
from chassis.outbox import Outbox
from sqlalchemy import Connection, MetaData
from voting.models import Base

CHASSIS_TABLES = (Due, Inbox, Outbox, DataKey, StoredAnswer)
WITHOUT_TENANT = {"outbox", "inbox", "due", "governments", "alembic_version"}
UNPROTECTED = """
    select c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where n.nspname = 'public' and c.relkind in ('r', 'p') and not (
        c.relrowsecurity and c.relforcerowsecurity
        and exists (select from pg_policy where polrelid = c.oid and polqual is not null and polwithcheck is not null))
"""
POLICIES = "select distinct pg_get_expr(polqual, polrelid) = pg_get_expr(polwithcheck, polrelid) from pg_policy"
KEYS_WITHOUT_TENANT = """
    select conname from pg_constraint join pg_class c on c.oid = conrelid
    where contype in ('p', 'u', 'f') and c.relrowsecurity and not (
        select attname = 'tenant_id' from pg_attribute where attrelid = conrelid and attnum = conkey[1])
"""
LOOSE_VIEWS = """
    select relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where relkind in ('v', 'm') and n.nspname = 'public'
    and not coalesce(reloptions @> '{security_invoker=true}', false)
"""
DEFINERS = "select proname from pg_proc where prosecdef and pronamespace = 'public'::regnamespace"
POLLS_OF_A_BATCH = """
    select 1 from unnest(array[$1::uuid], array[$2::uuid]) as asked (t, p)
    join polls on polls.tenant_id = asked.t and polls.id = asked.p
    where status in ('scheduled', 'open') and opens_at <= clock_timestamp() order by 1 for share of polls
"""


@pytest.fixture
async def login(town: Any) -> AsyncIterator[asyncpg.Connection]:
    """A connection as the service makes it."""
    connection = await asyncpg.connect(str(town.visitor.settings.database_url).replace("+asyncpg", ""))
    yield connection
    await connection.close()


def wanted() -> MetaData:
    everything = MetaData(naming_convention=Base.metadata.naming_convention)
    tables = [*Base.metadata.sorted_tables, *(row.__table__ for row in CHASSIS_TABLES)]
    for table in tables:
        table.to_metadata(everything)  # type: ignore[attr-defined]
    return everything


async def test_the_migrations_make_the_tables_that_the_code_uses(town: Any) -> None:
    def compare(connection: Connection) -> list[Any]:
        return list(compare_metadata(MigrationContext.configure(connection), wanted()))

    engine = create_engine(str(town.visitor.settings.migration_database_url), pool=2)
    async with engine.connect() as connection:
        assert await connection.run_sync(compare) == []
    await engine.dispose()


async def test_every_table_of_governments_rows_is_under_the_one_forced_policy(town: Any) -> None:
    unprotected = {row["relname"] for row in await town.owner.fetch(UNPROTECTED)}
    assert unprotected == WITHOUT_TENANT
    assert not unprotected & set(tenant_tables(wanted()))
    assert [row[0] for row in await town.owner.fetch(POLICIES)] == [True]


async def test_every_key_of_a_government_begins_with_it(town: Any) -> None:
    assert await town.owner.fetch(KEYS_WITHOUT_TENANT) == []


async def test_no_view_or_function_lends_its_owners_rights(town: Any) -> None:
    assert await town.owner.fetch(LOOSE_VIEWS) == []
    assert await town.owner.fetch(DEFINERS) == []


async def test_the_login_role_owns_nothing_and_passes_no_policy(login: asyncpg.Connection) -> None:
    owned = "select relname from pg_class join pg_roles r on r.oid = relowner where rolname = current_user"
    assert await login.fetch(owned) == []
    assert await login.fetchval("select rolbypassrls or rolsuper from pg_roles where rolname = current_user") is False


async def test_without_a_tenant_there_are_no_rows_and_none_can_be_written(town: Any, login: asyncpg.Connection) -> None:
    poll_id = UUID(await town.announced())
    await town.vote(str(poll_id), 1)
    for table in tenant_tables(wanted()):
        assert await login.fetchval(f"select count(*) from {table}") == 0  # noqa: S608
    assert await login.execute("update votes set choices = '[]'") == "UPDATE 0"
    async with login.transaction():
        await login.execute("select set_config('app.tenant_ids', $1, true)", str(uuid4()))
        assert await login.fetchval("select count(*) from votes") == 0
    insert = "insert into votes (tenant_id, poll_id, voter, choices, cast_at) values ($1, $2, $3, '[]', now())"
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await login.execute(insert, town.visitor.tenant, poll_id, b"v" * 32)


async def test_a_backfill_by_the_owner_changes_rows_of_all_governments(town: Any) -> None:
    for client in (town.official, town.official.of(uuid4()).as_person(uuid4(), "administrator")):
        made = await client("POST", "/api/v1/polls", town.body | town.window())
        assert made.status == 201
    assert await town.owner.execute("update polls set level = 2") == "UPDATE 2"


@pytest.mark.parametrize(
    ("query", "index"),
    [
        ("select * from polls where tenant_id = $1 and id = $2", "pk_polls"),
        ("select * from polls where tenant_id = $1 and id < $2 order by id desc limit 20", "pk_polls"),
        ("select * from votes where tenant_id = $1 and poll_id = $2 and voter = '\\x00'", "pk_votes"),
        ("select choices, count(*) from votes where tenant_id = $1 and poll_id = $2 group by choices", "pk_votes"),
        (POLLS_OF_A_BATCH, "pk_polls"),
    ],
)
async def test_under_the_policy_queries_still_find_their_rows_by_the_primary_key(
    town: Any, login: asyncpg.Connection, query: str, index: str
) -> None:
    tenants = [uuid4() for _ in range(64)]
    await town.owner.execute(
        "insert into polls (tenant_id, id, version, status, titles, descriptions, rule, compared_with, level,"
        " opens_at, closes_at, notices, created_by, changed_at)"
        " select tenant, gen_random_uuid(), 1, 'open', '{}', '{}', 'single', '{}', 1,"
        " now(), now() + interval '1 day', '[]', tenant, now()"
        " from unnest($1::uuid[]) as tenant, generate_series(1, 40)",
        tenants,
    )
    await town.owner.execute(
        "insert into votes select tenant_id, id, sha256(i::text::bytea), '[1]', now()"
        " from (select * from polls limit 60) as polls, generate_series(1, 100) as i"
    )
    await town.owner.execute("analyze polls, votes")
    poll_id = await town.owner.fetchval("select id from polls where tenant_id = $1 limit 1", tenants[0])
    async with login.transaction():
        await login.execute("select set_config('app.tenant_ids', $1, true)", ",".join(map(str, tenants)))
        plan = "\n".join(row[0] for row in await login.fetch(f"explain {query}", tenants[0], poll_id))
    conditions = [line for line in plan.splitlines() if "Index Cond" in line]
    assert index in plan
    assert any("tenant_id" in line for line in conditions), plan
    assert "Seq Scan" not in plan
    assert "InitPlan" in plan  # the setting is looked at once, not for each row
