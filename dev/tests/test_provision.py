"""What a service's two roles may and may not do in the database that the stack made for it."""

import asyncio
from pathlib import Path

import asyncpg
import pytest
from inspraak_dev.stack import Stack, StackError, lifecycle
from inspraak_dev.stack.provision import database_url, make_databases
from inspraak_dev.stack.table import Process


async def connect(stack: Stack, service: str, *, owner: bool) -> asyncpg.Connection:
    url = database_url(stack.state, stack.urls()["INSPRAAK_POSTGRES_URL"], service, owner=owner)
    return await asyncpg.connect(url.replace("+asyncpg", ""))


@pytest.fixture
def up(stack: Stack, table: tuple[Process, ...]) -> Stack:
    lifecycle.up(stack, table=table)
    return stack


async def test_the_serving_role_reads_and_writes_rows_and_owns_nothing(up: Stack, service: str) -> None:
    role = await connect(up, service, owner=False)
    await role.execute("INSERT INTO things DEFAULT VALUES")
    assert await role.fetchval("SELECT count(*) FROM things") == 1
    owned = "SELECT count(*) FROM pg_class WHERE relowner = (SELECT oid FROM pg_roles WHERE rolname = current_user)"
    assert await role.fetchval(owned) == 0
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await role.execute("CREATE TABLE mine (id int)")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await role.execute("TRUNCATE things")
    await role.close()


async def test_only_the_owner_passes_row_level_security(up: Stack, service: str) -> None:
    owner, role = await connect(up, service, owner=True), await connect(up, service, owner=False)
    await owner.execute("ALTER TABLE things ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY")
    await owner.execute("INSERT INTO things DEFAULT VALUES")
    assert await owner.fetchval("SELECT count(*) FROM things") == 1
    assert await role.fetchval("SELECT count(*) FROM things") == 0
    await owner.close()
    await role.close()


async def test_neither_role_is_an_administrator_and_another_service_may_not_connect(up: Stack, service: str) -> None:
    owner = await connect(up, service, owner=True)
    rows = await owner.fetch(
        "SELECT rolsuper OR rolcreatedb OR rolcreaterole AS much FROM pg_roles WHERE rolname ~ $1", service
    )
    assert [row["much"] for row in rows] == [False, False]
    public = "SELECT datacl::text ~ '[{,]=[^/]*c' FROM pg_database WHERE datname = current_database()"
    assert await owner.fetchval(public) is False
    await owner.close()


def test_the_serving_process_never_gets_the_owners_password(up: Stack, service: str) -> None:
    told = Path(f"/proc/{up.state.processes[service].pid}/environ").read_text()
    assert "INSPRAAK_DATABASE_URL" in told
    assert up.state.secrets[f"database {service}_owner"] not in told


def test_making_databases_twice_changes_nothing(up: Stack, service: str) -> None:
    before = up.state.secrets[f"database {service}"]
    make_databases(up.state, up.urls()["INSPRAAK_POSTGRES_URL"], [service])
    assert up.state.secrets[f"database {service}"] == before
    assert list(up.state.claims.values()) == [[service]]


def test_databases_that_another_stack_made_on_a_given_server_are_never_taken_over(
    up: Stack, table: tuple[Process, ...], service: str
) -> None:
    other = Stack(f"{up.place.instance}-other")
    with pytest.raises(StackError, match=f"already has {service}, {service}_owner, which this stack did not make"):
        lifecycle.up(other, table=table[:1])
    lifecycle.reset(other)
    make_databases(up.state, up.urls()["INSPRAAK_POSTGRES_URL"], [service])  # as they were


async def test_reset_drops_the_databases_on_a_given_server(up: Stack, service: str) -> None:
    url = up.urls()["INSPRAAK_POSTGRES_URL"]
    assert await asyncio.to_thread(lifecycle.reset, up) == [service]
    administrator = await asyncpg.connect(url)
    left = "SELECT rolname FROM pg_roles WHERE rolname ~ $1 UNION SELECT datname FROM pg_database WHERE datname ~ $1"
    assert await administrator.fetch(left, service) == []
    await administrator.close()
