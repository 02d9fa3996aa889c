import asyncio
import random
import re
import signal
from contextlib import asynccontextmanager
from datetime import datetime
from itertools import pairwise
from typing import Any
from uuid import UUID, uuid4

import pytest
from aio_pika.exceptions import ChannelNotFoundEntity
from chassis.bus import topology
from chassis.handlers import Handlers
from chassis.messaging_telemetry import HANDLED
from chassis.outbox import emit
from chassis.refusals import Refused
from chassis.worker import Worker
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession


@asynccontextmanager
async def at_work(rig: Any, eventually: Any, handlers: Handlers | None = None, **overrides: Any) -> Any:
    async with rig.worker(handlers, **overrides) as worker:
        await eventually(lambda: ready(worker))
        yield worker


async def ready(worker: Worker) -> bool:
    try:
        await worker.check()
    except RuntimeError:
        return False
    return True


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
        await eventually(lambda: _equals(rig.effects(), [thing, thing]))  # the first and the answer to it


async def test_an_event_delivered_many_times_takes_effect_once(rig: Any, eventually: Any) -> None:
    bodies = [rig.encoded() for _ in range(30)]
    copies = [body for body in bodies for _ in range(4)]
    random.shuffle(copies)
    before = outcomes("duplicate")
    async with at_work(rig, eventually):
        await rig.publish(*copies)
        await eventually(lambda: _equals(_count(outcomes, "duplicate", before), 90))
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
        await eventually(lambda: _equals(_inbox(rig), 40))
    assert [tuple(row) for row in await rig.rows("select id, sequence from things")] == [(thing, 40)]


async def test_an_undecodable_message_is_parked_at_once_with_the_reason_and_the_next_one_is_handled(
    rig: Any, eventually: Any
) -> None:
    thing = uuid4()
    async with at_work(rig, eventually) as worker:
        await rig.publish(b"\xff not json", b'{"specversion": "1.0"}', rig.encoded(thing))
        await eventually(lambda: _equals(rig.effects(), [thing]))
        lines = await eventually(lambda: _lines(worker, 2))
    assert any("Undecodable: message: json_invalid" in line for line in lines)
    assert any("Undecodable: id: missing" in line for line in lines)
    messages = await rig.take(rig.topology.parked)
    assert b"\xff not json" in [message.body for message in messages]
    assert all(message.headers["x-attempts"] == 1 for message in messages)


async def test_what_the_rules_refuse_is_parked_at_once_without_its_effect(rig: Any, eventually: Any) -> None:
    on = Handlers()

    @on(rig.thing)
    async def refuse(event: Any, session: AsyncSession, _now: datetime) -> None:
        await rig.record(session, event.thing_id)
        raise Refused("poll_not_open", secret="what a person wrote")

    async with at_work(rig, eventually, on) as worker:
        await rig.publish(rig.encoded())
        [line] = await eventually(lambda: _lines(worker, 1))
    assert "Refused: poll_not_open (1 attempts)" in line
    assert await rig.effects() == []


async def test_a_handler_that_always_fails_is_retried_after_each_wait_then_parked_then_replayed(
    rig: Any, eventually: Any
) -> None:
    on, tries, broken = Handlers(), list[float](), True

    @on(rig.thing)
    async def handle(event: Any, session: AsyncSession, _now: datetime) -> None:
        tries.append(asyncio.get_running_loop().time())
        await rig.record(session, event.thing_id)
        if broken:
            raise LookupError("anna@example.org")

    thing = uuid4()
    async with at_work(rig, eventually, on) as worker:
        await rig.publish(rig.encoded(thing))
        [line] = await eventually(lambda: _lines(worker, 1))
        assert re.search(r"LookupError: test_consumer\.py:\d+ \(4 attempts\)", line)  # where, not for whom
        assert str(thing) in line
        assert rig.thing.type in line
        waits = [later - earlier for earlier, later in pairwise(tries)]
        assert all(wait > told for wait, told in zip(waits, (0.1, 0.2, 0.3), strict=True))
        assert await rig.effects() == []
        broken = False
        assert await worker.replay() == [f"sent back test-0 {rig.thing.type}"]
        await eventually(lambda: _equals(rig.effects(), [thing]))
        assert await worker.parked() == []
    assert len(tries) == 5


