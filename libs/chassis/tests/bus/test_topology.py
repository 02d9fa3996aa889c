"""Which exchanges and queues a service has, and who makes them."""

from typing import Any
from uuid import uuid4

import pytest
from aio_pika.exceptions import ChannelNotFoundEntity
from chassis.bus import topology
from chassis.worker import Worker

from libs.chassis.tests.bus.waiting import at_work, equals


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
        await eventually(lambda: equals(rig.effects(), [thing]))


def test_a_service_that_handles_nothing_has_no_queue() -> None:
    assert [queue.name for queue in topology("tenancy", []).queues] == ["unrouted"]


async def _says(worker: Worker, failure: str) -> bool:
    return worker.relay.failing == failure
