"""Messages that cannot be handled are parked with their reason, and can be sent back."""

import asyncio
import re
import signal
from datetime import datetime
from itertools import pairwise
from typing import Any
from uuid import uuid4

import pytest
from chassis.handlers import Handlers
from chassis.refusals import Refused
from sqlalchemy.ext.asyncio import AsyncSession

from libs.chassis.tests.bus.waiting import at_work, equals, parked_lines


async def test_an_undecodable_message_is_parked_at_once_with_the_reason_and_the_next_one_is_handled(
    rig: Any, eventually: Any
) -> None:
    thing = uuid4()
    async with at_work(rig, eventually) as worker:
        await rig.publish(b"\xff not json", b'{"specversion": "1.0"}', rig.encoded(thing))
        await eventually(lambda: equals(rig.effects(), [thing]))
        lines = await eventually(lambda: parked_lines(worker, 2))
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
        [line] = await eventually(lambda: parked_lines(worker, 1))
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
        [line] = await eventually(lambda: parked_lines(worker, 1))
        assert re.search(r"LookupError: test_parking\.py:\d+ \(4 attempts\)", line)  # where, not for whom
        assert str(thing) in line
        assert rig.thing.type in line
        waits = [later - earlier for earlier, later in pairwise(tries)]
        assert all(wait > told for wait, told in zip(waits, (0.1, 0.2, 0.3), strict=True))
        assert await rig.effects() == []
        broken = False
        assert await worker.replay() == [f"sent back test-0 {rig.thing.type}"]
        await eventually(lambda: equals(rig.effects(), [thing]))
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
        [line] = await eventually(lambda: parked_lines(worker, 1))
        assert "LookupError: test_parking.py" in line  # parked by us; the broker's own way takes many deliveries
        await rig.publish(rig.encoded(whole))
        await eventually(lambda: equals(rig.effects(), [whole]))


async def test_one_parked_message_can_be_replayed_and_the_others_stay(rig: Any, eventually: Any) -> None:
    async with at_work(rig, eventually) as worker:
        await rig.publish(b"one", b"two", b"three")
        await eventually(lambda: parked_lines(worker, 3))
        assert await worker.replay("test-1") == [f"sent back test-1 {rig.thing.type}"]
        lines = await eventually(lambda: parked_lines(worker, 3))  # it is parked again, behind the others
        assert [line.split("  ")[1] for line in lines] == ["test-0", "test-2", "test-1"]


async def test_listing_parked_messages_many_times_loses_none(rig: Any, eventually: Any) -> None:
    """RabbitMQ 4 drops after 20 deliveries what has no limit of its own."""
    async with at_work(rig, eventually) as worker:
        await rig.publish(b"one")
        await eventually(lambda: parked_lines(worker, 1))
        for _ in range(25):
            assert len(await eventually(lambda: parked_lines(worker, 1))) == 1


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
    [line] = await eventually(lambda: parked_lines(rig.worker(), 1))
    assert str(poison) in line
    assert "the broker: delivery_limit" in line


async def _died_or_done(rig: Any, child: asyncio.subprocess.Process, effects: int) -> bool:
    return child.returncode is not None or len(await rig.effects()) == effects
