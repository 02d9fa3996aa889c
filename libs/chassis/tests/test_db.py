import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

import aiohttp
import pytest
from chassis.db import (
    POOL_WAIT,
    Session,
    create_engine,
    enable_row_level_security,
    session_maker,
    tenant_of,
    tenant_session,
    tenant_tables,
)
from chassis.errors import sqlstate_of
from chassis.refusals import Refused
from chassis.testing import Database
from fastapi import APIRouter, Request
from sqlalchemy import select, text, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker
from starlette.responses import StreamingResponse

from libs.chassis.tests.asking import KEY, Ask, asked
from libs.chassis.tests.entries import GENT, LEUVEN, Entry, Tables

Sessions = async_sessionmaker[AsyncSession]
SETTING = text("select coalesce(current_setting('app.tenant_ids', true), '')")
ROWS = 2500


@pytest.fixture
def database(entries: Database) -> Database:
    return entries


@asynccontextmanager
async def engine_of(url: str, pool: int = 2) -> AsyncIterator[AsyncEngine]:
    engine = create_engine(url, pool=pool)
    yield engine
    await engine.dispose()


@pytest.fixture
async def engine(database: Database) -> AsyncIterator[AsyncEngine]:
    async with engine_of(database.url) as engine:
        yield engine


@pytest.fixture
async def sessions(engine: AsyncEngine) -> Sessions:
    made = session_maker(engine)
    for tenant in (LEUVEN, GENT):
        async with tenant_session(made, tenant) as session:
            session.add_all(Entry(tenant_id=tenant, number=number, value=0) for number in (1, 2))
    return made


async def tenants_seen(sessions: Sessions, *tenants: UUID) -> set[UUID]:
    async with tenant_session(sessions, *tenants) as session:
        return set(await session.scalars(select(Entry.tenant_id)))


async def values(sessions: Sessions) -> list[int]:
    async with tenant_session(sessions, LEUVEN) as session:
        return list(await session.scalars(select(Entry.value).order_by(Entry.number)))


async def test_a_session_sees_the_rows_of_its_government_only(sessions: Sessions) -> None:
    assert await tenants_seen(sessions, LEUVEN) == {LEUVEN}
    assert await tenants_seen(sessions, GENT) == {GENT}
    assert await tenants_seen(sessions, UUID(int=3)) == set()


async def test_a_session_without_a_government_sees_no_rows(sessions: Sessions) -> None:
    assert await tenants_seen(sessions) == set()
    async with sessions() as session:  # not even one that was made past tenant_session
        assert not (await session.scalars(select(Entry))).all()


async def test_a_session_for_several_governments_sees_exactly_those(sessions: Sessions) -> None:
    assert await tenants_seen(sessions, LEUVEN, UUID(int=3)) == {LEUVEN}
    assert await tenants_seen(sessions, LEUVEN, GENT) == {LEUVEN, GENT}


async def test_a_session_changes_and_deletes_no_row_of_another_government(sessions: Sessions) -> None:
    async with tenant_session(sessions, LEUVEN) as session:
        for statement in ("update entries set value = 9", "delete from entries"):
            touched = await session.execute(text(f"{statement} where tenant_id = :gent"), {"gent": GENT})
            assert touched.rowcount == 0
    assert len(await tenants_seen(sessions, GENT)) == 1


@pytest.mark.parametrize("tenants", [(), (LEUVEN,)])
async def test_a_session_writes_no_row_for_another_government(sessions: Sessions, tenants: tuple[UUID, ...]) -> None:
    with pytest.raises(DBAPIError) as refused:
        async with tenant_session(sessions, *tenants) as session:
            session.add(Entry(tenant_id=GENT, number=7, value=0))
    assert sqlstate_of(refused.value) == "42501"
    with pytest.raises(DBAPIError):
        async with tenant_session(sessions, LEUVEN) as session:
            await session.execute(update(Entry).values(tenant_id=GENT))


async def test_whose_session_it_was_does_not_leak_to_the_next_user_of_the_connection(database: Database) -> None:
    async with engine_of(database.url, pool=1) as engine:
        sessions = session_maker(engine)
        for end in ("commit", "rollback", "refusal", "error"):
            process = await _use(sessions, end)
            async with engine.connect() as connection:
                assert (await connection.execute(text("select pg_backend_pid()"))).scalar_one() == process
                assert (await connection.execute(SETTING)).scalar_one() == ""
            assert await tenants_seen(sessions) == set()


