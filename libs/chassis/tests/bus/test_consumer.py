import asyncio
import random
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from chassis.handlers import Handlers
from chassis.messaging_telemetry import HANDLED
from chassis.outbox import emit
from chassis.worker import Worker
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from libs.chassis.tests.bus.waiting import at_work, equals, ready


def outcomes(name: str) -> float:
    return float(HANDLED.labels(name)._value.get())


async def test_an_event_takes_effect_and_what_its_handler_emits_goes_out_with_it(rig: Any, eventually: Any) -> None:
    on = Handlers()

    @on(rig.thing)
    async def answer_once(event: Any, session: AsyncSession, _now: datetime) -> None:
        await rig.record(session, event.thing_id)
        if not event.note:
            emit(session, rig.make(event.thing_id, note="answer"), sequence=2)

    thing = uuid4()
    async with at_work(rig, eventually, on):
        await rig.emit(thing)
        await eventually(lambda: equals(rig.effects(), [thing, thing]))  # the first and the answer to it


async def test_an_event_delivered_many_times_takes_effect_once(rig: Any, eventually: Any) -> None:
    bodies = [rig.encoded() for _ in range(30)]
    copies = [body for body in bodies for _ in range(4)]
    random.shuffle(copies)
    before = outcomes("duplicate")
    async with at_work(rig, eventually):
        await rig.publish(*copies)
        await eventually(lambda: equals(_count(outcomes, "duplicate", before), 90))
    assert len(await rig.effects()) == 30
    assert len(set(await rig.effects())) == 30


async def test_a_projection_ends_at_the_latest_version_in_whatever_order_events_arrive(
    rig: Any, eventually: Any
) -> None:
    on = Handlers()

    @on(rig.thing)
    async def project(event: Any, session: AsyncSession, _now: datetime, *, sequence: int, tenant: UUID) -> None:
        statement = text(
            "insert into things values (:tenant, :id, :sequence) on conflict (tenant_id, id)"
            " do update set sequence = excluded.sequence where things.sequence < excluded.sequence"
        )
        await session.execute(statement, {"tenant": tenant, "id": event.thing_id, "sequence": sequence})

    thing = uuid4()
    bodies = [rig.encoded(thing, sequence=sequence) for sequence in range(1, 41)]
    random.shuffle(bodies)
    async with at_work(rig, eventually, on):
        await rig.publish(*bodies)
        await eventually(lambda: equals(_inbox(rig), 40))
    assert [tuple(row) for row in await rig.rows("select id, sequence from things")] == [(thing, 40)]


async def test_a_type_that_this_process_does_not_know_waits_for_one_that_does(rig: Any, eventually: Any) -> None:
    """While a new version is rolled out the old one still takes from the same queue."""
    thing, old = uuid4(), Handlers()
    old(type("Other", (rig.thing,), {"__module__": __name__}, type=f"{rig.service}.other.v1"))(_nothing)
    async with at_work(rig, eventually, old):
        await rig.publish(rig.encoded(thing), exchange="")
        await eventually(lambda: equals(_count(outcomes, "retried", 0), None, at_least=1))
    async with at_work(rig, eventually):
        await eventually(lambda: equals(rig.effects(), [thing]))


async def _nothing(event: Any, session: AsyncSession, now: datetime) -> None: ...


async def test_on_shutdown_what_is_in_flight_finishes(rig: Any, eventually: Any) -> None:
    on, begun, go_on = Handlers(), asyncio.Event(), asyncio.Event()

    @on(rig.thing)
    async def slowly(event: Any, session: AsyncSession, _now: datetime) -> None:
        begun.set()
        await go_on.wait()
        await rig.record(session, event.thing_id)

    thing = uuid4()
    async with at_work(rig, eventually, on) as worker:
        await rig.publish(rig.encoded(thing))
        await begun.wait()
        leaving = asyncio.create_task(worker.__aexit__(None, None, None))
        await eventually(lambda: _draining(worker))
        go_on.set()
        await leaving
    assert await rig.effects() == [thing]
    assert await rig.take(rig.service) == []


async def test_on_shutdown_what_does_not_finish_in_time_is_given_back_without_its_effect(
    rig: Any, eventually: Any
) -> None:
    on, begun = Handlers(), asyncio.Event()

    @on(rig.thing)
    async def never_ends(event: Any, session: AsyncSession, _now: datetime) -> None:
        await rig.record(session, event.thing_id)
        begun.set()
        await asyncio.Event().wait()

    things = [uuid4() for _ in range(5)]
    async with at_work(rig, eventually, on, graceful_shutdown=1):
        await rig.publish(*(rig.encoded(thing) for thing in things))
        await begun.wait()
    assert await rig.effects() == []
    async with at_work(rig, eventually):
        await eventually(lambda: equals(rig.effects(), sorted(things)))


