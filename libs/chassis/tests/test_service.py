import asyncio
import os
import signal
import socket
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiohttp
import asyncpg
import pytest
from chassis import migrations, telemetry
from chassis.service import Service
from chassis.settings import DEVELOPMENT_KEY
from chassis.testing import INTERNAL_KEY, Database, Servers, serving
from sqlalchemy import make_url
from starlette.responses import Response

FOLDER = Path(__file__).with_name("sample")
SECONDS = 60.0
TRACED = f"00-{'1' * 32}-{'2' * 16}-01"


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Service:
    monkeypatch.syspath_prepend(str(FOLDER))
    from sample_service.main import service  # noqa: PLC0415 - found by the line above

    made: Service = service
    return made


@pytest.fixture
async def empty(tables: Callable[..., Awaitable[Database]]) -> Database:
    return await tables()


@pytest.fixture
def environment(empty: Database, servers: Servers) -> dict[str, str]:
    """What a process of the service is told, with an empty database."""
    return {
        "INSPRAAK_ENVIRONMENT": "test",
        "INSPRAAK_DATABASE_URL": empty.url,
        "INSPRAAK_MIGRATION_DATABASE_URL": empty.owner_url,
        "INSPRAAK_AMQP_URL": servers.amqp_url,
        "INSPRAAK_INTERNAL_KEY": INTERNAL_KEY,
    }


Run = Callable[..., tuple[int | str | None, str]]


