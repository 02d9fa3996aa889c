"""Servers killed with -9, or frozen, under a worker that goes on: everything arrives, takes effect once, by itself.

They have servers of their own, since they break them.
"""

import asyncio
import os
import signal
from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest
from chassis.outbox import emit
from chassis.testing import Servers
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

stacks = pytest.importorskip("inspraak_dev.stack", reason="own servers need the development package")
pytestmark = pytest.mark.fault
EVENTS = 400
NAMES = ("POSTGRES", "AMQP", "REDIS")


@pytest.fixture(scope="module")
def stack() -> Iterator[Any]:
    with pytest.MonkeyPatch.context() as patched:
        for name in NAMES:  # these are the servers that all tests share
            patched.delenv(f"INSPRAAK_{name}_URL", raising=False)
        with stacks.servers(f"chassis-faults-{os.getpid()}") as made:
            yield made


@pytest.fixture(scope="module")
def servers(stack: Any) -> Servers:
    urls = stack.urls()
    return Servers(*(urls[f"INSPRAAK_{name}_URL"] for name in NAMES))


async def emit_all(rig: Any, eventually: Any, things: list[UUID]) -> None:
    """Emit one by one; what the database refuses is tried again, as a person would."""
    for thing in things:
        await eventually(lambda thing=thing: emitted(rig, thing), within=60)


async def emitted(rig: Any, thing: UUID) -> bool:
    """Whether this thing's event is safe. A commit that broke off may have happened all the same."""
    try:
        async with rig.session() as session:
            row = {"tenant": rig.tenant, "thing": thing}
            insert = "insert into things values (:tenant, :thing, 1) on conflict do nothing returning id"
            if (await session.execute(text(insert), row)).first() is not None:
                emit(session, rig.make(thing), sequence=1)
    except (DBAPIError, SQLAlchemyError, OSError, TimeoutError):
        return False
    return True


async def settled(rig: Any, things: list[UUID]) -> bool:
    try:
        return bool(await rig.effects() == sorted(things) and await rig.pending() == 0)
    except (DBAPIError, SQLAlchemyError, OSError, TimeoutError):
        return False


async def kill_and_restart(stack: Any, name: str, *, after: float) -> None:
    await asyncio.sleep(after)  # somewhere in the middle, wherever that is
    await asyncio.to_thread(stack.kill_server, name)
    await asyncio.to_thread(stack.start_server, name)
    await asyncio.to_thread(stack.wait_ready, name)


@pytest.mark.parametrize("name", ["rabbitmq", "postgres"])
async def test_a_server_killed_while_events_flow_loses_none_and_doubles_none(
    rig: Any, stack: Any, eventually: Any, name: str
) -> None:
    things = [uuid4() for _ in range(EVENTS)]
    async with rig.worker() as worker:
        await eventually(lambda: is_ready(worker))
        await asyncio.gather(emit_all(rig, eventually, things), kill_and_restart(stack, name, after=0.5))
        await eventually(lambda: settled(rig, things), within=60)
        await eventually(lambda: is_ready(worker), within=30)
        assert await worker.parked() == []


async def test_a_broker_that_hangs_is_noticed_and_used_again_when_it_goes_on(
    rig: Any, stack: Any, eventually: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chassis.bus.PUBLISH_SECONDS", 1)
    monkeypatch.setattr("chassis.consumer.WATCHED_EVERY", 0.5)
    things = [uuid4() for _ in range(20)]
    async with rig.worker() as worker:
        await eventually(lambda: is_ready(worker))
        await asyncio.to_thread(stack.kill_server, "rabbitmq", signal.SIGSTOP)
        await rig.emit(*things)
        await eventually(lambda: is_unready(worker))
        await asyncio.to_thread(stack.kill_server, "rabbitmq", signal.SIGCONT)
        await eventually(lambda: settled(rig, things), within=60)
        await eventually(lambda: is_ready(worker), within=30)


async def test_a_frozen_database_holds_up_the_relay_only_until_it_goes_on(
    rig: Any, stack: Any, eventually: Any
) -> None:
    things = [uuid4() for _ in range(20)]
    await rig.publisher().ready()
    await rig.emit(*things)
    await asyncio.to_thread(stack.kill_server, "postgres", signal.SIGSTOP)
    async with rig.worker() as worker:
        await eventually(lambda: is_unready(worker))
        await asyncio.to_thread(stack.kill_server, "postgres", signal.SIGCONT)
        await eventually(lambda: settled(rig, things), within=60)


async def is_ready(worker: Any) -> bool:
    try:
        await worker.check()
    except RuntimeError:
        return False
    return True


async def is_unready(worker: Any) -> bool:
    return not await is_ready(worker)
