"""Governments as tenancy tells them, mails that fail, what is forgotten."""

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from chassis.clock import utc_now
from chassis.due import Due
from chassis.events import Received, Undecodable, encode
from chassis.handlers import Handlers, cannot_heal, process
from contracts.tenancy import GovernmentChanged, SettingsChanged
from contracts.voting import OfficialActed
from identity.actions import audit
from identity.handlers import on
from identity.models import AuditEvent, Government, RefreshToken, SignInCode, SignInSession
from sqlalchemy import func, select, update

AN = "an@example.com"


def changed(tenant: Any, name: str) -> GovernmentChanged:
    state = {"kind": "municipality", "slug": "leuven", "names": {"nl": name}, "hosts": ["a.example"]}
    state |= {"languages": ["nl"], "colour": "#000000", "government_id": tenant}
    return GovernmentChanged.model_validate(state)


async def deliver(world: Any, event: GovernmentChanged, sequence: int, handlers: Handlers = on) -> None:
    async with world.session() as session:
        received = Received(event, uuid4(), world.tenant, sequence, utc_now())
        await handlers.handle(received, session, utc_now())


async def name_of(world: Any) -> str:
    async with world.session() as session:
        government = await session.get_one(Government, world.tenant)
        return str(government.names["nl"])


async def test_what_tenancy_tells_last_counts_whatever_the_order_of_arrival(world: Any) -> None:
    for sequence, name in ((3, "third"), (2, "second"), (3, "third again"), (5, "fifth"), (4, "fourth")):
        await deliver(world, changed(world.tenant, name), sequence)
    assert await name_of(world) == "fifth"


async def test_what_officials_do_to_polls_stands_in_the_audit_trail_once(world: Any) -> None:
    acted = OfficialActed(poll_id=uuid4(), action="closed_early", person_id=uuid4(), at=utc_now())
    body = encode(acted, event_id=uuid4(), tenant=world.tenant, sequence=3, time=utc_now())
    for _ in range(2):
        await process(body, consumer="identity", handlers=on, sessions=world.held.sessions, now=utc_now())
    async with world.session() as session:
        (entry,) = (await session.scalars(select(AuditEvent))).all()
        assert [fault async for fault in audit.faults(session)] == []
    assert (entry.action, entry.actor_id, entry.subject_id) == ("poll_closed_early", acted.person_id, acted.poll_id)
    assert entry.at == acted.at


async def test_what_administrators_change_of_their_government_stands_in_the_audit_trail(world: Any) -> None:
    told = SettingsChanged(government_id=world.tenant, settings=("colour", "names"), person_id=uuid4(), at=utc_now())
    body = encode(told, event_id=uuid4(), tenant=world.tenant, sequence=3, time=utc_now())
    await process(body, consumer="identity", handlers=on, sessions=world.held.sessions, now=utc_now())
    async with world.session() as session:
        (entry,) = (await session.scalars(select(AuditEvent))).all()
    assert (entry.action, entry.actor_id, entry.facts) == (
        "government_changed",
        told.person_id,
        {"settings": ["colour", "names"]},
    )


async def test_no_government_is_told_of_in_the_name_of_another(world: Any) -> None:
    another = uuid4()
    body = encode(changed(another, "Leuven"), event_id=uuid4(), tenant=world.tenant, sequence=9, time=utc_now())
    with pytest.raises(Undecodable) as refused:
        await process(body, consumer="identity", handlers=on, sessions=world.held.sessions, now=utc_now())
    assert cannot_heal(refused.value)
    async with world.session() as session:
        assert (await session.scalars(select(Government.id))).all() == [world.tenant]


async def test_one_code_is_mailed_once_also_when_its_timer_goes_off_again(world: Any) -> None:
    await world.ask(AN)
    async with world.session() as session:
        code = (await session.execute(select(SignInCode))).scalar_one()
    for _ in range(2):
        await world.run_timers()
        async with world.session() as session:
            session.add(Due(kind="mail_code", tenant=world.tenant, subject=code.id, due_at=utc_now()))
    await world.run_timers()
    assert len(world.mailbox.mails) == 1
    assert str(code.id) in world.mailbox.mails[0]["Message-ID"]


