import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import aiohttp
import asyncpg
import pytest
from alembic.script import ScriptDirectory
from chassis.db import create_engine
from chassis.health import CHECK_SECONDS, Check, health_routes
from chassis.migrations import History, folder_of, history_of, schema_fits
from chassis.testing import Database, serving
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.applications import Starlette

SERVICES = Path(__file__).parents[3] / "services"
SAMPLE = Path(__file__).with_name("sample") / "migrations"
HISTORY = History("0002", frozenset({"0001"}))


async def fine() -> None:
    """Nothing is wrong."""


async def unready() -> None:
    raise RuntimeError("1 of 2 consumers are registered")


async def broken() -> None:
    raise ValueError("a row of jan@example.org")


async def hanging() -> None:
    await asyncio.Event().wait()


async def ready(**checks: Check) -> tuple[int, dict[str, str]]:
    app = Starlette(routes=[*health_routes(checks)])
    async with serving(app) as base, aiohttp.ClientSession() as http, http.get(f"{base}/readyz") as answer:
        return answer.status, await answer.json()


async def test_a_process_is_ready_when_every_check_passes() -> None:
    assert await ready() == (200, {})
    assert await ready(database=fine, worker=fine) == (200, {"database": "ok", "worker": "ok"})


async def test_a_process_that_is_not_ready_says_why_in_words_of_ours_only() -> None:
    why = {"database": "ok", "worker": "1 of 2 consumers are registered", "other": "ValueError"}
    assert await ready(database=fine, worker=unready, other=broken) == (503, why)


async def test_a_check_that_hangs_is_not_waited_for() -> None:
    async with asyncio.timeout(CHECK_SECONDS * 10):
        assert await ready(database=hanging, worker=fine) == (503, {"database": "TimeoutError", "worker": "ok"})


# The schema


@pytest.fixture
async def database(tables: Callable[..., Awaitable[Database]]) -> Database:
    return await tables()


@pytest.fixture
async def engine(database: Database) -> AsyncIterator[AsyncEngine]:
    made = create_engine(database.url, pool=2)
    yield made
    await made.dispose()


async def at_revision(database: Database, revision: str | None) -> None:
    owner = await asyncpg.connect(database.owner_url)
    await owner.execute("create table if not exists alembic_version (version_num text); delete from alembic_version")
    await owner.execute("grant select on alembic_version to chassis")
    if revision:
        await owner.execute("insert into alembic_version values ($1)", revision)
    await owner.close()


async def test_a_process_is_ready_with_its_own_schema_and_with_a_newer_one(
    database: Database, engine: AsyncEngine
) -> None:
    for revision in ("0002", "0003"):  # a migration runs before the rollout: the old processes must go on
        await at_revision(database, revision)
        await schema_fits(engine, HISTORY)()


async def test_a_process_is_not_ready_with_an_older_schema_or_none(database: Database, engine: AsyncEngine) -> None:
    with pytest.raises(RuntimeError, match="the schema is at None, not at 0002: run migrate"):
        await schema_fits(engine, HISTORY)()
    for revision in (None, "0001"):
        await at_revision(database, revision)
        with pytest.raises(RuntimeError, match=f"the schema is at {revision}, not at 0002: run migrate"):
            await schema_fits(engine, HISTORY)()


async def test_a_database_that_lets_nobody_in_is_told_by_its_code(database: Database) -> None:
    engine = create_engine(database.url.replace(":test@", ":wrong@"), pool=2)
    with pytest.raises(RuntimeError, match="the database refuses: 28P01"):
        await schema_fits(engine, HISTORY)()
    await engine.dispose()


@pytest.mark.parametrize(
    "folder", [SAMPLE, *sorted(SERVICES.glob("*/migrations"))], ids=lambda folder: folder.parts[-2]
)
def test_the_history_that_a_process_reads_is_alembics(folder: Path) -> None:
    script = ScriptDirectory(str(folder))
    history = history_of(folder)
    assert history.head == script.get_current_head()
    assert history.older | {history.head} == {revision.revision for revision in script.walk_revisions()}


def test_a_history_has_one_end(tmp_path: Path) -> None:
    versions = tmp_path / "versions"
    versions.mkdir()
    with pytest.raises(RuntimeError, match="have 0 ends"):
        history_of(tmp_path)
    for name, before in (("1", None), ("2", "1"), ("3", "1")):
        (versions / f"{name}.py").write_text(f"revision = {name!r}\ndown_revision = {before!r}\nother = [revision]\n")
    with pytest.raises(RuntimeError, match="have 2 ends"):
        history_of(tmp_path)
    (versions / "4.py").write_text("'''Both'''\nrevision: str = '4'\ndown_revision: str | None = '3'\n")
    (versions / "2.py").unlink()
    assert history_of(tmp_path) == History("4", frozenset({"1", "3"}))


def test_migrations_are_found_beside_the_package_and_inside_it(tmp_path: Path) -> None:
    package = tmp_path / "voting"
    package.mkdir()
    assert folder_of(package) == tmp_path / "migrations"
    (package / "migrations").mkdir()
    assert folder_of(package) == package / "migrations"