async def test_a_consumer_that_the_broker_cancels_is_unready_until_it_is_registered_again(
    rig: Any, eventually: Any
) -> None:
    thing = uuid4()
    async with at_work(rig, eventually) as worker:
        async with rig.channel() as channel:
            await channel.queue_delete(rig.service)
        with pytest.raises(RuntimeError, match="0 of 1 consumers are registered"):
            await eventually(lambda: _check(worker))
        await eventually(lambda: ready(worker))
        await rig.publish(rig.encoded(thing))
        await eventually(lambda: equals(rig.effects(), [thing]))


async def test_the_watchdog_finds_a_consumer_that_is_gone_without_a_word(
    rig: Any, eventually: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The hazard of older clients: the connection lives, nobody consumes, and nothing says so."""
    monkeypatch.setattr("chassis.consumer.WATCHED_EVERY", 0.1)
    thing = uuid4()
    async with at_work(rig, eventually) as worker:
        underlay = await worker.consumer.channel.get_underlay_channel()
        underlay.on_consumer_cancel_callbacks.clear()
        [tag] = underlay.consumers
        await underlay.basic_cancel(tag)
        assert worker.consumer.registered == 1
        await eventually(lambda: _not(ready(worker)))
        await eventually(lambda: ready(worker))
        await rig.publish(rig.encoded(thing))
        await eventually(lambda: equals(rig.effects(), [thing]))


async def test_messages_stay_in_their_queue_while_the_database_is_away(rig: Any, eventually: Any) -> None:
    """An outage is no message's fault: it uses up no attempts, however long it lasts."""
    thing, away = uuid4(), True
    worker = rig.worker()
    answers = worker.consumer._database_answers

    async def database_answers() -> bool:
        return not away and bool(await answers())

    worker.consumer._database_answers = database_answers
    handle = worker.consumer._handle

    async def failing(body: bytes) -> str:
        if away:
            raise ConnectionRefusedError("the database is away")
        return str(await handle(body))

    worker.consumer._handle = failing
    away = False
    async with worker:
        await eventually(lambda: ready(worker))
        away = True
        await rig.publish(rig.encoded(thing))
        await eventually(lambda: _not(ready(worker)))
        await asyncio.sleep(1)  # longer than all waits together: were attempts counted, it would be parked
        away = False
        await eventually(lambda: equals(rig.effects(), [thing]))
        assert await worker.parked() == []


async def test_an_outage_uses_up_no_messages_deliveries_while_one_that_is_slow_is_waited_for(
    rig: Any, eventually: Any
) -> None:
    things, slow, go_on, begun, away = [uuid4() for _ in range(20)], uuid4(), asyncio.Event(), asyncio.Event(), False
    worker = rig.worker()
    answers, handle = worker.consumer._database_answers, worker.consumer._handle

    async def database_answers() -> bool:
        return not away and bool(await answers())

    async def failing(body: bytes) -> str:
        if str(slow).encode() in body:
            begun.set()
            await go_on.wait()
        elif away:
            raise ConnectionRefusedError("the database is away")
        return str(await handle(body))

    worker.consumer._database_answers, worker.consumer._handle = database_answers, failing
    async with worker:
        await eventually(lambda: ready(worker))
        await rig.publish(rig.encoded(things[0]))  # the first fresh message: from now on several at once
        await eventually(lambda: equals(rig.effects(), things[:1]))
        await rig.publish(rig.encoded(slow))
        await begun.wait()
        away = True
        for thing in things[1:]:
            await rig.publish(rig.encoded(thing))
        await eventually(lambda: _draining(worker))
        await asyncio.sleep(0.5)  # time enough for messages that are given back to come round many times
        away = False
        go_on.set()
        await eventually(lambda: equals(rig.effects(), sorted([*things, slow])))
        assert await worker.parked() == []


async def test_a_worker_waits_for_a_broker_that_is_away_and_says_that_it_is_not_ready(rig: Any) -> None:
    worker = rig.worker(amqp_url="amqp://127.0.0.1:1/none")
    async with worker:
        with pytest.raises(RuntimeError, match="0 of 1 consumers are registered"):
            await worker.check()


def test_an_event_has_one_handler_and_a_handler_takes_what_is_given(rig: Any) -> None:
    on = Handlers()
    on(rig.thing)(_nothing)
    with pytest.raises(TypeError, match="already has a handler"):
        on(rig.thing)(_nothing)

    async def wants_more(event: Any, session: Any, now: Any, *, mailer: Any) -> None: ...

    with pytest.raises(TypeError, match=r"takes \(event, session, now\)"):
        Handlers()(rig.thing)(wants_more)


# What the tests ask again and again


async def _not(value: Any) -> bool:
    return not await value


async def _count(counter: Any, name: str, before: float) -> float:
    return float(counter(name) - before)


async def _inbox(rig: Any) -> int:
    return int((await rig.rows("select count(*) from inbox"))[0][0])


async def _check(worker: Worker) -> None:
    await worker.check()


async def _draining(worker: Worker) -> bool:
    return worker.consumer._draining