@pytest.mark.parametrize("attempts", [-5, "many", 1.5, None, 2**63 - 1])
async def test_a_message_that_miscounts_its_attempts_ends_parked_and_stops_no_other(
    rig: Any, eventually: Any, attempts: Any
) -> None:
    on, broken, whole = Handlers(), uuid4(), uuid4()

    @on(rig.thing)
    async def handle(event: Any, session: AsyncSession, _now: datetime) -> None:
        if event.thing_id == broken:
            raise LookupError
        await rig.record(session, event.thing_id)

    async with at_work(rig, eventually, on) as worker:
        await rig.publish(rig.encoded(broken), headers={"x-attempts": attempts})
        [line] = await eventually(lambda: _lines(worker, 1))
        assert "LookupError: test_consumer.py" in line  # parked by us; the broker's own way takes many deliveries
        await rig.publish(rig.encoded(whole))
        await eventually(lambda: _equals(rig.effects(), [whole]))


async def test_one_parked_message_can_be_replayed_and_the_others_stay(rig: Any, eventually: Any) -> None:
    async with at_work(rig, eventually) as worker:
        await rig.publish(b"one", b"two", b"three")
        await eventually(lambda: _lines(worker, 3))
        assert await worker.replay("test-1") == [f"sent back test-1 {rig.thing.type}"]
        lines = await eventually(lambda: _lines(worker, 3))  # it is parked again, behind the others
        assert [line.split("  ")[1] for line in lines] == ["test-0", "test-2", "test-1"]


async def test_listing_parked_messages_many_times_loses_none(rig: Any, eventually: Any) -> None:
    """RabbitMQ 4 drops after 20 deliveries what has no limit of its own."""
    async with at_work(rig, eventually) as worker:
        await rig.publish(b"one")
        await eventually(lambda: _lines(worker, 1))
        for _ in range(25):
            assert len(await eventually(lambda: _lines(worker, 1))) == 1


async def test_a_type_that_this_process_does_not_know_waits_for_one_that_does(rig: Any, eventually: Any) -> None:
    """While a new version is rolled out the old one still takes from the same queue."""
    thing, old = uuid4(), Handlers()
    old(type("Other", (rig.thing,), {"__module__": __name__}, type=f"{rig.service}.other.v1"))(_nothing)
    async with at_work(rig, eventually, old):
        await rig.publish(rig.encoded(thing), exchange="")
        await eventually(lambda: _equals(_count(outcomes, "retried", 0), None, at_least=1))
    async with at_work(rig, eventually):
        await eventually(lambda: _equals(rig.effects(), [thing]))


async def _nothing(event: Any, session: AsyncSession, now: datetime) -> None: ...


@pytest.mark.fault
async def test_a_message_that_kills_its_consumer_every_time_ends_parked_and_the_innocent_are_handled(
    rig: Any, eventually: Any
) -> None:
    poison, innocent = uuid4(), [uuid4() for _ in range(12)]
    publisher = rig.publisher()
    await publisher.ready()  # the queue exists before the first consumer does
    things = [*innocent[:6], poison, *innocent[6:]]
    await rig.publish(*(rig.encoded(thing) for thing in things))
    deaths = 0
    while len(await rig.effects()) < len(innocent):
        child = await rig.child("consume", str(poison))
        await eventually(lambda child=child: _died_or_done(rig, child, len(innocent)))
        if child.returncode is None:
            child.kill()
        else:
            deaths += 1
        assert await child.wait() == -signal.SIGKILL
        assert deaths <= 4, "it came back for ever"
    assert await rig.effects() == sorted(innocent)
    [line] = await eventually(lambda: _lines(rig.worker(), 1))
    assert str(poison) in line
    assert "the broker: delivery_limit" in line


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
        await eventually(lambda: _equals(rig.effects(), sorted(things)))


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
        await eventually(lambda: _equals(rig.effects(), [thing]))


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
        await eventually(lambda: _equals(rig.effects(), [thing]))


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
        await eventually(lambda: _equals(rig.effects(), [thing]))
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
        await eventually(lambda: _equals(rig.effects(), things[:1]))
        await rig.publish(rig.encoded(slow))
        await begun.wait()
        away = True
        for thing in things[1:]:
            await rig.publish(rig.encoded(thing))
        await eventually(lambda: _draining(worker))
        await asyncio.sleep(0.5)  # time enough for messages that are given back to come round many times
        away = False
        go_on.set()
        await eventually(lambda: _equals(rig.effects(), sorted([*things, slow])))
        assert await worker.parked() == []


