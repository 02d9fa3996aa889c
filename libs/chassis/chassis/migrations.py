"""Migrations: alembic, run as a job before a rollout by the role that owns the tables, never by the one that serves.

alembic is loaded only where something is migrated; a process that serves reads the history from the files.
"""

import ast
import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, MetaData, make_url, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from chassis.db import STATEMENT_SECONDS
from chassis.errors import sqlstate_of
from chassis.health import Check

LOCK = 7_305_118_264  # one migration at a time in a database
UNDEFINED_TABLE = "42P01"
FOUND = text("select version_num from alembic_version")


@dataclass(frozen=True)
class History:
    """The revisions that this code knows: the one it was made for, and those before it."""

    head: str
    older: frozenset[str]


def folder_of(package: Path) -> Path:
    """Where a service's migrations are: beside its package in the workspace, inside it in a wheel."""
    inside = package / "migrations"
    return inside if inside.is_dir() else package.parent / "migrations"


def history_of(folder: Path) -> History:
    """The history in a folder of migrations; `RuntimeError` unless it has exactly one end."""
    before = dict(map(_revision, (folder / "versions").glob("*.py")))
    ends = before.keys() - set(before.values())
    if len(ends) != 1:
        raise RuntimeError(f"the migrations in {folder} have {len(ends)} ends")
    (head,) = ends
    return History(head, frozenset(before.keys() - ends))


def _revision(file: Path) -> tuple[str, str | None]:
    """A migration's own name and that of the one before it."""
    said = dict(_constants(ast.parse(file.read_text())))
    return str(said["revision"]), said["down_revision"]


def _constants(module: ast.Module) -> Iterator[tuple[str, str | None]]:
    for statement in module.body:
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant(value=str() | None as value)):
                yield name, value
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.Constant(value=str() | None as value)):
                yield name, value


def schema_fits(engine: AsyncEngine, history: History) -> Check:
    """A check that the database answers and that its schema is not older than this code.

    A newer one fits: it was expanded for the next release, which this process goes on beside.
    """

    async def check() -> None:
        found = await _revision_of(engine)
        if found is None or found in history.older:
            raise RuntimeError(f"the schema is at {found}, not at {history.head}: run migrate")

    return check


async def _revision_of(engine: AsyncEngine) -> str | None:
    try:
        async with engine.connect() as connection:
            found: str | None = (await connection.execute(FOUND)).scalar_one_or_none()
    except DBAPIError as error:
        if sqlstate_of(error) == UNDEFINED_TABLE:
            return None
        raise RuntimeError(f"the database refuses: {sqlstate_of(error)}") from error
    return found


def upgrade(folder: Path, url: str, *, login_role: str, revision: str = "head") -> None:
    """Bring a database to a revision and let the login role use what the owner made."""
    asyncio.run(_upgrade(folder, url, login_role, revision))


async def _upgrade(folder: Path, url: str, login_role: str, revision: str) -> None:
    engine = create_async_engine(make_url(url).set(drivername="postgresql+asyncpg"), poolclass=NullPool)
    try:
        async with engine.connect() as connection:
            await connection.run_sync(_run, folder, revision)
            await connection.run_sync(_grant, login_role)
            await connection.commit()
    finally:
        await engine.dispose()


def _run(connection: Connection, folder: Path, revision: str) -> None:
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(folder))
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


def _grant(connection: Connection, login_role: str) -> None:
    quote = connection.dialect.identifier_preparer.quote
    role, database = quote(login_role), quote(str(connection.engine.url.database))
    for statement in (
        f"GRANT USAGE ON SCHEMA public TO {role}",
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role}",
        f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {role}",
        f"REVOKE INSERT, UPDATE, DELETE ON alembic_version FROM {role}",
        f"ALTER DATABASE {database} SET statement_timeout = '{STATEMENT_SECONDS}s'",
    ):
        connection.execute(text(statement))


def run(metadata: MetaData) -> None:
    """What a service's `migrations/env.py` calls: all steps in one transaction, with bounds on waiting and on work."""
    from alembic import context  # noqa: PLC0415

    connection = context.config.attributes["connection"]
    connection.execute(text("set local lock_timeout = '5s'"))
    connection.execute(text("set local statement_timeout = '10min'"))
    connection.execute(text("select pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
    context.configure(connection=connection, target_metadata=metadata)
    with context.begin_transaction():
        context.run_migrations()
