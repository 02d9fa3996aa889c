"""Every service's schema: the migrations make what the code expects, and every government's rows are guarded."""

import importlib
from uuid import uuid4

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from chassis import idempotency, keys
from chassis.db import Base as ChassisBase
from chassis.db import tenant_tables
from inspraak_dev.stack.table import TABLE
from sqlalchemy import Connection, MetaData, inspect, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine

assert idempotency.StoredAnswer.__table__ is not None  # importing a module enters its table in the metadata
assert keys.DataKey.__table__ is not None
SERVICES = [one.name for one in TABLE if one.database]
PUBLIC = {"tenancy": {"governments", "hosts"}, "identity": {"governments"}, "voting": {"governments"}}  # and its copies
CHASSIS = {"outbox", "inbox", "due", "data_keys", "idempotency_keys"}
WITHOUT_POLICY = {"outbox", "inbox", "due", "alembic_version"}


@pytest.fixture(params=SERVICES)
async def migrated(request, database_of):
    service = importlib.import_module(f"{request.param}.main").service
    database = await database_of(service)
    return service, database


def tables_of(service) -> MetaData:
    """The service's own tables and those of the chassis that its migrations made."""
    together = MetaData()
    own = importlib.import_module(f"{service.name}.models").Base.metadata
    for metadata in (own, ChassisBase.metadata):
        for table in metadata.sorted_tables:
            table.to_metadata(together)
    return together


def owner_engine(database):
    return create_async_engine(database.owner_url.replace("postgresql://", "postgresql+asyncpg://"))


def login_engine(database):
    return create_async_engine(database.url.replace("postgresql://", "postgresql+asyncpg://"))


async def rows(engine, sql, **values):
    async with engine.connect() as connection:
        return (await connection.execute(text(sql), values)).all()


async def test_every_table_with_a_tenant_has_the_one_policy_enabled_and_forced(migrated):
    _, database = migrated
    engine = owner_engine(database)
    found = await rows(
        engine,
        """select c.relname, c.relrowsecurity and c.relforcerowsecurity, count(p)
             from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = 'tenant_id'
             left join pg_policy p on p.polrelid = c.oid
            where c.relkind in ('r', 'p') and c.relnamespace = 'public'::regnamespace group by 1, 2""",
    )
    assert [entry for entry in found if entry[1:] != (True, 1)] == []
    policies = await rows(
        engine,
        """select distinct pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid), polcmd::text,
                  polpermissive, polroles::text
             from pg_policy""",
    )
    assert len(policies) == (1 if found else 0), "all tables have the same policy"
    for using, check, commands, permissive, roles in policies:
        assert using == check
        assert "app.tenant_ids" in using
        assert (commands, permissive, roles) == ("*", True, "{0}"), "for everything and for everybody"
    await engine.dispose()


async def test_tenant_id_stands_first_in_every_key_of_a_tenants_table(migrated):
    _, database = migrated
    engine = owner_engine(database)
    found = await rows(
        engine,
        """select con.conrelid::regclass::text, con.conname, (select attname from pg_attribute
                   where attrelid = con.conrelid and attnum = con.conkey[1])
             from pg_constraint con join pg_attribute a on a.attrelid = con.conrelid and a.attname = 'tenant_id'
            where con.contype in ('p', 'u', 'f')""",
    )
    assert [entry for entry in found if entry[2] != "tenant_id"] == []
    await engine.dispose()


async def test_every_table_without_a_policy_is_known_to_hold_nobodys_data(migrated):
    service, database = migrated
    engine = owner_engine(database)
    found = await rows(
        engine,
        """select relname from pg_class
            where relkind = 'r' and relnamespace = 'public'::regnamespace and not relrowsecurity""",
    )
    known = WITHOUT_POLICY | PUBLIC.get(service.name, set())
    assert {name for (name,) in found} <= known
    await engine.dispose()


async def test_no_view_or_function_lends_its_owners_rights(migrated):
    _, database = migrated
    engine = owner_engine(database)
    views = await rows(
        engine,
        """select relname from pg_class where relkind in ('v', 'm') and relnamespace = 'public'::regnamespace
            and not coalesce(reloptions @> '{security_invoker=true}', false)""",
    )
    definers = "select proname from pg_proc where prosecdef and pronamespace = 'public'::regnamespace"
    assert views + await rows(engine, definers) == []
    await engine.dispose()


