"""The schema: what the migration makes is what the classes say, and every government's rows are its own."""

from typing import Any
from uuid import uuid4

import asyncpg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from chassis.clock import utc_now
from chassis.db import Base as ChassisBase
from chassis.db import tenant_session, tenant_tables
from identity.models import Base, Person
from sqlalchemy import MetaData, Table, func, select
from sqlalchemy.exc import DBAPIError

WITHOUT_TENANT = {"outbox", "inbox", "due", "governments", "alembic_version"}
CATALOG = """
    SELECT c.relname, c.relrowsecurity AND c.relforcerowsecurity AS forced,
           (SELECT count(*) FROM pg_policy p WHERE p.polrelid = c.oid) AS policies,
           EXISTS (SELECT 1 FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'tenant_id') AS has_tenant,
           pg_get_userbyid(c.relowner) AS owner
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p', 'v', 'm')
"""


async def owner_of(world: Any) -> asyncpg.Connection:
    return await asyncpg.connect(str(world.client.settings.migration_database_url))


async def test_the_migration_makes_what_the_classes_describe(world: Any) -> None:
    def differences(connection: Any) -> list[Any]:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        ours = {"data_keys", "idempotency_keys", "outbox", "inbox", "due"}
        theirs = [table for table in ChassisBase.metadata.tables.values() if table.name in ours]
        return list(compare_metadata(context, _together(Base.metadata, theirs)))

    async with world.held.engine.connect() as connection:
        assert await connection.run_sync(differences) == []


def _together(own: MetaData, of_the_chassis: list[Table]) -> MetaData:
    """Without what other services, loaded by the same test run, have put beside the chassis' tables."""
    metadata = MetaData()
    for table in (*own.tables.values(), *of_the_chassis):
        table.to_metadata(metadata)
    return metadata


async def test_every_table_of_governments_rows_has_the_forced_policy(world: Any) -> None:
    owner = await owner_of(world)
    rows = await owner.fetch(CATALOG)
    await owner.close()
    guarded = {row["relname"] for row in rows if row["forced"] and row["policies"] == 1}
    assert {row["relname"] for row in rows if row["has_tenant"]} == guarded
    assert {row["relname"] for row in rows} - guarded == WITHOUT_TENANT
    assert set(tenant_tables(Base.metadata)) <= guarded
    assert {row["owner"] for row in rows} == {"identity_owner"}


async def test_without_a_government_nothing_is_seen_and_nobody_writes_for_another(world: Any) -> None:
    await world.sign_in("an@example.com")
    for tenants, seen in (((), 0), ((uuid4(),), 0), ((world.tenant,), 1)):
        async with tenant_session(world.held.sessions, *tenants) as session:
            assert (await session.execute(select(func.count()).select_from(Person))).scalar_one() == seen
    facts = {"email_norm": "b@example.com", "language": "nl", "level": 1, "version": 1}
    async with world.session() as session:
        session.add(Person(tenant_id=uuid4(), id=uuid4(), created_at=utc_now(), **facts))
        with pytest.raises(DBAPIError) as refused:
            await session.flush()
        await session.rollback()
    assert getattr(refused.value.orig, "sqlstate", None) == "42501"


async def test_a_backfill_by_the_owner_changes_rows_of_all_governments(world: Any) -> None:
    await world.sign_in("an@example.com")
    await world.sign_in("an@example.com", world.client.of(uuid4()))
    owner = await owner_of(world)
    changed = await owner.execute("UPDATE people SET display_name = 'An'")
    await owner.close()
    assert changed == "UPDATE 2"
