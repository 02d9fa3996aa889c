import base64
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, ClassVar
from uuid import UUID, uuid4

import aiohttp
import pytest
from chassis.db import NAMES, TenantRow, create_engine, session_maker, tenant_session
from chassis.errors import install
from chassis.pages import Page, PageRequest, Paging, keyset
from chassis.testing import Database, serving
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import BigInteger, DateTime, Float, MetaData, SmallInteger, Text, select
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

TENANT = uuid4()
START = datetime(2026, 11, 23, 12, 0, 0, 123456, UTC)
WEIRD = ["", "a", "A", "é", "'; drop table letters; --", '"quoted"', "\n", "zz"]


class Base(DeclarativeBase):
    metadata = MetaData(naming_convention=NAMES)
    type_annotation_map: ClassVar[dict[Any, Any]] = {}


class Letter(TenantRow, Base):
    __tablename__ = "letters"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    day: Mapped[date]
    weight: Mapped[int] = mapped_column(SmallInteger)
    number: Mapped[int]
    views: Mapped[int] = mapped_column(BigInteger)
    title: Mapped[str] = mapped_column(Text)
    read: Mapped[bool]
    note: Mapped[str | None] = mapped_column(Text)
    score: Mapped[float] = mapped_column(Float)


ORDERS: dict[str, Sequence[Any]] = {
    "id": (Letter.id,),
    "newest": (Letter.at.desc(), Letter.id.desc()),
    "mixed": (Letter.at.desc(), Letter.title, Letter.id),
    "three ways": (Letter.read.desc(), Letter.weight.asc(), Letter.id.desc()),
    "numbers": (Letter.number, Letter.views.desc(), Letter.id),
    "days": (Letter.day.desc(), Letter.title.desc(), Letter.id.desc()),
}
HOSTILE = [
    "",
    "x",
    "é",
    "=",
    "A" * 1999,
    "bnVsbA",
    "W10",
    "e30",
    "WzFd",
    "W251bGwsbnVsbCxudWxsXQ",
    "\x00",
]


def letters() -> list[Letter]:
    return [
        Letter(
            tenant_id=TENANT,
            id=uuid4(),
            at=START + timedelta(microseconds=number % 7),
            day=date(2026, 1, 1 + number % 5),
            weight=number % 3 - 1,
            number=(number % 4) * 1_000_000_000 - 2_000_000_000,
            views=(number % 6) * 1_000_000_000_000,
            title=WEIRD[number % len(WEIRD)],
            read=number % 2 == 0,
            score=1.5,
        )
        for number in range(53)
    ]


@pytest.fixture
async def engine(tables: Callable[..., Awaitable[Database]]) -> AsyncIterator[AsyncEngine]:
    database = await tables(Letter)
    engine = create_engine(database.url, pool=2)
    async with tenant_session(session_maker(engine), TENANT) as session:
        session.add_all(letters())
    yield engine
    await engine.dispose()


@pytest.fixture
def sessions(engine: AsyncEngine) -> async_sessionmaker[AsyncSession]:
    return session_maker(engine)


async def read_all(session: AsyncSession, order: Sequence[Any], limit: int) -> list[list[UUID]]:
    pages, cursor = [], None
    while True:
        page = await keyset(
            session, select(Letter), order=order, paging=PageRequest(cursor, limit), into=lambda letter: letter.id
        )
        pages.append(page.items)
        if page.next is None:
            return pages
        cursor = page.next


