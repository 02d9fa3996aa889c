import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from uuid import UUID, uuid4

import aiohttp
import pytest
from chassis.auth import Actor
from chassis.db import NAMES, Session, TenantRow, create_engine, session_maker, tenant_of, tenant_session
from chassis.due import Due, Timers
from chassis.errors import install
from chassis.idempotency import StoredAnswer, idempotent, timers
from chassis.refusals import Refused
from chassis.testing import Database, serving
from fastapi import APIRouter, Depends, FastAPI, Header, Request
from pydantic import BaseModel, ConfigDict
from sqlalchemy import MetaData, Text, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

LEUVEN, GENT = uuid4(), uuid4()
AN, BO = uuid4(), uuid4()


class Base(DeclarativeBase):
    metadata = MetaData(naming_convention=NAMES)


class Note(TenantRow, Base):
    __tablename__ = "notes"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    text: Mapped[str] = mapped_column(Text)


class NewNote(BaseModel):
    text: str


class NoteOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: UUID
    text: str


@dataclass
class Gate:
    """Lets a test hold a request in the middle of its transaction."""

    inside: asyncio.Event = field(default_factory=asyncio.Event)
    go_on: asyncio.Event = field(default_factory=asyncio.Event)


async def actor(x_person: Annotated[UUID, Header()], request: Request) -> Actor:
    return Actor(x_person, request.state.tenant_id, frozenset(), 1, uuid4(), 0.0)


Person = Annotated[Actor, Depends(actor)]
router = APIRouter()


@router.post("/notes", status_code=201)
@idempotent
async def post_note(body: NewNote, session: Session, author: Person, request: Request) -> NoteOut:
    note = Note(tenant_id=tenant_of(session), id=uuid4(), text=f"{body.text} by {author.person_id}")
    session.add(note)
    await session.flush()
    if body.text == "wait":
        gate: Gate = request.app.state.gate
        gate.inside.set()
        async with asyncio.timeout(10):
            await gate.go_on.wait()
    if body.text.startswith("refuse"):
        raise Refused("not_today", keep=body.text == "refuse and keep")
    return note  # type: ignore[return-value]


@router.post("/notes/{note_id}/seen", status_code=204)
@idempotent
async def post_seen(note_id: UUID, session: Session, author: Person) -> None:
    session.add(Note(tenant_id=tenant_of(session), id=uuid4(), text=f"{note_id} seen by {author.person_id}"))


@dataclass
class Service:
    url: str
    gate: Gate
    sessions: async_sessionmaker[AsyncSession]
    http: aiohttp.ClientSession

    async def post(
        self,
        text: str,
        key: str | None = None,
        *,
        person: UUID = AN,
        tenant: UUID = LEUVEN,
        path: str = "/notes",
    ) -> tuple[int, Any, bool]:
        headers = {"x-person": str(person), "x-inspraak-tenant": str(tenant)}
        if key is not None:
            headers["idempotency-key"] = key
        async with self.http.post(self.url + path, json={"text": text}, headers=headers) as answer:
            body = await answer.json(content_type=None) if answer.content_length else None
            return answer.status, body, answer.headers.get("idempotency-replayed") == "true"

    async def count(self, row: Any, tenant: UUID = LEUVEN) -> int:
        async with tenant_session(self.sessions, tenant) as session:
            return (await session.execute(select(func.count()).select_from(row))).scalar_one()