async def _use(sessions: Sessions, end: str) -> int:
    process = 0
    with contextlib.suppress(Refused, DBAPIError):
        async with tenant_session(sessions, LEUVEN, GENT) as session:
            assert (await session.execute(SETTING)).scalar_one() == f"{LEUVEN},{GENT}"
            process = (await session.execute(text("select pg_backend_pid()"))).scalar_one()
            if end == "rollback":
                await session.rollback()
            elif end == "refusal":
                raise Refused("no", keep=True)
            elif end == "error":
                await session.execute(text("select nothing"))
    return process


async def test_a_session_works_for_its_government_in_every_transaction_it_begins(sessions: Sessions) -> None:
    async with tenant_session(sessions, LEUVEN) as session:
        for _ in range(2):
            assert len((await session.scalars(select(Entry))).all()) == 2
            await session.commit()
        async with session.begin_nested():
            assert len((await session.scalars(select(Entry))).all()) == 2


async def test_what_work_waits_for_a_connection_is_told(database: Database) -> None:
    async with engine_of(database.url, pool=1) as engine:
        async with engine.connect() as first:
            waited, waiting = POOL_WAIT._sum.get(), asyncio.create_task(_connect(engine))
            await first.execute(text("select pg_sleep(0.3)"))
        await waiting
    assert POOL_WAIT._sum.get() - waited > 0.2


async def _connect(engine: AsyncEngine) -> None:
    async with engine.connect() as connection:
        await connection.execute(text("select 1"))


async def write(sessions: Sessions, value: int, error: BaseException | None = None) -> None:
    async with tenant_session(sessions, LEUVEN) as session:
        await session.execute(update(Entry).values(value=value))
        if error:
            raise error


async def test_what_was_written_stays_when_all_goes_well_and_goes_when_anything_is_raised(sessions: Sessions) -> None:
    await write(sessions, 1)
    assert await values(sessions) == [1, 1]
    for error in (ValueError(), Refused("no"), asyncio.CancelledError()):
        with pytest.raises(type(error)):
            await write(sessions, 2, error)
    assert await values(sessions) == [1, 1]


async def test_a_refusal_that_asks_to_keep_what_was_written_keeps_it(sessions: Sessions) -> None:
    with pytest.raises(Refused):
        await write(sessions, 3, Refused("wrong_code", keep=True))
    assert await values(sessions) == [3, 3]


async def test_what_was_loaded_can_be_read_after_the_commit(sessions: Sessions) -> None:
    async with tenant_session(sessions, LEUVEN) as session:
        entry = (await session.scalars(select(Entry).where(Entry.number == 1))).one()
    assert entry.value == 0


async def test_a_session_says_for_whom_it_works_only_when_that_is_one(sessions: Sessions) -> None:
    async with tenant_session(sessions, LEUVEN) as session:
        assert tenant_of(session) == LEUVEN
    for several in ((), (LEUVEN, GENT)):
        async with tenant_session(sessions, *several) as session:
            with pytest.raises(RuntimeError, match="no single government"):
                tenant_of(session)


async def test_a_backfill_by_the_owner_changes_the_rows_of_all_governments(
    database: Database, sessions: Sessions
) -> None:
    async with engine_of(database.owner_url) as owner, owner.begin() as connection:
        assert (await connection.execute(text("update entries set value = 5"))).rowcount == 4
    assert await values(sessions) == [5, 5]


async def test_tables_with_a_policy_are_those_that_begin_their_keys_with_a_government() -> None:
    assert tenant_tables(Tables.metadata) == ["entries", "seats"]
    assert [column.name for column in Entry.__table__.primary_key.columns] == ["tenant_id", "number"]
    assert len(enable_row_level_security("a", "b")) == 6


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+asyncpg"])
async def test_an_engine_takes_every_usual_address(database: Database, scheme: str) -> None:
    async with (
        engine_of(database.url.replace("postgresql", scheme, 1)) as engine,
        engine.connect() as connection,
    ):
        assert (await connection.execute(text("show statement_timeout"))).scalar_one() == "10s"