@pytest.mark.parametrize("name", ORDERS)
@pytest.mark.parametrize("limit", [1, 7, 52, 53, 100])
async def test_pages_give_every_row_once_and_in_order(
    sessions: async_sessionmaker[AsyncSession], name: str, limit: int
) -> None:
    async with tenant_session(sessions, TENANT) as session:
        pages = await read_all(session, ORDERS[name], limit)
        expected = list(await session.scalars(select(Letter.id).order_by(*ORDERS[name])))
    assert [letter for page in pages for letter in page] == expected
    assert all(len(page) == limit for page in pages[:-1])
    assert len(pages) == -(-53 // limit)


async def test_rows_added_in_between_are_neither_repeated_nor_make_others_be_skipped(
    sessions: async_sessionmaker[AsyncSession],
) -> None:
    order = ORDERS["newest"]
    async with tenant_session(sessions, TENANT) as session:
        first = await keyset(
            session, select(Letter), order=order, paging=PageRequest(None, 10), into=lambda row: row.id
        )
        session.add(letters()[6])
        await session.flush()
        rest = await keyset(
            session, select(Letter), order=order, paging=PageRequest(first.next, 100), into=lambda row: row.id
        )
    assert len({*first.items, *rest.items}) == 53 == len(first.items) + len(rest.items)


async def test_a_query_of_several_columns_gives_rows(sessions: async_sessionmaker[AsyncSession]) -> None:
    async with tenant_session(sessions, TENANT) as session:
        page = await keyset(
            session,
            select(Letter.title, Letter.read).where(Letter.read),
            order=ORDERS["id"],
            paging=PageRequest(None, 3),
            into=tuple,
        )
    assert [len(item) for item in page.items] == [2, 2, 2]
    assert page.next is not None


@pytest.mark.parametrize("order", [(Letter.note, Letter.id), (Letter.score, Letter.id)])
async def test_columns_that_cannot_order_pages_are_a_mistake_in_our_code(
    sessions: async_sessionmaker[AsyncSession], order: Sequence[Any]
) -> None:
    async with tenant_session(sessions, TENANT) as session:
        with pytest.raises(ValueError, match="order pages"):
            await keyset(session, select(Letter), order=order, paging=PageRequest(), into=lambda row: row)


async def test_a_cursor_of_another_list_is_refused(sessions: async_sessionmaker[AsyncSession]) -> None:
    async with tenant_session(sessions, TENANT) as session:
        page = await keyset(session, select(Letter), order=ORDERS["id"], paging=PageRequest(), into=lambda row: row.id)
        with pytest.raises(RequestValidationError):
            await keyset(
                session, select(Letter), order=(Letter.id.desc(),), paging=PageRequest(page.next), into=lambda row: row
            )


def tampered(cursor: str, values: list[Any]) -> str:
    tag, *_ = json.loads(base64.urlsafe_b64decode(cursor + "=="))
    return base64.urlsafe_b64encode(json.dumps([tag, *values]).encode()).rstrip(b"=").decode()


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.datetimes().map(str)
SCALARS |= st.sampled_from(["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", 10**30, 1e300, -(2**63), 2**63])


@given(
    name=st.sampled_from(sorted(ORDERS)),
    values=st.lists(SCALARS | st.uuids().map(str) | st.lists(SCALARS, max_size=2), max_size=4),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=300)
async def test_whatever_a_cursor_holds_it_gives_a_page_or_is_refused(
    sessions: async_sessionmaker[AsyncSession], name: str, values: list[Any]
) -> None:
    async with tenant_session(sessions, TENANT) as session:
        paging = PageRequest(None, 1)
        first = await keyset(session, select(Letter), order=ORDERS[name], paging=paging, into=lambda row: row.id)
        assert first.next
        changed = PageRequest(tampered(first.next, values), 5)
        try:
            page = await keyset(session, select(Letter), order=ORDERS[name], paging=changed, into=lambda row: row.id)
        except RequestValidationError:
            return
        assert len(page.items) <= 5


@pytest.fixture
async def url(sessions: async_sessionmaker[AsyncSession]) -> AsyncIterator[str]:
    app = FastAPI()
    install(app, {})

    @app.get("/letters")
    async def get_letters(paging: Paging) -> Page[str]:
        async with tenant_session(sessions, TENANT) as session:
            query = select(Letter).where(Letter.read)
            return await keyset(session, query, order=ORDERS["mixed"], paging=paging, into=lambda row: str(row.id))

    async with serving(app) as url:
        yield url


async def test_a_route_reads_page_after_page_over_http(url: str) -> None:
    seen: list[str] = []
    async with aiohttp.ClientSession() as http:
        query: dict[str, str] = {"limit": "10"}
        while query:
            async with http.get(f"{url}/letters", params=query) as answer:
                page = await answer.json()
            seen += page["items"]
            query = {"limit": "10", "cursor": page["next"]} if page["next"] else {}
    assert len(seen) == len(set(seen)) == 27


async def test_a_limit_or_cursor_that_cannot_be_is_a_422(url: str) -> None:
    queries = [("limit", limit) for limit in ("0", "101", "x", "-1")] + [("cursor", cursor) for cursor in HOSTILE]
    async with aiohttp.ClientSession() as http:
        for name, value in queries:
            async with http.get(f"{url}/letters", params={name: value}) as answer:
                problem = await answer.json(content_type=None)
            assert (answer.status, problem["code"]) == (422, "invalid")
            assert problem["errors"][0]["pointer"] == f"/query/{name}"
