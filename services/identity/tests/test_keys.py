"""Signing keys: one for all processes, published before they sign, kept until their tokens have ended."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

from chassis.auth import PLATFORM, TokenVerifier
from chassis.clock import utc_now
from chassis.testing import serving
from identity.actions import signing
from identity.main import service
from identity.models import SigningKey
from joserfc import jws
from sqlalchemy import func, select

JWKS = "/.well-known/jwks.json"


def signer(world: Any) -> signing.Signer:
    """Another process."""
    return signing.Signer(world.held.sessions, world.held.settings)


async def test_the_public_keys_are_for_everyone_and_may_be_cached(world: Any) -> None:
    async with world.client.http.get(world.client.base + JWKS) as answer:
        assert answer.status == 200
        assert answer.headers["cache-control"] == "public, max-age=300"
        [key] = (await answer.json())["keys"]
    assert (key["kty"], key["alg"], key["use"]) == ("RSA", "RS256", "sig")
    assert set(key) == {"kty", "n", "e", "alg", "use", "kid"}, "nothing private"


async def test_processes_that_start_at_once_agree_on_the_first_key(world: Any) -> None:
    now = utc_now()
    keys = await asyncio.gather(*(signer(world).key(now) for _ in range(8)))
    assert len({key.kid for key in keys}) == 1
    async with world.session(PLATFORM) as session:
        assert (await session.execute(select(func.count()).select_from(SigningKey))).scalar_one() == 1


async def test_the_private_key_is_sealed_at_rest_and_hidden_from_governments(world: Any) -> None:
    key = (await signer(world).key(utc_now())).key
    async with world.session(PLATFORM) as session:
        row = (await session.execute(select(SigningKey))).scalar_one()
    assert key.as_der(private=True) not in row.sealed_private_key
    assert "d" not in row.public_jwk
    async with world.session() as session:
        assert (await session.scalars(select(SigningKey))).all() == []


async def test_a_new_key_is_published_at_once_and_signs_later_and_the_old_one_stays_as_long_as_its_tokens(
    world: Any,
) -> None:
    now = utc_now()
    old = (await signer(world).key(now)).kid
    async with world.session(PLATFORM) as session:
        new = (await signing.rotate(session, settings=world.held.settings, now=now)).kid
    process = signer(world)

    async def at(**later: float) -> tuple[str, list[str]]:
        moment = now + timedelta(**later)
        return (await process.key(moment)).kid, [key["kid"] for key in await process.published(moment)]

    assert await at(seconds=1) == (old, [old, new])
    assert await at(seconds=899) == (old, [old, new])
    assert await at(seconds=901) == (new, [old, new])
    assert await at(seconds=900 + 900) == (new, [old, new])
    assert await at(seconds=900 + 900 + 126) == (new, [new])


async def test_tokens_of_both_keys_are_good_across_a_rotation(world: Any) -> None:
    before = (await world.sign_in("an@example.com"))["access_token"]
    at_once = world.held.settings.model_copy(update={"signing_key_lead_seconds": 0})
    async with world.session(PLATFORM) as session:
        new = await signing.rotate(session, settings=at_once, now=utc_now())
    async with serving(service.app(world.client.settings)) as another_process:
        after = await world.sign_in("an@example.com", replace(world.client, base=another_process))
        verifier = TokenVerifier(another_process + JWKS)
        actors = [await verifier.verify(token) for token in (before, after["access_token"])]
    assert actors[0].person_id == actors[1].person_id
    assert jws.extract_compact(after["access_token"].encode()).headers()["kid"] == new.kid


async def test_a_rotation_forgets_keys_that_nothing_needs(world: Any) -> None:
    now = utc_now()
    await signer(world).key(now)
    for days in range(1, 4):
        async with world.session(PLATFORM) as session:
            await signing.rotate(session, settings=world.held.settings, now=now + timedelta(days=days))
    async with world.session(PLATFORM) as session:
        assert (await session.execute(select(func.count()).select_from(SigningKey))).scalar_one() == 2


async def test_a_running_process_takes_up_a_new_key_without_a_restart(world: Any) -> None:
    process = signer(world)
    await process.key(utc_now())
    async with world.session(PLATFORM) as session:
        await signing.rotate(session, settings=world.held.settings, now=utc_now())
    assert len(await process.published(utc_now())) == 1
    process._read_at -= signing.REREAD_SECONDS + 1
    assert len(await process.published(utc_now())) == 2
