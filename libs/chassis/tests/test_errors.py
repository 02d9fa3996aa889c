import asyncio
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Annotated, Any, Literal
from uuid import UUID

import asyncpg
import pytest
from chassis.db import Session
from chassis.errors import constraint_of, sqlstate_of
from chassis.problems import MEDIA_TYPE, problem, problems
from chassis.refusals import Refused
from chassis.testing import Answer, Database, Servers
from fastapi import APIRouter, Body
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, field_validator
from sqlalchemy import make_url, text
from sqlalchemy.exc import DBAPIError
from starlette.exceptions import HTTPException

from libs.chassis.tests.asking import LEUVEN, Ask, asked

SECRET = "jan.peeters@example.org"
JSON = {"content-type": "application/json"}
router = APIRouter()
FAILURES: dict[str, Exception] = {
    "arithmetic": ZeroDivisionError(SECRET),
    "key": KeyError(SECRET),
    "teapot": HTTPException(418, SECRET),
    "gone": HTTPException(410, SECRET, headers={"x-why": "moved"}),
    "timeout": TimeoutError(SECRET),
    "reset": ConnectionResetError(SECRET),
}


class Circle(BaseModel):
    kind: Literal["circle"]


class Square(BaseModel):
    kind: Literal["square"]
    side: int


class Given(BaseModel):
    model_config = ConfigDict(extra="forbid")

    number: int = 0
    place: UUID | None = None
    age: str = "18"
    body: int = 0
    labels: dict[str, int] = {}
    shape: Annotated[Circle | Square, Field(discriminator="kind")] | None = None

    @field_validator("age")
    @classmethod
    def _is_a_number(cls, age: str) -> str:
        return str(int(age))  # whose message quotes what was given


@router.post("/given/{part}")
async def post_given(part: int, given: Given, most: int = 10) -> dict[str, int]:
    return {"part": part, "number": given.number, "most": most}


@router.get("/refused/{status}")
async def get_refused(status: int) -> None:
    raise Refused("no_such_luck", status=status, allowed=3, person=UUID(int=5))


@router.get("/failing/{kind}")
async def get_failing(kind: str) -> None:
    raise FAILURES[kind]


@router.post("/sql")
async def post_sql(session: Session, statements: Annotated[list[tuple[str, dict[str, Any]]], Body()]) -> list[str]:
    return [str((await session.execute(text(sql), values)).rowcount) for sql, values in statements]


@pytest.fixture
async def ask() -> AsyncIterator[Ask]:
    """The router without a database."""
    async with asked(router) as ask:
        yield ask


@pytest.fixture
async def data(entries: Database) -> AsyncIterator[Ask]:
    """The router with a database."""
    meanings = {"ck_entries_value": (409, "too_low"), "uq_seats_place": (409, "place_taken")}
    async with asked(router, entries.url, constraints=meanings) as ask:
        yield ask


async def sql(ask: Ask, *statements: str, **values: Any) -> Answer:
    return await ask("POST", "/sql", json=[(statement, values) for statement in statements])


def entry(number: int, value: int) -> str:
    return f"insert into entries (tenant_id, number, value, note) values ('{LEUVEN}', {number}, {value}, '')"  # noqa: S608


def seat(number: int, place: int) -> str:
    return f"insert into seats (tenant_id, number, place) values ('{LEUVEN}', {number}, {place})"  # noqa: S608


def is_problem(answer: Answer, status: int, code: str) -> bool:
    told = {key: answer.json.get(key) for key in ("status", "code", "type")}
    assert (answer.status, told) == (status, {"status": status, "code": code, "type": "about:blank"})
    assert answer.headers["content-type"] == MEDIA_TYPE
    assert answer.json["title"]
    assert SECRET not in answer.body.decode()
    return ("retry-after" in answer.headers) == (status in {429, 503})


async def test_a_body_that_is_no_text_is_not_valid(ask: Ask) -> None:
    answer = await ask("POST", "/given/1", data=b"\xff\xfe{", headers=JSON)
    assert is_problem(answer, 422, "invalid")
    assert [error["kind"] for error in answer.json["errors"]] == ["unreadable"]