async def test_a_worker_waits_for_a_broker_that_is_away_and_says_that_it_is_not_ready(rig: Any) -> None:
    worker = rig.worker(amqp_url="amqp://127.0.0.1:1/none")
    async with worker:
        with pytest.raises(RuntimeError, match="0 of 1 consumers are registered"):
            await worker.check()


def test_the_topology_is_quorum_queues_that_lead_back_to_their_service() -> None:
    wanted = topology("voting", ["tenancy.government_registered.v1"])
    queues = {queue.name: queue for queue in wanted.queues}
    assert set(queues) == {"unrouted", "voting", "voting.parked", *wanted.waits}
    assert wanted.waits == ("voting.wait.1s", "voting.wait.10s", "voting.wait.60s", "voting.wait.300s")
    assert all(queue.arguments["x-queue-type"] == "quorum" for queue in wanted.queues)
    assert queues["voting"].bindings == (("events", "tenancy.government_registered.v1"),)
    assert queues["voting"].arguments["x-dead-letter-routing-key"] == "voting.parked"
    assert all(queues[name].arguments["x-dead-letter-routing-key"] == "voting" for name in wanted.waits)
    assert wanted.exchanges[0].arguments == {"alternate-exchange": "events.unrouted"}


async def test_a_worker_that_is_given_its_topology_looks_for_it_and_makes_nothing(
    rig: Any, eventually: Any, caplog: pytest.LogCaptureFixture
) -> None:
    async with rig.worker(topology_given=True) as worker:
        await eventually(lambda: _says(worker, "NotMadeError"))
    assert f"the outbox was not sent: NotMadeError: {rig.service} is not there" in caplog.text
    async with rig.channel() as channel:
        with pytest.raises(ChannelNotFoundEntity):
            await channel.get_queue(rig.service)
    await rig.publisher().ready()  # as somebody else makes it
    thing = uuid4()
    async with at_work(rig, eventually, topology_given=True):
        await rig.emit(thing)
        await eventually(lambda: _equals(rig.effects(), [thing]))


def test_a_service_that_handles_nothing_has_no_queue() -> None:
    assert [queue.name for queue in topology("tenancy", []).queues] == ["unrouted"]


def test_an_event_has_one_handler_and_a_handler_takes_what_is_given(rig: Any) -> None:
    on = Handlers()
    on(rig.thing)(_nothing)
    with pytest.raises(TypeError, match="already has a handler"):
        on(rig.thing)(_nothing)

    async def wants_more(event: Any, session: Any, now: Any, *, mailer: Any) -> None: ...

    with pytest.raises(TypeError, match=r"takes \(event, session, now\)"):
        Handlers()(rig.thing)(wants_more)


# What the tests ask again and again


async def _equals(value: Any, wanted: Any, *, at_least: float | None = None) -> bool:
    found = await value
    return bool(found >= at_least) if at_least is not None else bool(found == wanted)


async def _not(value: Any) -> bool:
    return not await value


async def _count(counter: Any, name: str, before: float) -> float:
    return float(counter(name) - before)


async def _inbox(rig: Any) -> int:
    return int((await rig.rows("select count(*) from inbox"))[0][0])


async def _lines(worker: Worker, number: int) -> list[str]:
    lines = await worker.parked()
    return lines if len(lines) == number else []


async def _says(worker: Worker, failure: str) -> bool:
    return worker.relay.failing == failure


async def _check(worker: Worker) -> None:
    await worker.check()


async def _died_or_done(rig: Any, child: asyncio.subprocess.Process, effects: int) -> bool:
    return child.returncode is not None or len(await rig.effects()) == effects


async def _draining(worker: Worker) -> bool:
    return worker.consumer._draining