@pytest.fixture
def run(
    service: Service,
    environment: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Run:
    """Runs a command in this process; gives its exit code, or the sentence it ends with, and what it wrote."""
    monkeypatch.setattr(telemetry, "set_up", lambda *_: None)  # pytest's logs stay

    def run(*arguments: str, **changed: str | None) -> tuple[int | str | None, str]:
        with monkeypatch.context() as told:
            for name, value in (environment | changed).items():
                told.delenv(name, raising=False)
                if value is not None:
                    told.setenv(name, value)
            with pytest.raises(SystemExit) as ended:
                service.cli(arguments)
        return ended.value.code, capsys.readouterr().out

    return run


def test_migrating_twice_changes_nothing(run: Run, empty: Database) -> None:
    assert run("migrate") == (0, "")
    before = asyncio.run(_tables(empty))
    assert run("migrate") == (0, "")
    assert asyncio.run(_tables(empty)) == before == {"alembic_version", "data_keys", "due", "inbox", "outbox"}


async def _tables(database: Database) -> set[str]:
    connection = await asyncpg.connect(database.url)
    rows = await connection.fetch("select relname from pg_class where relkind = 'r' and relnamespace = 2200")
    await connection.close()
    return {row["relname"] for row in rows}


def test_statements_end_after_ten_seconds_also_where_a_pooler_does_not_pass_that_on(run: Run, empty: Database) -> None:
    run("migrate")

    async def ask() -> str:
        connection = await asyncpg.connect(empty.url)
        bound: str = await connection.fetchval("show statement_timeout")
        await connection.close()
        return bound

    assert asyncio.run(ask()) == f"{migrations.STATEMENT_SECONDS}s"


def test_the_role_that_serves_may_use_the_tables_and_not_change_them(run: Run, empty: Database) -> None:
    run("migrate")

    async def try_all() -> list[str]:
        connection = await asyncpg.connect(empty.url)
        assert await connection.fetchval("select count(*) from outbox") == 0
        refused = []
        for statement in ("drop table outbox", "create table mine ()", "update alembic_version set version_num = 'x'"):
            with suppress(asyncpg.InsufficientPrivilegeError):
                await connection.execute(statement)
                continue
            refused.append(statement)
        await connection.close()
        return refused

    assert len(asyncio.run(try_all())) == 3


async def test_two_migrations_at_once_make_the_tables_once(environment: dict[str, str], empty: Database) -> None:
    both = [await begin(environment, "migrate") for _ in range(2)]
    assert [await process.wait() for process in both] == [0, 0]
    assert "data_keys" in await _tables(empty)


def test_the_operators_commands_say_what_they_did(run: Run) -> None:
    run("migrate")
    assert run("parked") == (0, "nothing is parked\n")
    assert run("replay") == (0, "nothing to send\n")
    assert run("rewrap-keys") == (0, "0 keys are wrapped anew\n")


def test_a_service_has_commands_of_its_own(run: Run) -> None:
    assert run("greet", "Jan") == (1, "")
    assert run("greet", "Jan", "--times", "0") == (0, "")
    assert run("greet", "nobody") == ("sample_service: refused: nobody_there", "")
    code, _ = run("greet", "Jan", "--times", "often")
    assert str(code).startswith("sample_service: times: Input should be a valid integer")


@pytest.mark.parametrize("arguments", [(), ("dance",), ("greet",), ("republish", "--to", "x")])
def test_a_command_that_there_is_not_shows_how_to_use_it(run: Run, arguments: tuple[str, ...]) -> None:
    assert run(*arguments) == (2, "")


@pytest.mark.parametrize("command", ["api", "worker", "all", "migrate", "parked"])
def test_no_process_starts_in_production_with_a_default_secret(run: Run, command: str) -> None:
    told = {"INSPRAAK_ENVIRONMENT": "production", "INSPRAAK_MASTER_KEY": DEVELOPMENT_KEY}
    said = "sample_service: INSPRAAK_MASTER_KEY must be set outside development"
    assert run(command, **told) == (said, "")


REQUIRED = {
    "api": ["DATABASE_URL"],
    "worker": ["AMQP_URL"],
    "migrate": ["MIGRATION_DATABASE_URL", "DATABASE_URL"],
    "rewrap-keys": ["MIGRATION_DATABASE_URL"],
}


@pytest.mark.parametrize(("command", "missing"), [(one, name) for one, names in REQUIRED.items() for name in names])
def test_a_setting_that_is_missing_is_named(run: Run, command: str, missing: str) -> None:
    assert run(command, **{f"INSPRAAK_{missing}": None}) == (f"sample_service: INSPRAAK_{missing} is not set", "")


@pytest.mark.parametrize("change", [{"port": 1}, {"password": "wrong"}])
def test_a_database_that_does_not_answer_ends_a_command_with_a_sentence(
    run: Run, empty: Database, change: dict[str, Any]
) -> None:
    away = make_url(empty.owner_url).set(**change).render_as_string(hide_password=False)
    code, _ = run("migrate", INSPRAAK_MIGRATION_DATABASE_URL=away)
    assert str(code).startswith("sample_service: a server does not answer: ")
    assert "wrong" not in str(code)


# Over HTTP, in this process


async def test_a_service_answers_through_the_gateway_and_to_nobody_else(service: Service, running: Any) -> None:
    client = await running(service)
    assert (await client("GET", "/api/v1/wait")).json == "hello from test"
    assert (await client("PUT", "/api/v1/hot/thing")).body.decode() == f"thing{client.tenant}"
    for path in ("/api/v1/wait", "/api/v1/hot/thing"):
        async with client.http.put(client.base + path) as answer:
            assert answer.status == 403


async def test_health_is_open_and_says_what_is_wrong(service: Service, running: Any) -> None:
    client = await running(service)
    assert await health(client.base, "readyz") == (200, '{"database":"ok"}')
    away = await running(service, database_url="postgresql://nobody@127.0.0.1:1/nothing")
    assert await health(away.base, "livez") == (200, "ok")
    assert await health(away.base, "readyz") == (503, '{"database":"ConnectionRefusedError"}')
    status, numbers = await health(away.base, "metrics")
    assert status == 200
    assert "http_server_active_requests" in numbers


async def health(base: str, page: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as http, http.get(f"{base}/{page}") as answer:
        return answer.status, await answer.text()


# Processes


async def begin(environment: dict[str, str], *arguments: str) -> Process:
    told = {name: value for name, value in os.environ.items() if not name.startswith("INSPRAAK_")}
    told |= environment | {"PYTHONPATH": str(FOLDER)}
    command = (sys.executable, "-m", "sample_service.main", *arguments)
    return await asyncio.create_subprocess_exec(*command, env=told, stderr=PIPE)


@asynccontextmanager
async def process(environment: dict[str, str], role: str, **settings: str) -> AsyncIterator[tuple[Process, str]]:
    """A process that is ready, and where; it must have ended at the end of the block."""
    port = str(free_port())
    told = environment | {f"INSPRAAK_{name.upper()}": value for name, value in settings.items()}
    started = await begin(told | {"INSPRAAK_PORT": port}, role)
    base = f"http://127.0.0.1:{port}"
    try:
        await until(lambda: _ready(base))
        yield started, base
        assert await asyncio.wait_for(started.wait(), SECONDS) == 0
    finally:
        if started.returncode is None:
            started.kill()
            await started.wait()


async def _ready(base: str) -> bool:
    with suppress(aiohttp.ClientConnectionError):
        return (await health(base, "readyz"))[0] == 200
    return False


async def until(condition: Callable[[], Awaitable[Any]]) -> None:
    deadline = time.monotonic() + SECONDS
    while not await condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@asynccontextmanager
async def held_up(database: Database) -> AsyncIterator[asyncpg.Connection]:
    """While this is open, the sample's /wait waits."""
    connection = await asyncpg.connect(database.url)
    await connection.execute("select pg_advisory_lock(77)")
    yield connection
    await connection.close()


async def ask(base: str, path: str) -> tuple[int, str]:
    gateway = {"x-inspraak-key": INTERNAL_KEY, "x-inspraak-tenant": str(uuid4()), "traceparent": TRACED}
    async with aiohttp.ClientSession(headers=gateway) as http, http.get(base + path) as answer:
        return answer.status, await answer.text()


async def _waits(connection: asyncpg.Connection) -> bool:
    return bool(await connection.fetchval("select count(*) from pg_locks where locktype = 'advisory' and not granted"))


@pytest.fixture
async def migrated(service: Service, environment: dict[str, str], empty: Database) -> dict[str, str]:
    await asyncio.to_thread(migrations.upgrade, service.migrations_folder, empty.owner_url, login_role="chassis")
    return environment


@pytest.fixture
async def collected() -> AsyncIterator[tuple[str, list[bytes]]]:
    """A collector of traces and what it received."""
    received: list[bytes] = []

    async def collect(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            message = await receive()
            received.append(message["body"])
            await Response()(scope, receive, send)

    async with serving(collect) as url:
        yield f"{url}/v1/traces", received


async def test_sigterm_finishes_what_is_in_flight_takes_nothing_new_and_sends_the_last_spans(
    migrated: dict[str, str], empty: Database, collected: tuple[str, list[bytes]]
) -> None:
    collector, received = collected
    async with process(migrated, "all", otlp_url=collector) as (started, base), held_up(empty) as connection:
        in_flight = asyncio.create_task(ask(base, "/api/v1/wait"))
        await until(lambda: _waits(connection))
        started.send_signal(signal.SIGTERM)
        await until(lambda: _refuses(base))
        assert not in_flight.done()
        assert started.returncode is None
        await connection.execute("select pg_advisory_unlock(77)")
        assert await in_flight == (200, '"hello from test"')
    assert received


async def test_what_stands_in_a_query_is_in_no_span(
    migrated: dict[str, str], collected: tuple[str, list[bytes]]
) -> None:
    collector, received = collected
    async with process(migrated, "api", otlp_url=collector) as (started, base):
        await ask(base, "/api/v1/nothing?email=citizen%40leuven.example&token=unsubscribe-me")
        started.terminate()
    told = b"".join(received)
    assert b"/api/v1/nothing" in told
    assert not [word for word in (b"citizen", b"unsubscribe-me", b"url.query") if word in told]


async def _refuses(base: str) -> bool:
    try:
        await health(base, "livez")
    except aiohttp.ClientConnectionError:
        return True
    return False


async def test_a_request_that_does_not_end_is_cut_off_in_time(migrated: dict[str, str], empty: Database) -> None:
    async with process(migrated, "api", graceful_shutdown="1") as (started, base), held_up(empty) as connection:
        in_flight = asyncio.create_task(ask(base, "/api/v1/wait"))
        await until(lambda: _waits(connection))
        started.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(started.wait(), SECONDS) == 0
        outcome = (await asyncio.gather(in_flight, return_exceptions=True))[0]
        assert isinstance(outcome, aiohttp.ClientError) or outcome[0] >= 500


async def test_a_worker_shows_its_health_and_has_no_routes(migrated: dict[str, str]) -> None:
    async with process(migrated, "worker") as (started, base):
        assert await health(base, "readyz") == (200, '{"database":"ok","worker":"ok"}')
        assert (await ask(base, "/api/v1/wait"))[0] == 404
        started.terminate()


async def test_a_port_in_use_is_an_error_with_a_clear_sentence(migrated: dict[str, str]) -> None:
    async with serving(Response()) as url:
        second = await begin(migrated | {"INSPRAAK_PORT": url.rpartition(":")[2]}, "api")
        _, said = await asyncio.wait_for(second.communicate(), SECONDS)
    assert second.returncode
    assert b"address already in use" in said
    assert b"Traceback" not in said
