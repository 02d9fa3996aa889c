"""Refresh tokens: rotation, parallel tabs, reuse, the end of a session."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from chassis.clock import utc_now
from chassis.outbox import Outbox
from chassis.refusals import Refused
from identity.actions import sessions
from identity.actions.sessions import hash_of
from identity.models import AuditEvent, RefreshToken, SignInSession
from sqlalchemy import select, update

AN = "an.peeters@example.com"


async def refresh_later(world: Any, token: str, **later: float) -> sessions.Tokens:
    """A refresh at a later time."""
    key, now = await world.access_key(), utc_now() + timedelta(**later)
    async with world.session() as session:
        return await sessions.refresh(session, token, key=key, now=now)


async def told(world: Any) -> list[str]:
    async with world.session() as session:
        return list((await session.scalars(select(Outbox.type))).all())


async def test_a_refresh_token_gives_the_next_one_and_a_new_access_token(world: Any) -> None:
    first = await world.sign_in(AN)
    second = (await world.refresh(first["refresh_token"])).json
    third = (await world.refresh(second["refresh_token"])).json
    assert len({tokens["refresh_token"] for tokens in (first, second, third)}) == 3
    actors = [await world.actor(tokens["access_token"]) for tokens in (first, second, third)]
    assert len({(actor.person_id, actor.session_id) for actor in actors}) == 1


async def test_tabs_that_refresh_at_once_all_get_the_one_token_that_is_alive(world: Any) -> None:
    token = (await world.sign_in(AN))["refresh_token"]
    answers = await asyncio.gather(*(world.refresh(token) for _ in range(12)))
    assert {answer.status for answer in answers} == {200}
    assert len({answer.json["refresh_token"] for answer in answers}) == 1
    async with world.session() as session:
        alive = (await session.scalars(select(RefreshToken).where(RefreshToken.rotated_at.is_(None)))).all()
    assert [row.token_hash for row in alive] == [hash_of(answers[0].json["refresh_token"])]
    assert (await world.refresh(answers[0].json["refresh_token"])).status == 200


async def test_a_token_used_again_after_the_grace_ends_the_session_and_tells_it(world: Any) -> None:
    tokens = await world.sign_in(AN)
    newest = (await world.refresh(tokens["refresh_token"])).json
    await refresh_later(world, tokens["refresh_token"], seconds=9)
    assert await told(world) == []
    with pytest.raises(Refused) as refused:
        await refresh_later(world, tokens["refresh_token"], seconds=12)
    assert (refused.value.code, refused.value.status) == ("refresh_token_invalid", 401)
    assert await told(world) == ["identity.session_compromised.v1"]
    answer = await world.refresh(newest["refresh_token"])
    assert (answer.status, answer.json["code"]) == (401, "refresh_token_invalid")
    assert await told(world) == ["identity.session_compromised.v1"], "once"
    async with world.session() as session:
        actions = (await session.scalars(select(AuditEvent.action).order_by(AuditEvent.number))).all()
    assert actions == ["signed_in", "session_compromised"]


async def test_what_ends_one_session_leaves_the_others_of_the_person(world: Any) -> None:
    here, there = await world.sign_in(AN), await world.sign_in(AN)
    await world.refresh(here["refresh_token"])
    with pytest.raises(Refused):
        await refresh_later(world, here["refresh_token"], seconds=60)
    assert (await world.refresh(there["refresh_token"])).status == 200


async def test_signing_out_ends_the_session_and_may_be_asked_twice(world: Any) -> None:
    tokens = await world.sign_in(AN)
    body = {"refresh_token": tokens["refresh_token"]}
    for _ in range(2):
        assert (await world.client("POST", "/api/v1/sign-out", body)).status == 204
    assert (await world.refresh(tokens["refresh_token"])).status == 401
    unknown = await world.client("POST", "/api/v1/sign-out", {"refresh_token": "unknown"})
    assert unknown.status == 204
    assert await told(world) == [], "an ended session has nothing more to compromise"


async def test_a_session_ends_when_nobody_used_it_for_ninety_days(world: Any) -> None:
    token = (await world.sign_in(AN))["refresh_token"]
    for _ in range(3):
        token = (await refresh_later(world, token, days=89)).refresh_token
        async with world.session() as session:  # as if those 89 days had passed
            earlier = {"used_at": SignInSession.used_at - timedelta(days=89)}
            await session.execute(update(SignInSession).values(earlier))
    with pytest.raises(Refused, match="refresh_token_invalid"):
        await refresh_later(world, token, days=90, seconds=1)


async def test_a_refresh_token_of_one_government_means_nothing_at_another(world: Any) -> None:
    token = (await world.sign_in(AN))["refresh_token"]
    answer = await world.client.of(uuid4())("POST", "/api/v1/sign-in/refresh", {"refresh_token": token})
    assert (answer.status, answer.json["code"]) == (401, "refresh_token_invalid")
    assert (await world.refresh(token)).status == 200


async def test_an_access_token_is_refused_at_another_government(world: Any) -> None:
    person = await world.signed_in(AN)
    answer = await person.of(uuid4())("GET", "/api/v1/me")
    assert (answer.status, answer.json["code"]) == (401, "wrong_government")


async def test_the_database_holds_no_refresh_token(world: Any) -> None:
    token = (await world.sign_in(AN))["refresh_token"]
    async with world.session() as session:
        row = (await session.execute(select(RefreshToken))).scalar_one()
    assert row.token_hash == hash_of(token)
    assert len(token) == 43


@pytest.mark.parametrize("token", ["", "a" * 129, "with space", "a\x00b", 5, None])
async def test_what_is_no_token_is_not_valid(world: Any, token: object) -> None:
    answer = await world.client("POST", "/api/v1/sign-in/refresh", {"refresh_token": token})
    assert answer.status == 422


async def test_sessions_of_a_government_that_is_switched_off_are_not_refreshed(world: Any) -> None:
    token = (await world.sign_in(AN))["refresh_token"]
    await world.tell_of_government(world.tenant, "leuven", sequence=2, active=False)
    assert (await world.refresh(token)).json["code"] == "refresh_token_invalid"
    await world.tell_of_government(world.tenant, "leuven", sequence=3, active=True)
    assert (await world.refresh(token)).status == 200


async def test_a_person_of_a_session_is_the_one_of_the_token(world: Any) -> None:
    actor = await world.actor((await world.sign_in(AN))["access_token"])
    async with world.session() as session:
        row = (await session.execute(select(SignInSession))).scalar_one()
    assert (row.id, row.person_id) == (actor.session_id, actor.person_id)
    assert isinstance(row.id, UUID)