async def test_the_login_role_owns_nothing_and_cannot_pass_the_policies(migrated):
    service, database = migrated
    engine = owner_engine(database)
    owned = await rows(engine, "select relname from pg_class where relowner = to_regrole(:role)", role=service.name)
    assert owned == []
    bypass = await rows(
        engine, "select rolbypassrls or rolsuper from pg_roles where rolname = :role", role=service.name
    )
    assert bypass == [(False,)]
    await engine.dispose()


async def test_the_migrations_make_what_the_models_say(migrated):
    service, database = migrated
    metadata = tables_of(service)

    def differences(connection: Connection):
        made = set(inspect(connection).get_table_names())
        for table in CHASSIS - made:  # a service makes only the chassis' tables that it uses
            metadata.remove(metadata.tables[table])
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        found = compare_metadata(context, metadata)
        return [one for one in found if not (one[0] == "remove_table" and one[1].name == "alembic_version")]

    engine = owner_engine(database)
    async with engine.connect() as connection:
        assert await connection.run_sync(differences) == []
    await engine.dispose()


VALUES = {  # anything at all of a type
    "bigint": "1", "boolean": "true", "bytea": "''", "integer": "1", "jsonb": "'{}'", "smallint": "1", "text": "'x'",
    "timestamp with time zone": "now()", "uuid": "gen_random_uuid()",
}  # fmt: skip


async def inserts_of(engine) -> dict[str, str]:
    """By table of governments' rows: a statement that inserts one row of the government `:tenant`.

    What else is promised of a row is given up first: here only whose it is counts.
    """
    promises = await rows(
        engine, "select conrelid::regclass, quote_ident(conname) from pg_constraint where contype in ('c', 'f')"
    )
    columns = await rows(
        engine,
        """select c.relname, a.attname, format_type(a.atttypid, null), a.attgenerated <> '' or a.attidentity <> ''
             from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
            where c.relkind = 'r' and c.relrowsecurity order by 1, a.attnum""",
    )
    async with engine.begin() as connection:
        for table, name in promises:
            if not table.endswith("-"):
                await connection.execute(text(f"alter table {table} drop constraint if exists {name} cascade"))
    inserts = {}
    for table in dict.fromkeys(entry[0] for entry in columns):
        own = [(name, kind) for relation, name, kind, made in columns if relation == table and not made]
        values = [":tenant" if name == "tenant_id" else VALUES.get(kind, "'{}'") for name, kind in own]
        names = ", ".join(name for name, _ in own)
        inserts[table] = f"insert into {table} ({names}) values ({', '.join(values)})"  # noqa: S608
    return inserts


async def test_without_a_tenant_there_are_no_rows_and_nothing_can_be_written(migrated):
    service, database = migrated
    owner, login, tenant = owner_engine(database), login_engine(database), uuid4()
    inserts = await inserts_of(owner)
    assert set(inserts) >= set(tenant_tables(importlib.import_module(f"{service.name}.models").Base.metadata))
    for table, insert in inserts.items():
        async with owner.begin() as connection:
            await connection.execute(text(insert), {"tenant": tenant})
        for told, seen in (("", 0), (str(uuid4()), 0), (f"{uuid4()},{tenant}", 1)):
            async with login.begin() as connection:
                await connection.execute(text("select set_config('app.tenant_ids', :told, true)"), {"told": told})
                counted = await connection.scalar(text(f"select count(*) from {table}"))  # noqa: S608
                assert (table, told, counted) == (table, told, seen)
                if not seen:
                    with pytest.raises(DBAPIError, match="row-level security"):
                        await connection.execute(text(insert), {"tenant": tenant})
    for engine in (owner, login):
        await engine.dispose()


async def test_a_backfill_by_the_owner_changes_rows_of_all_governments(database_of):
    service = importlib.import_module("notifications.main").service
    database = await database_of(service)
    engine = owner_engine(database)
    async with engine.begin() as connection:
        for _ in range(2):
            await connection.execute(
                text("insert into subscriptions values (:tenant, :person, 'polls', now())"),
                {"tenant": uuid4(), "person": uuid4()},
            )
        changed = await connection.execute(text("update subscriptions set topic = 'fr'"))
    assert changed.rowcount == 2
    login = login_engine(database)
    async with login.begin() as connection:
        hidden = await connection.execute(text("update subscriptions set topic = 'de'"))
    assert hidden.rowcount == 0
    for each in (engine, login):
        await each.dispose()
