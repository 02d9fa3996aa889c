"""Access tokens at the door."""

import asyncio
from typing import Any
from uuid import uuid4

import pytest
from chassis.testing import Identity
from joserfc.jwk import RSAKey

VOTE = "/api/v1/polls/0196b1f2-0000-7000-8000-000000000001/vote"


async def test_a_route_for_people_needs_a_token(world: Any) -> None:
    answer = await world.ask("PUT", VOTE, data=b"{}")
    assert (answer.status, answer.code) == (401, "not_signed_in")
    assert not world.peers["voting"].got


async def test_a_token_of_another_government_opens_nothing(world: Any) -> None:
    for method, path in (("PUT", VOTE), ("GET", "/api/v1/polls"), ("GET", "/api/v1/me")):
        answer = await world.ask(method, path, host="gent.localhost", headers=world.bearer())
        assert (answer.status, answer.code) == (401, "wrong_government")
    within = await world.ask_within("GET", "/api/v1/me", headers=world.bearer(tenant=world.gent.id))
    assert (within.status, within.code) == (401, "wrong_government")
    assert not world.peers["voting"].got


@pytest.mark.parametrize(
    "header", ["Bearer", "Bearer x", "Basic eDp5", "Bearer a.b.c", "Bearer eyJhbGciOiJub25lIn0.e30."]
)
async def test_what_is_no_token_is_refused_where_one_may_stand(world: Any, header: str) -> None:
    answer = await world.ask("GET", "/api/v1/polls", headers={"authorization": header})
    assert (answer.status, answer.code) == (401, "bad_token")


async def test_a_token_signed_by_another_key_is_refused(world: Any) -> None:
    key = RSAKey.generate_key(2048, parameters={"kid": world.identity.key.kid}, auto_kid=False)
    token = Identity("", key).token(world.leuven.id)
    answer = await world.ask("GET", "/api/v1/me", headers={"authorization": f"Bearer {token}"})
    assert (answer.status, answer.code) == (401, "bad_token")


async def test_a_token_ends(world: Any) -> None:
    headers = world.bearer(seconds=-10)
    answer = await world.ask("GET", "/api/v1/me", headers=headers)
    assert (answer.status, answer.code) == (401, "token_expired")


async def test_with_identity_down_people_go_on_voting(world: Any, reply: Any) -> None:
    assert (await world.ask("PUT", VOTE, headers=world.bearer(), data=b"{}")).status == 200
    world.peers["identity"].handler = lambda _: reply(b"", 500)
    for _ in range(3):
        assert (await world.ask("PUT", VOTE, headers=world.bearer(uuid4()), data=b"{}")).status == 200


async def test_the_keys_are_fetched_once_however_many_ask_first(world: Any) -> None:
    answers = await asyncio.gather(
        *(world.ask("GET", "/api/v1/polls", headers=world.bearer(uuid4())) for _ in range(30))
    )
    assert {answer.status for answer in answers} == {200}
    assert [got.path for got in world.peers["identity"].got].count("/.well-known/jwks.json") == 1


async def test_where_nobody_signs_in_a_token_is_not_even_read(world: Any) -> None:
    answer = await world.ask("POST", "/api/v1/sign-in", headers={"authorization": "Bearer x"}, data=b"{}")
    assert answer.status == 200
    assert world.peers["identity"].got[-1].header("authorization") is None
