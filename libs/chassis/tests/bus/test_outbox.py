import asyncio
import signal
from typing import Any
from uuid import uuid4

import pytest
from aio_pika import Message
from aio_pika.exceptions import PublishError
from chassis.bus import UNROUTED_QUEUE, Publisher
from chassis.db import tenant_session
from chassis.events import decode
from chassis.messaging_telemetry import HANDLED
from chassis.outbox import BATCH, Relay, emit
from sqlalchemy import text


async def test_an_event_is_sent_after_its_transaction_commits_and_then_its_row_is_gone(rig: Any) -> None:
    thing = uuid4()
    [event_id] = await rig.emit(thing, sequence=7)
    assert await rig.relay().send_batch() == 1
    [message] = await rig.take(rig.service)
    received = decode(message.body)
    assert (received.id, received.tenant, received.sequence) == (event_id, rig.tenant, 7)
    assert received.event == rig.make(thing)
    assert (message.message_id, message.type, message.delivery_mode) == (str(event_id), rig.thing.type, 2)
    assert message.content_type == "application/cloudevents+json"
    assert await rig.pending() == 0


async def test_what_is_rolled_back_is_never_told(rig: Any) -> None:
    async with rig.session() as session:
        emit(session, rig.make(), sequence=1)
        await session.flush()
        await session.rollback()
    assert await rig.pending() == 0


async def test_an_event_needs_the_government_it_belongs_to(rig: Any) -> None:
    async with tenant_session(rig.sessions, uuid4(), uuid4()) as session:
        with pytest.raises(RuntimeError, match="no single government"):
            emit(session, rig.make(), sequence=1)


async def test_a_transaction_that_took_its_id_early_and_commits_late_is_sent_all_the_same(rig: Any) -> None:
    sender = rig.relay()
    early = rig.make()
    async with rig.session() as slow:
        emit(slow, early, sequence=1)
        await slow.flush()  # it has its id, the lowest, and is not committed
        await rig.emit(*(uuid4() for _ in range(3)))
        assert await sender.send_batch() == 3
    assert await sender.send_batch() == 1
    messages = await rig.take(rig.service)
    assert decode(messages[-1].body).event == early
    assert len(messages) == 4


async def test_the_events_of_one_aggregate_are_sent_in_the_order_of_its_versions(rig: Any, eventually: Any) -> None:
    """Twenty writers at a time on one row; each locks it before it emits."""
    thing = uuid4()
    await rig.rows("insert into things values (:tenant, :thing, 0) returning id", tenant=rig.tenant, thing=thing)
    stop, sender = asyncio.Event(), rig.relay()
    running = asyncio.create_task(sender.run(stop))
    limit = asyncio.Semaphore(8)

    async def change() -> None:
        async with limit, rig.session() as session:
            raised = text("update things set sequence = sequence + 1 where id = :thing returning sequence")
            version = (await session.execute(raised, {"thing": thing})).scalar_one()
            emit(session, rig.make(thing), sequence=version)

    await asyncio.gather(*(change() for _ in range(60)))
    await eventually(lambda: _is(rig.pending(), 0))
    stop.set()
    await running
    assert [decode(message.body).sequence for message in await rig.take(rig.service)] == list(range(1, 61))


async def test_a_batch_has_at_most_500_events_and_the_next_one_brings_the_rest(rig: Any) -> None:
    things = [uuid4() for _ in range(BATCH + 20)]
    await rig.emit(*things)
    sender = rig.relay()
    assert await sender.send_batch() == BATCH
    assert await sender.send_batch() == 20
    assert await sender.send_batch() == 0
    messages = await rig.take(rig.service)
    assert [decode(message.body).event for message in messages] == [rig.make(thing) for thing in things]