async def test_an_error_does_not_tell_what_was_to_be_written(sessions: Sessions) -> None:
    with pytest.raises(DBAPIError) as error:
        async with tenant_session(sessions, LEUVEN) as session:
            await session.execute(text("select cast(:secret as text), nothing"), {"secret": "jan@example.org"})
    assert "jan@example.org" not in str(error.value)


# Over HTTP

router = APIRouter()


@router.get("/mine")
async def get_mine(session: Session) -> list[int]:
    return list(await session.scalars(select(Entry.number).order_by(Entry.number)))


@router.post("/attempts/{end}")
async def post_attempt(session: Session, end: str) -> str:
    await session.execute(update(Entry).values(value=Entry.value + 1))
    if end != "fine":
        raise Refused("wrong_code", keep=end == "kept")
    return end


@router.post("/seen-by-others")
async def post_seen(request: Request, session: Session) -> list[int]:
    await session.execute(update(Entry).values(value=6))
    return await values(request.app.state.sessions)


@router.get("/export")
async def get_export(request: Request) -> StreamingResponse:
    async def lines() -> AsyncIterator[str]:
        async with tenant_session(request.app.state.sessions, request.state.tenant_id) as session:
            rows = await session.stream_scalars(select(Entry.note).execution_options(yield_per=100))
            async for note in rows:
                yield f"{note}\n"

    return StreamingResponse(lines())


@router.get("/export-over-the-requests-session")
async def get_wrong_export(session: Session) -> StreamingResponse:
    async def lines() -> AsyncIterator[str]:
        yield f"{session.in_transaction()}\n"

    await session.execute(text("select 1"))
    return StreamingResponse(lines())


@pytest.fixture
async def ask(database: Database, sessions: Sessions) -> AsyncIterator[Ask]:
    assert sessions
    async with asked(router, database.url) as ask:
        yield ask


async def test_a_request_works_for_the_government_that_the_gateway_names(ask: Ask, sessions: Sessions) -> None:
    async with tenant_session(sessions, GENT) as session:
        session.add(Entry(tenant_id=GENT, number=3, value=0))
    answers = await asyncio.gather(*(ask("GET", "/mine", tenant=tenant) for tenant in (LEUVEN, GENT) * 10))
    assert [answer.json for answer in answers] == [[1, 2], [1, 2, 3]] * 10


async def test_a_request_that_is_refused_leaves_nothing_unless_it_says_so(ask: Ask, sessions: Sessions) -> None:
    for end, status, after in (("fine", 200, [1, 1]), ("refused", 409, [1, 1]), ("kept", 409, [2, 2])):
        assert (await ask("POST", f"/attempts/{end}")).status == status
        assert await values(sessions) == after


async def test_the_answer_leaves_after_the_commit(ask: Ask, sessions: Sessions) -> None:
    answer = await ask("POST", "/seen-by-others")
    assert answer.json == [0, 0]  # in the route nothing is committed yet
    assert await values(sessions) == [6, 6]


async def test_a_streamed_export_over_a_session_of_its_own_yields_every_row(ask: Ask, sessions: Sessions) -> None:
    async with tenant_session(sessions, LEUVEN) as session:
        session.add_all(Entry(tenant_id=LEUVEN, number=number, value=0) for number in range(3, ROWS + 1))
    exported = await asyncio.gather(*(ask("GET", "/export", tenant=tenant) for tenant in (LEUVEN, GENT)))
    assert [len(answer.body.splitlines()) for answer in exported] == [ROWS, 2]


async def test_the_requests_own_session_is_over_when_a_body_is_streamed(ask: Ask) -> None:
    assert (await ask("GET", "/export-over-the-requests-session")).body == b"False\n"


async def test_an_export_that_is_given_up_gives_its_connection_back(database: Database, sessions: Sessions) -> None:
    many = text("insert into entries select :tenant, n, n, repeat('x', 1000) from generate_series(3, 20000) n")
    async with tenant_session(sessions, LEUVEN) as session:
        await session.execute(many, {"tenant": LEUVEN})
    async with asked(router, database.url, pool=1) as ask, aiohttp.ClientSession() as http:
        gateway = {"x-inspraak-key": KEY, "x-inspraak-tenant": str(LEUVEN)}
        async with http.get(f"{ask.base}/export", headers=gateway) as export:
            await export.content.readline()
            busy = await ask("GET", "/mine")
            export.close()
        assert busy.status == 503, "the export holds the only connection"
        assert (await ask("POST", "/attempts/fine")).status == 200
