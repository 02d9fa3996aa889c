import asyncio
import errno
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from chassis.due import ATTEMPTS, Timers, at, cancel
from chassis.outbox import emit
from chassis.refusals import Refused
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

MANY = 60  # doubled so often, a wait in seconds is more than any clock can hold
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def recording(rig: Any) -> Timers:
    timers = Timers()

    @timers("close")
    async def close(subject: UUID, session: AsyncSession, _now: datetime) -> None:
        await rig.record(session, subject)

    return timers


async def set_timer(rig: Any, subject: UUID, when: datetime, *tenant: UUID, kind: str = "close") -> None:
    async with rig.session(*tenant) as session:
        await at(session, kind, subject=subject, when=when)


async def run_all(rig: Any, timers: Timers, now: datetime) -> int:
    ran = 0
    while await timers.run_next(rig.sessions, now):
        ran += 1
    return ran


async def timers_left(rig: Any) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in await rig.rows("select subject, state, attempts, last_error from due")]


async def test_a_timer_goes_off_at_its_moment_and_not_before(rig: Any) -> None:
    subject, timers = uuid4(), recording(rig)
    await set_timer(rig, subject, NOON)
    assert await run_all(rig, timers, NOON - SECOND) == 0
    assert await run_all(rig, timers, NOON) == 1
    assert await rig.effects() == [subject]
    assert await run_all(rig, timers, NOON + SECOND) == 0
    assert await timers_left(rig) == []


async def test_a_timer_that_is_set_again_moves_and_one_that_is_cancelled_never_goes_off(rig: Any) -> None:
    moved, cancelled, timers = uuid4(), uuid4(), recording(rig)
    await set_timer(rig, moved, NOON)
    await set_timer(rig, moved, NOON + 2 * SECOND)
    await set_timer(rig, cancelled, NOON)
    async with rig.session() as session:
        await cancel(session, "close", subject=cancelled)
    assert await run_all(rig, timers, NOON + SECOND) == 0
    assert await run_all(rig, timers, NOON + 2 * SECOND) == 1
    assert await rig.effects() == [moved]


async def test_each_timer_works_for_its_own_government(rig: Any) -> None:
    ghent, bruges, subject, timers = uuid4(), uuid4(), uuid4(), recording(rig)
    await set_timer(rig, subject, NOON, ghent)
    await set_timer(rig, subject, NOON, bruges)
    assert await run_all(rig, timers, NOON) == 2
    for tenant in (ghent, bruges):
        async with rig.session(tenant) as session:
            rows = (await session.execute(text("select tenant_id, thing_id from effects"))).all()
        assert [tuple(row) for row in rows] == [(tenant, subject)]


async def test_a_timer_is_set_only_if_its_transaction_commits(rig: Any) -> None:
    async with rig.session() as session:
        await at(session, "close", subject=uuid4(), when=NOON)
        await session.rollback()
    assert await timers_left(rig) == []


async def test_an_effect_may_emit_and_set_its_own_timer_again(rig: Any) -> None:
    subject, timers = uuid4(), Timers()

    @timers("remind")
    async def remind(subject: UUID, session: AsyncSession, now: datetime) -> None:
        emit(session, rig.make(subject), sequence=1, now=now)
        await at(session, "remind", subject=subject, when=now + SECOND)

    await set_timer(rig, subject, NOON, kind="remind")
    assert [await timers.run_next(rig.sessions, NOON + n * SECOND) for n in range(3)] == [True, True, True]
    assert await rig.pending() == 3


async def test_several_workers_share_the_timers_and_each_goes_off_once(rig: Any) -> None:
    subjects = [uuid4() for _ in range(60)]
    for subject in subjects:
        await set_timer(rig, subject, NOON)
    ran = await asyncio.gather(*(run_all(rig, recording(rig), NOON) for _ in range(6)))
    assert sum(ran) == 60
    assert await rig.effects() == sorted(subjects)
    assert sum(1 for number in ran if number) > 1


