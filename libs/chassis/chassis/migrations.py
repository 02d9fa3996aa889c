"""Migrations: alembic, run as a job before a rollout by the role that owns the tables, never by the one that serves."""

import asyncio
from pathlib import Path

from alembic import command, context
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, MetaData, make_url, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

LOCK = 7_305_118_264  # one migration at a time in a database


def folder_of(package: Path) -> Path:
    """Where a service's migrations are: beside its package in the workspace, inside it in a wheel."""
    inside = package / "migrations"
    return inside if inside.is_dir() else package.parent / "migrations"


def head_of(folder: Path) -> str:
    """The revision that the code expects."""
    head = ScriptDirectory(str(folder)).get_current_head()
    if head is None:
        raise RuntimeError(f"no migrations in {folder}")
    return head


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
    config = Config()
    config.set_main_option("script_location", str(folder))
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


def _grant(connection: Connection, login_role: str) -> None:
    role = connection.dialect.identifier_preparer.quote(login_role)
    for statement in (
        f"GRANT USAGE ON SCHEMA public TO {role}",
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role}",
        f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {role}",
        f"REVOKE INSERT, UPDATE, DELETE ON alembic_version FROM {role}",
    ):
        connection.execute(text(statement))


def run(metadata: MetaData) -> None:
    """What a service's `migrations/env.py` calls: all steps in one transaction, with bounds on waiting and on work."""
    connection = context.config.attributes["connection"]
    connection.execute(text("set local lock_timeout = '5s'"))
    connection.execute(text("set local statement_timeout = '10min'"))
    connection.execute(text("select pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
    context.configure(connection=connection, target_metadata=metadata)
    with context.begin_transaction():
        context.run_migrations()