async def timers(world: Any) -> list[Due]:
    async with world.session() as session:
        return list((await session.scalars(select(Due).where(Due.kind == "mail_code"))).all())


async def test_a_mail_that_cannot_be_sent_now_is_tried_again_until_the_code_has_ended(world: Any) -> None:
    world.mailbox.reply = "451 come back later"
    await world.ask(AN)
    await world.run_timers()
    [waiting] = await timers(world)
    assert (waiting.attempts, waiting.state) == (1, "waiting")
    assert AN not in str(waiting.last_error)
    world.mailbox.reply = "250 OK"
    await world.run_timers(utc_now() + timedelta(seconds=5))
    assert len(world.mailbox.mails) == 1
    assert await timers(world) == []


async def test_a_code_that_could_not_be_mailed_in_time_is_given_up(world: Any) -> None:
    world.mailbox.reply = "451 come back later"
    await world.ask(AN)
    now, tries = utc_now(), 0
    while await timers(world):
        tries += 1
        assert tries < 12, "given up before it would be parked"
        await world.run_timers(now)
        now += timedelta(minutes=1)
    assert world.mailbox.mails == []
    async with world.session() as session:
        assert (await session.execute(select(SignInCode.sealed_code))).scalar_one() is None


async def test_an_address_that_the_mail_server_refuses_is_not_tried_again(world: Any) -> None:
    world.mailbox.reply = "550 no such person"
    await world.ask(AN)
    await world.run_timers()
    assert await timers(world) == []


async def test_a_government_that_is_not_yet_known_here_still_gets_its_codes(world: Any) -> None:
    tokens = await world.sign_in(AN, world.client.of(uuid4()))
    assert tokens["access_token"]
    assert world.mailbox.mails[-1]["From"].startswith("Inspraak")


async def rows(world: Any, table: Any) -> int:
    async with world.session() as session:
        return int((await session.execute(select(func.count()).select_from(table))).scalar_one())


async def shift(world: Any, column: Any, by: timedelta) -> None:
    """As if this had been so much earlier."""
    async with world.session() as session:
        await session.execute(update(column.class_).values({column.key: column - by}))


async def forget(world: Any, now: datetime | None = None) -> None:
    await world.run_timers(now or utc_now() + timedelta(hours=1, minutes=1))


async def test_what_is_known_of_codes_is_forgotten_after_a_day_and_of_those_never_mailed_once_they_end(
    world: Any,
) -> None:
    for _ in range(5):
        await world.ask(AN)
    await world.run_timers()
    assert (await rows(world, SignInCode), len(world.mailbox.mails)) == (5, 3)
    await shift(world, SignInCode.created_at, timedelta(hours=22))
    await forget(world)
    assert await rows(world, SignInCode) == 3
    await shift(world, SignInCode.created_at, timedelta(hours=2))
    await forget(world, utc_now() + timedelta(hours=3))
    assert await rows(world, SignInCode) == 0


async def test_sessions_and_tokens_that_nobody_uses_are_forgotten(world: Any) -> None:
    token = (await world.sign_in(AN))["refresh_token"]
    await world.refresh(token)
    idle = await world.sign_in(AN)
    assert (await rows(world, SignInSession), await rows(world, RefreshToken)) == (2, 3)
    await shift(world, RefreshToken.rotated_at, timedelta(days=90))
    async with world.session() as session:
        actor = await world.actor(idle["access_token"])
        long_ago = SignInSession.used_at - timedelta(days=90)
        await session.execute(
            update(SignInSession).where(SignInSession.id == actor.session_id).values(used_at=long_ago)
        )
    await forget(world)
    assert (await rows(world, SignInSession), await rows(world, RefreshToken)) == (1, 1)


async def test_forgetting_goes_on_by_itself(world: Any) -> None:
    for hours in (2, 4, 6):
        await forget(world, utc_now() + timedelta(hours=hours))
        async with world.session() as session:
            due = (await session.execute(select(Due).where(Due.kind == "forget"))).scalar_one()
        assert due.due_at > utc_now() + timedelta(hours=hours)