@pytest.mark.parametrize("status", [401, 403, 404, 409, 422, 429, 503])
async def test_a_refusal_is_a_problem_with_its_code_and_facts(ask: Ask, status: int) -> None:
    answer = await ask("GET", f"/refused/{status}")
    assert is_problem(answer, status, "no_such_luck")
    assert (answer.json["allowed"], answer.json["person"]) == (3, str(UUID(int=5)))
    assert answer.headers.get("www-authenticate") == ("Bearer" if status == 401 else None)


async def test_what_nobody_expected_says_nothing_about_itself(ask: Ask, caplog: pytest.LogCaptureFixture) -> None:
    for kind in ("arithmetic", "key"):
        with caplog.at_level(logging.ERROR):
            assert is_problem(await ask("GET", f"/failing/{kind}"), 500, "internal")
    assert caplog.messages.count("unexpected error") == 2


@pytest.mark.parametrize(("kind", "status"), [("teapot", 418), ("gone", 410), ("timeout", 503), ("reset", 503)])
async def test_every_exception_becomes_a_problem(ask: Ask, kind: str, status: int) -> None:
    answer = await ask("GET", f"/failing/{kind}")
    assert is_problem(answer, status, "database_unavailable" if status == 503 else "error")
    assert answer.headers.get("x-why") == ("moved" if kind == "gone" else None)


async def test_what_is_not_there_is_a_problem_too(ask: Ask) -> None:
    assert is_problem(await ask("GET", "/nowhere"), 404, "not_found")
    answer = await ask("PUT", "/given/1")
    assert is_problem(answer, 405, "method_not_allowed")
    assert answer.headers["allow"] == "POST"


@pytest.mark.parametrize(
    ("body", "pointer", "kind"),
    [
        ({"number": SECRET}, "/number", "int_parsing"),
        ({"place": SECRET}, "/place", "uuid_parsing"),
        ({"age": SECRET}, "/age", "value_error"),
        ({"body": SECRET}, "/body", "int_parsing"),
        ({"labels": {"a/b~c": SECRET}}, "/labels/a~1b~0c", "int_parsing"),
        ({"shape": {"kind": SECRET}}, "/shape", "union_tag_invalid"),
        ({"shape": {"kind": "square", "side": [SECRET]}}, "/shape/square/side", "int_type"),
        ({"other": SECRET}, "/other", "extra_forbidden"),
        ([SECRET], "/", "model_attributes_type"),
    ],
)
async def test_a_payload_that_does_not_validate_says_where_and_why_and_never_what(
    ask: Ask, body: Any, pointer: str, kind: str
) -> None:
    answer = await ask("POST", "/given/1", json=body)
    assert is_problem(answer, 422, "invalid")
    (error,) = answer.json["errors"]
    assert (error["pointer"], error["kind"]) == (pointer, kind)
    assert error["message"]


async def test_paths_queries_and_broken_json_are_told_in_the_same_way(ask: Ask) -> None:
    for path in (f"/given/{SECRET}", f"/given/1?most={SECRET}"):
        assert is_problem(await ask("POST", path, json={}), 422, "invalid")
    for broken in (f"{{{SECRET}", f'"{SECRET}', "", b"\xff\xfe"):
        assert is_problem(await ask("POST", "/given/1", data=broken, headers=JSON), 422, "invalid")
    assert is_problem(await ask("POST", "/given/1", data="[" * 5000, headers=JSON), 422, "invalid")


async def test_a_broken_constraint_means_what_the_service_says_it_means(data: Ask) -> None:
    assert is_problem(await sql(data, entry(1, -1)), 409, "too_low")


async def test_a_commit_that_fails_never_gives_success(data: Ask) -> None:
    twice = await sql(data, seat(1, 7), seat(2, 7))  # a deferred constraint: only the commit finds out
    assert is_problem(twice, 409, "place_taken")
    assert (await sql(data, "delete from seats")).json == ["0"]


async def test_a_broken_constraint_that_nobody_named_is_our_mistake(data: Ask) -> None:
    assert is_problem(await sql(data, entry(1, 1), entry(1, 2)), 500, "internal")


