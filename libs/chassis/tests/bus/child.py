"""A process that the tests kill: `child.py ROLE JSON [ARGUMENT]`."""

import asyncio
import json
import os
import signal
import sys
from datetime import datetime
from typing import Any
from uuid import UUID

import uvloop
from chassis.bus import Outgoing, Publisher, topology
from chassis.db import create_engine, session_maker
from chassis.due import Timers
from chassis.handlers import Handlers
from chassis.outbox import Relay
from chassis.settings import ServiceSettings
from chassis.worker import Worker
from contracts.base import Event
from pydantic import create_model
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

WAITS = (0.1, 0.2, 0.3)


class DyingPublisher(Publisher):
    """Dies once the broker has confirmed, before the relay can commit."""

    async def publish(self, *messages: Outgoing) -> None:
        await super().publish(*messages)
        os.kill(os.getpid(), signal.SIGKILL)


def thing_class(name: str) -> type[Event]:
    return create_model(
        "Thing",
        __base__=Event,
        __cls_kwargs__={"type": name, "subject": "thing_id"},
        thing_id=(UUID, ...),
        note=(str, ""),
    )


async def die_after_publishing(told: dict[str, str]) -> None:
    publisher = DyingPublisher(told["amqp"], topology(told["service"], [told["type"]], waits=WAITS, delivery_limit=3))
    await Relay(create_engine(told["database"], pool=2), publisher).send_batch()


async def consume(told: dict[str, str], poison: str) -> None:
    """Consume as a service does; the poison kills the process, every time."""
    on = Handlers()

    @on(thing_class(told["type"]))
    async def handle(event: Any, session: AsyncSession, _now: datetime) -> None:
        if str(event.thing_id) == poison:
            os.kill(os.getpid(), signal.SIGKILL)
        statement = text("insert into effects values (current_setting('app.tenant_ids')::uuid, :thing)")
        await session.execute(statement, {"thing": event.thing_id})

    settings = ServiceSettings(
        environment="test", amqp_url=told["amqp"], database_url=told["database"], database_pool=8, graceful_shutdown=3
    )
    sessions = session_maker(create_engine(told["database"], pool=8))
    async with Worker(told["service"], settings, sessions, on, Timers(), waits=WAITS, delivery_limit=3):
        await asyncio.Event().wait()


if __name__ == "__main__":
    told = json.loads(sys.argv[2])
    uvloop.run(consume(told, sys.argv[3]) if sys.argv[1] == "consume" else die_after_publishing(told))