async def test_two_relays_at_once_send_every_event_once(rig: Any, eventually: Any) -> None:
    stop, relays = asyncio.Event(), [rig.relay(), rig.relay()]
    running = [asyncio.create_task(one.run(stop)) for one in relays]
    things = [uuid4() for _ in range(300)]
    for start in range(0, 300, 10):
        await rig.emit(*things[start : start + 10])
    await eventually(lambda: _is(rig.pending(), 0))
    stop.set()
    await asyncio.gather(*running)
    messages = await rig.take(rig.service)
    assert [decode(message.body).event for message in messages] == [rig.make(thing) for thing in things]


async def test_a_relay_waits_while_another_one_works(rig: Any) -> None:
    await rig.emit()
    async with rig.engine.begin() as other:
        await other.execute(text("select pg_advisory_xact_lock(7305118265)"))
        assert await rig.relay().send_batch() == 0
    assert await rig.relay().send_batch() == 1


async def test_a_message_that_reaches_no_queue_leaves_the_outbox_as_it_was(rig: Any) -> None:
    publisher = rig.publisher()

    class Misdirected(Publisher):
        async def ready(self) -> Any:
            return await publisher.ready()

        async def publish(self, *messages: Any) -> None:
            await publisher.publish(*(("", "no-such-queue", message) for _, _, message in messages))

    await rig.emit(uuid4(), uuid4())
    with pytest.raises(PublishError):
        await Relay(rig.engine, Misdirected(rig.amqp_url, rig.topology)).send_batch()
    assert await rig.pending() == 2
    assert await Relay(rig.engine, publisher).send_batch() == 2


async def test_a_broker_too_slow_for_a_whole_batch_gets_smaller_ones(rig: Any, eventually: Any) -> None:
    publisher, sizes = rig.publisher(), list[int]()

    class Slow(Publisher):
        async def ready(self) -> Any:
            return await publisher.ready()

        async def publish(self, *messages: Any) -> None:
            sizes.append(len(messages))
            if len(messages) > 150:
                raise TimeoutError
            await publisher.publish(*messages)

    await rig.emit(*(uuid4() for _ in range(600)))
    stop, sender = asyncio.Event(), Relay(rig.engine, Slow(rig.amqp_url, rig.topology))
    running = asyncio.create_task(sender.run(stop))
    await eventually(lambda: _is(rig.pending(), 0))
    stop.set()
    await running
    assert sizes[:3] == [500, 250, 125]


async def test_a_broker_that_is_away_fails_the_batch_and_holds_no_transaction(rig: Any) -> None:
    await rig.emit()
    away = Publisher("amqp://127.0.0.1:1/none", rig.topology)
    with pytest.raises(OSError, match="Connect call failed"):
        await Relay(rig.engine, away).send_batch()
    assert await rig.pending() == 1


async def test_an_event_that_nobody_binds_is_kept_where_an_operator_finds_it(rig: Any) -> None:
    publisher = rig.publisher()
    body = rig.encoded()
    stranger = f"{rig.service}.unheard_of.v1"
    await publisher.publish(("events", stranger, Message(body, message_id="lost", type=stranger, delivery_mode=2)))
    messages = await rig.take(UNROUTED_QUEUE)
    assert [message.body for message in messages if message.type == stranger] == [body]


async def test_a_relay_killed_between_publishing_and_committing_sends_again_and_the_effect_happens_once(
    rig: Any, eventually: Any
) -> None:
    things, before = [uuid4() for _ in range(20)], await _duplicates(0)
    await rig.emit(*things)
    child = await rig.child("relay")
    assert await child.wait() == -signal.SIGKILL
    assert await rig.pending() == 20  # nothing was committed
    async with rig.worker():
        await eventually(lambda: _is(rig.pending(), 0))
        await eventually(lambda: _is(rig.effects(), sorted(things)))
        await eventually(lambda: _is(_duplicates(before), 20))
    assert await rig.effects() == sorted(things)


async def _is(value: Any, wanted: Any) -> bool:
    return bool(await value == wanted)


async def _duplicates(before: float) -> float:
    return float(HANDLED.labels("duplicate")._value.get() - before)