async def test_a_timer_that_fails_is_put_off_longer_each_time_then_parked_where_it_is_seen_then_replayed(
    rig: Any,
) -> None:
    subject, timers, broken, waits = uuid4(), Timers(), True, list[timedelta]()

    @timers("close")
    async def close(subject: UUID, session: AsyncSession, _now: datetime) -> None:
        await rig.record(session, subject)
        if broken:
            raise ConnectionRefusedError(errno.ECONNREFUSED, "anna@example.org")

    await set_timer(rig, subject, NOON)
    now = NOON
    for _ in range(ATTEMPTS):
        assert await timers.run_next(rig.sessions, now)
        [[again]] = await rig.rows("select due_at from due")
        waits.append(again - now)
        now = again
    assert waits[:4] == [2 * SECOND, 4 * SECOND, 8 * SECOND, 16 * SECOND]
    assert max(waits) == timedelta(minutes=10)
    assert await rig.effects() == []
    assert await timers_left(rig) == [(subject, "parked", ATTEMPTS, "ConnectionRefusedError: ECONNREFUSED")]
    assert not await timers.run_next(rig.sessions, now + timedelta(days=1))
    assert (
        f"timer close of {subject}: ConnectionRefusedError: ECONNREFUSED ({ATTEMPTS} attempts)"
        in await rig.worker().parked()
    )
    broken = False
    assert await rig.worker().replay() == [f"timer close of {subject} waits again"]
    assert await run_all(rig, timers, datetime.now(UTC)) == 1
    assert await rig.effects() == [subject]


async def test_a_timer_that_the_rules_refuse_is_parked_at_once(rig: Any) -> None:
    timers = Timers()

    @timers("close")
    async def close(_subject: UUID, _session: AsyncSession, _now: datetime) -> None:
        raise Refused("already_closed")

    subject = uuid4()
    await set_timer(rig, subject, NOON)
    assert await run_all(rig, timers, NOON) == 1
    assert await timers_left(rig) == [(subject, "parked", 1, "Refused: already_closed")]


async def test_a_failing_timer_does_not_hold_up_the_others(rig: Any) -> None:
    bad, good, timers = uuid4(), uuid4(), Timers()

    @timers("close")
    async def close(subject: UUID, session: AsyncSession, _now: datetime) -> None:
        if subject == bad:
            raise ValueError("bad")
        await rig.record(session, subject)

    await set_timer(rig, bad, NOON - SECOND)
    await set_timer(rig, good, NOON)
    assert await run_all(rig, timers, NOON) == 2
    assert await rig.effects() == [good]


async def test_a_kind_that_this_worker_does_not_know_is_left_to_one_that_does(rig: Any) -> None:
    await set_timer(rig, uuid4(), NOON, kind="newer")
    assert await run_all(rig, recording(rig), NOON) == 0
    assert len(await timers_left(rig)) == 1


async def test_a_kind_may_be_tried_more_often_before_it_is_parked(rig: Any) -> None:
    subject, timers, now = uuid4(), Timers(), NOON

    @timers("send", attempts=MANY)
    async def send(_subject: UUID, _session: AsyncSession, _now: datetime) -> None:
        raise OSError("not yet")

    await set_timer(rig, subject, NOON, kind="send")
    for _ in range(MANY):
        assert await timers.run_next(rig.sessions, now)
        [[state, now]] = await rig.rows("select state, due_at from due")
        assert state == "parked" or now > NOON
    assert state == "parked"


async def test_what_is_done_every_so_often_is_done_by_one_of_the_workers_and_never_gives_up(rig: Any) -> None:
    timers, moments = Timers(), list[datetime]()

    @timers.every("sweep", timedelta(hours=1))
    async def sweep(_session: AsyncSession, now: datetime) -> None:
        moments.append(now)
        if len(moments) < MANY:
            raise OSError("not yet")

    await timers._seed(rig.sessions)
    await timers._seed(rig.sessions)
    now = datetime.now(UTC) + SECOND
    for _ in range(MANY):
        assert await timers.run_next(rig.sessions, now)
        [[state, now]] = await rig.rows("select state, due_at from due")
        assert state == "waiting"
    assert now - moments[-1] == timedelta(hours=1)


async def test_the_inbox_forgets_what_no_copy_can_still_arrive_of(rig: Any, eventually: Any) -> None:
    old, fresh = uuid4(), uuid4()
    insert = "insert into inbox values (:consumer, :event, now() - cast(:age as interval)) returning 1"
    await rig.rows(insert, consumer=rig.service, event=old, age=timedelta(days=31))
    await rig.rows(insert, consumer=rig.service, event=fresh, age=timedelta(days=29))

    async def pruned() -> bool:
        return [row[0] for row in await rig.rows("select event_id from inbox")] == [fresh]

    async with rig.worker():
        await eventually(pruned)


def test_a_kind_has_one_effect() -> None:
    timers = Timers()

    async def effect(subject: UUID, session: Any, now: datetime) -> None: ...

    timers("close")(effect)
    with pytest.raises(TypeError, match="already has an effect"):
        timers("close")(effect)
    assert Timers(timers).kinds == ["close"]
