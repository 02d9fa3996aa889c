"""Databases and roles on PostgreSQL: what a database administrator does for a service before its first migration.

`<service>_owner` owns the database and runs migrations, with BYPASSRLS: under FORCE ROW LEVEL SECURITY an owner's
backfill would change nothing, silently. `<service>` logs in, owns nothing and reads and writes rows under the policies.
Everything here may be done twice.
"""

import asyncio
from collections.abc import Callable, Sequence
from urllib.parse import quote, urlsplit

import asyncpg

from inspraak_dev.errors import StackError
from inspraak_dev.stack.state import State


def database_url(state: State, administrator_url: str, service: str, *, owner: bool) -> str:
    """A service's address of its own database, as its owner or as the role it serves with."""
    role = f"{service}_owner" if owner else service
    server = urlsplit(administrator_url)
    where = f"{server.hostname}:{server.port or 5432}"
    return f"postgresql+asyncpg://{role}:{quote(state.secret(f'database {role}'))}@{where}/{service}"


def claim_databases(state: State, url: str, services: Sequence[str], save: Callable[[], None]) -> None:
    """Note that these databases on a server that was given are ours; a `StackError` when somebody else made them.

    Taking over a role would change its password under those who use it.
    """
    ours = state.claims.setdefault(url, [])
    new = [service for service in services if service not in ours]
    try:
        taken = asyncio.run(_taken(url, new))
    except (asyncpg.PostgresError, OSError) as error:
        raise StackError(f"PostgreSQL does not let us in with the address that was given: {error}") from error
    if taken:
        raise StackError(
            f"the PostgreSQL that was given already has {', '.join(taken)}, which this stack did not make: "
            "name another server in INSPRAAK_POSTGRES_URL, or drop these databases and roles"
        )
    ours += new
    save()


async def _taken(url: str, services: Sequence[str]) -> list[str]:
    administrator = await asyncpg.connect(url, timeout=30)
    try:
        names = [name for service in services for name in (service, f"{service}_owner")]
        query = (
            "SELECT rolname FROM pg_roles WHERE rolname = ANY($1)"
            " UNION SELECT datname FROM pg_database WHERE datname = ANY($1)"
        )
        return sorted(row[0] for row in await administrator.fetch(query, names))
    finally:
        await administrator.close()


def make_databases(state: State, administrator_url: str, services: Sequence[str]) -> None:
    """Make what is missing, and set the roles' passwords to those of the state."""
    try:
        asyncio.run(_make(state, administrator_url, services))
    except (asyncpg.PostgresError, OSError) as error:
        raise StackError(f"PostgreSQL refused to make the services' databases: {error}") from error


async def _make(state: State, url: str, services: Sequence[str]) -> None:
    administrator = await asyncpg.connect(url, timeout=30)
    try:
        for service in services:
            await _roles(administrator, state, service)
            if not await administrator.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", service):
                await administrator.execute(f'CREATE DATABASE "{service}" OWNER "{service}_owner"')
            await _grants(url, service)
    finally:
        await administrator.close()


async def _roles(administrator: asyncpg.Connection, state: State, service: str) -> None:
    for role, rights in ((f"{service}_owner", "BYPASSRLS"), (service, "NOBYPASSRLS")):
        if not await administrator.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", role):
            await administrator.execute(f'CREATE ROLE "{role}"')
        password = state.secret(f"database {role}")  # base64url: nothing in it to quote
        await administrator.execute(
            f"ALTER ROLE \"{role}\" LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE {rights} PASSWORD '{password}'"
        )


async def _grants(url: str, service: str) -> None:
    """Inside the service's own database; later tables are covered by the default privileges."""
    database = await asyncpg.connect(url, database=service, timeout=30)
    try:
        await database.execute(
            f"""
            ALTER SCHEMA public OWNER TO "{service}_owner";
            REVOKE ALL ON DATABASE "{service}" FROM PUBLIC;
            REVOKE ALL ON SCHEMA public FROM PUBLIC;
            GRANT CONNECT ON DATABASE "{service}" TO "{service}";
            GRANT USAGE ON SCHEMA public TO "{service}";
            ALTER DEFAULT PRIVILEGES FOR ROLE "{service}_owner" IN SCHEMA public
                GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO "{service}";
            ALTER DEFAULT PRIVILEGES FOR ROLE "{service}_owner" IN SCHEMA public
                GRANT USAGE ON SEQUENCES TO "{service}";
            """
        )
    finally:
        await database.close()


def drop_databases(administrator_url: str, databases: Sequence[str]) -> None:
    """Drop databases that we made on a server that is not ours, and their roles."""
    try:
        asyncio.run(_drop(administrator_url, databases))
    except (asyncpg.PostgresError, OSError) as error:
        raise StackError(f"PostgreSQL refused to drop {', '.join(databases)}: {error}") from error


async def _drop(url: str, databases: Sequence[str]) -> None:
    administrator = await asyncpg.connect(url, timeout=30)
    try:
        for name in databases:
            await administrator.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
            await administrator.execute(f'DROP ROLE IF EXISTS "{name}", "{name}_owner"')
    finally:
        await administrator.close()
