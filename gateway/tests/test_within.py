"""The internal listener."""

from typing import Any

import pytest
from chassis.testing import INTERNAL_KEY

VOTE = "/api/v1/polls/0196b1f2-0000-7000-8000-000000000001/vote"
BALLOT = b'{"choices":[1]}'
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


async def test_web_says_for_whom_it_asks_when_it_proves_who_it_is(world: Any) -> None:
    answer = await world.ask_within("GET", "/api/v1/polls")
    assert answer.status == 200
    got = world.peers["voting"].got[-1]
    assert got.header("x-inspraak-tenant") == str(world.leuven.id)
    assert got.header("x-inspraak-client") == "192.0.2.7"
    assert [name for name, _ in got.headers].count("x-inspraak-key") == 1


@pytest.mark.parametrize("key", ["", "wrong", INTERNAL_KEY[:-1]])
async def test_without_the_key_nobody_comes_in_from_within(world: Any, key: str) -> None:
    answer = await world.ask_within("GET", "/api/v1/polls", headers={"x-inspraak-key": key})
    assert (answer.status, answer.code) == (403, "not_one_of_us")
    assert not world.peers["voting"].got


async def test_the_key_is_worth_nothing_outside(world: Any) -> None:
    headers = {"x-inspraak-key": INTERNAL_KEY, "x-inspraak-tenant": str(world.gent.id)}
    await world.ask("GET", "/api/v1/polls", headers=headers)
    assert world.peers["voting"].got[-1].header("x-inspraak-tenant") == str(world.leuven.id)


async def test_web_cannot_reach_itself_from_within(world: Any) -> None:
    assert (await world.ask_within("GET", "/nl/")).status == 404


async def test_numbers_and_readiness_are_for_within_only(world: Any) -> None:
    assert (await world.ask_within("GET", "/readyz")).status == 200
    assert b"http_server_request_duration_seconds" in (await world.ask_within("GET", "/metrics")).body
    assert (await world.ask("GET", "/livez", host="nobody.example")).body == b"ok"
    for path in ("/metrics", "/readyz", "/openapi.json"):
        for method in ("GET", "HEAD", "POST"):
            assert (await world.ask(method, path)).status == 404
    assert not world.peers["web"].got