@pytest.mark.parametrize("note", ["zero \0 byte", "half a \ud800 pair"])
async def test_a_text_that_the_database_cannot_hold_is_invalid(data: Ask, note: str) -> None:
    body = json.dumps([("select cast(:note as text)", {"note": note})])
    assert is_problem(
        await data("POST", "/sql", data=body, headers={"content-type": "application/json"}), 422, "invalid"
    )


async def test_a_number_that_the_database_cannot_hold_is_invalid(data: Ask) -> None:
    assert is_problem(await sql(data, "select 2147483647 + cast(:one as integer)", one=1), 422, "invalid")


@pytest.mark.parametrize(
    "statements",
    [
        ["set local statement_timeout = 20", "select pg_sleep(5)"],
        ["do $$ begin raise sqlstate '40001'; end $$"],
        ["do $$ begin raise sqlstate '40P01'; end $$"],
        ["do $$ begin raise sqlstate '53200'; end $$"],
        ["do $$ begin raise sqlstate '55P03'; end $$"],
        ["select pg_terminate_backend(pg_backend_pid())"],
    ],
)
async def test_what_may_go_better_next_time_is_503(data: Ask, statements: list[str]) -> None:
    assert is_problem(await sql(data, *statements), 503, "database_unavailable")
    assert (await sql(data, "select 1")).status == 200


async def test_a_statement_of_ours_that_is_wrong_is_our_mistake(data: Ask) -> None:
    for statement in ("select nothing", "selec", "delete from pg_class"):
        assert is_problem(await sql(data, statement), 500, "internal")


async def test_a_pool_that_is_used_up_is_503(entries: Database) -> None:
    held, let_go = asyncio.Event(), asyncio.Event()
    holding = APIRouter()

    @holding.get("/hold")
    async def get_hold(session: Session) -> None:
        await session.execute(text("select 1"))
        held.set()
        await let_go.wait()

    holding.include_router(router)
    async with asked(holding, entries.url, pool=1) as ask:
        first = asyncio.create_task(ask("GET", "/hold"))
        await held.wait()
        assert is_problem(await sql(ask, "select 1"), 503, "database_unavailable")
        let_go.set()
        assert (await first).status == 200
        assert (await sql(ask, "select 1")).status == 200


@pytest.mark.parametrize("change", [{"port": 1}, {"password": "wrong"}, {"database": "none"}, {"host": "no.invalid"}])
async def test_a_database_that_is_not_there_is_503(entries: Database, change: dict[str, Any]) -> None:
    url = make_url(entries.url).set(**change).render_as_string(hide_password=False)
    async with asked(router, url) as ask:
        assert is_problem(await sql(ask, "select 1"), 503, "database_unavailable")


async def test_a_database_that_lets_in_no_more_is_503(
    tables: Callable[..., Awaitable[Database]], servers: Servers
) -> None:
    database = await tables()
    admin = await asyncpg.connect(servers.postgres_url)
    await admin.execute(f'alter database "{make_url(database.url).database}" connection limit 0')
    await admin.close()
    async with asked(router, database.url) as ask:
        assert is_problem(await sql(ask, "select 1"), 503, "database_unavailable")


@given(status=st.sampled_from([429, 503]), before=st.none() | st.just("120"))
def test_retry_after_is_random_within_bounds_unless_it_is_known(status: int, before: str | None) -> None:
    answer = problem(status, "later", headers={"retry-after": before} if before else None)
    wait = int(answer.headers["retry-after"])
    assert wait == 120 if before else 1 <= wait <= 5


def test_problems_describe_themselves_for_openapi() -> None:
    described = problems("not_found", "forbidden", "poll_not_open", "votes_anonymised")
    assert {status: entry["description"] for status, entry in described.items()} == {
        404: "`not_found`",
        403: "`forbidden`",
        409: "`poll_not_open`, `votes_anonymised`",
    }
    assert list(described[404]["content"]) == [MEDIA_TYPE]
    assert list(problems("code_expired", status=410)) == [410]


def test_what_is_not_from_a_database_has_neither_state_nor_constraint() -> None:
    assert sqlstate_of(ValueError()) == sqlstate_of(DBAPIError("select 1", None, ValueError())) == ""
    assert constraint_of(DBAPIError("select 1", None, ValueError())) is None