@pytest.fixture
async def service(tables: Callable[..., Awaitable[Database]]) -> AsyncIterator[Service]:
    database = await tables(Note, StoredAnswer, Due)
    engine = create_engine(database.url, pool=8)
    app = FastAPI()
    install(app, {})
    app.state.sessions, app.state.gate = session_maker(engine), Gate()
    app.include_router(router)

    async def with_tenant(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            scope.setdefault("state", {})["tenant_id"] = UUID(dict(scope["headers"])[b"x-inspraak-tenant"].decode())
        await app(scope, receive, send)

    async with serving(with_tenant) as url, aiohttp.ClientSession() as http:
        yield Service(url, app.state.gate, app.state.sessions, http)
    await engine.dispose()


async def test_the_same_request_with_the_same_key_creates_once_and_gets_the_same_answer(service: Service) -> None:
    first = await service.post("hello", "key-1")
    again = await service.post("hello", "key-1")
    assert first[0] == again[0] == 201
    assert first[1] == again[1]
    assert (first[2], again[2]) == (False, True)
    assert await service.count(Note) == 1


async def test_without_a_key_every_request_creates(service: Service) -> None:
    first, second = await service.post("hello"), await service.post("hello")
    assert first[0] == second[0] == 201
    assert first[1]["id"] != second[1]["id"]
    assert await service.count(StoredAnswer) == 0


async def test_a_key_with_another_body_or_path_is_refused(service: Service) -> None:
    await service.post("hello", "key-1")
    status, problem, _ = await service.post("goodbye", "key-1")
    assert (status, problem["code"]) == (422, "idempotency_key_reused")
    status, problem, _ = await service.post("hello", "key-1", path=f"/notes/{uuid4()}/seen")
    assert (status, problem["code"]) == (422, "idempotency_key_reused")
    assert await service.count(Note) == 1


async def test_a_key_belongs_to_one_person_of_one_government(service: Service) -> None:
    await service.post("hello", "key-1")
    for person, tenant in ((BO, LEUVEN), (AN, GENT)):
        status, body, replayed = await service.post("goodbye", "key-1", person=person, tenant=tenant)
        assert (status, replayed) == (201, False)
        assert body["text"] == f"goodbye by {person}"
    assert (await service.count(Note, LEUVEN), await service.count(Note, GENT)) == (2, 1)


async def test_a_request_whose_first_is_still_running_is_told_so(service: Service) -> None:
    running = asyncio.create_task(service.post("wait", "key-1"))
    async with asyncio.timeout(10):
        await service.gate.inside.wait()
    status, problem, _ = await service.post("wait", "key-1")
    assert (status, problem["code"]) == (409, "still_running")
    other = await service.post("hello", "key-2")
    assert other[0] == 201
    service.gate.go_on.set()
    first = await running
    assert (await service.post("wait", "key-1"))[:2] == first[:2]
    assert await service.count(Note) == 2


async def test_of_many_at_once_one_creates_and_the_others_get_its_answer_or_wait(service: Service) -> None:
    answers = await asyncio.gather(*(service.post("hello", "key-1") for _ in range(24)))
    assert {status for status, _, _ in answers} <= {201, 409}
    assert len({body["id"] for status, body, _ in answers if status == 201}) == 1
    assert await service.count(Note) == 1


@pytest.mark.parametrize(("text", "notes"), [("refuse", 0), ("refuse and keep", 2)])
async def test_a_refused_request_stores_no_answer_and_may_be_tried_again(
    service: Service, text: str, notes: int
) -> None:
    for _ in range(2):
        status, problem, replayed = await service.post(text, "key-1")
        assert (status, problem["code"], replayed) == (409, "not_today", False)
    assert await service.count(StoredAnswer) == 0
    assert await service.count(Note) == notes


async def test_an_answer_without_a_body_is_replayed_without_one(service: Service) -> None:
    path = f"/notes/{uuid4()}/seen"
    assert await service.post("x", "key-1", path=path) == (204, None, False)
    assert await service.post("x", "key-1", path=path) == (204, None, True)
    assert await service.count(Note) == 1


@pytest.mark.parametrize("key", ["", "x" * 256, "with space", "é"])
async def test_a_key_that_is_none_is_a_422(service: Service, key: str) -> None:
    status, problem, _ = await service.post("hello", key)
    assert (status, problem["code"]) == (422, "invalid")
    assert problem["errors"][0]["pointer"] == "/header/Idempotency-Key"


async def grow_old(service: Service, age: timedelta) -> None:
    async with tenant_session(service.sessions, LEUVEN) as session:
        await session.execute(update(StoredAnswer).values(created_at=datetime.now(UTC) - age))


async def test_after_a_day_a_key_counts_no_more_even_if_no_worker_has_swept(service: Service) -> None:
    first = await service.post("hello", "key-1")
    await grow_old(service, timedelta(hours=24))
    again = await service.post("hello", "key-1")
    assert first[1]["id"] != again[1]["id"]
    assert (await service.post("hello", "key-1"))[1] == again[1]


async def test_a_timer_forgets_answers_after_a_day_however_many_requests_follow(service: Service) -> None:
    before = datetime.now(UTC)
    for number in range(5):
        await service.post("hello", f"key-{number}")
    async with tenant_session(service.sessions) as session:
        planned = list(await session.scalars(select(Due)))
    after = datetime.now(UTC)
    assert 1 <= len(planned) <= 2  # one for each hour that the requests fell in
    assert all(before + timedelta(hours=24) < timer.due_at <= after + timedelta(hours=25) for timer in planned)
    await grow_old(service, timedelta(hours=24))
    assert not await Timers(timers).run_next(service.sessions, before)
    while await Timers(timers).run_next(service.sessions, after + timedelta(hours=25)):
        pass
    assert await service.count(StoredAnswer) == 0
    assert await service.count(Note) == 5


def test_the_key_is_in_the_description_of_the_route() -> None:
    app = FastAPI()
    app.include_router(router)
    operation = app.openapi()["paths"]["/notes"]["post"]
    assert "Idempotency-Key" in [parameter["name"] for parameter in operation["parameters"]]
    assert operation["responses"]["201"]["content"]["application/json"]["schema"]["$ref"].endswith("NoteOut")


def test_a_route_without_a_session_or_an_actor_cannot_be_idempotent() -> None:
    async def no_actor(session: Session) -> None: ...

    with pytest.raises(TypeError, match="Actor"):
        idempotent(no_actor)
