"""The worker role of a service: relay, consumer and timers in one event loop, and what an operator asks of them."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from itertools import count
from types import TracebackType
from typing import Self
from uuid import UUID

from aio_pika import DeliveryMode, Message
from contracts.base import Event
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker

from chassis import due, inbox, parked
from chassis import messaging_telemetry as telemetry
from chassis.backoff import every
from chassis.bus import DELIVERY_LIMIT, WAITS, Outgoing, Publisher, topology
from chassis.clock import utc_now, uuid7
from chassis.consumer import Consumer
from chassis.db import tenant_session
from chassis.due import Timers
from chassis.events import CONTENT_TYPE, encode
from chassis.handlers import Handlers, describe, process
from chassis.outbox import Relay
from chassis.settings import ServiceSettings

MEASURED_EVERY = 5.0
PING_SECONDS = 2.0
CHUNK = 500
WAITING = text("select count(*), extract(epoch from min(occurred_at)) from outbox")
logger = logging.getLogger("chassis.worker")

Republish = Callable[[async_sessionmaker[AsyncSession]], AsyncIterator[tuple[Event, int, UUID]]]
"""Gives a service's current state as (event, sequence, tenant), the sequence being the one already published."""


class Worker:
    """Sends, receives and keeps time for a service while it is entered: `async with Worker(…): …`."""

    def __init__(
        self,
        service: str,
        settings: ServiceSettings,
        sessions: async_sessionmaker[AsyncSession],
        handlers: Handlers,
        timers: Timers,
        *,
        waits: Sequence[float] = WAITS,
        delivery_limit: int = DELIVERY_LIMIT,
    ) -> None:
        """The pool of connections is shared out: half for handlers, a quarter for timers, one for the relay."""
        self.service, self._sessions, self._handlers = service, sessions, handlers
        self._timers = _with_own(timers)
        self._url = settings.required("amqp_url")
        self._engine: AsyncEngine = sessions.kw["bind"]
        self.topology = topology(
            service, handlers.types, waits=waits, delivery_limit=delivery_limit, given=settings.topology_given
        )
        self._publisher = Publisher(self._url, self.topology)
        self.relay = Relay(self._engine, self._publisher)
        self.consumer = Consumer(
            self._url,
            self.topology,
            self._process,
            self._publisher,
            prefetch=max(1, settings.database_pool // 2),
            database_answers=self._database_answers,
            grace=settings.graceful_shutdown * 2 / 3,
        )
        self._timers_at_once = max(1, settings.database_pool // 4)
        self._stop = asyncio.Event()
        self._loops: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        """Start the loops; readiness tells when they have what they need."""
        self._stop.clear()
        loops = [
            self.relay.run(self._stop),
            self._timers.run(self._sessions, self._stop, at_once=self._timers_at_once),
            every(self._stop, MEASURED_EVERY, self._measure),
        ]
        if self.consumer.declared:
            loops.append(self.consumer.run(self._stop))
        self._loops = [asyncio.create_task(loop) for loop in loops]
        return self

    async def __aexit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        """Drain: stop taking, finish what is in hand, send back the rest, close."""
        self._stop.set()
        try:
            await asyncio.gather(*self._loops)
        finally:
            await self._publisher.close()

    async def check(self) -> None:
        """Raise `RuntimeError` with what is missing: a loop that ended, a consumer, the way to the broker."""
        for loop in self._loops:
            if loop.done() and not self._stop.is_set():
                raise RuntimeError("a loop of the worker ended")
        if self.consumer.registered < self.consumer.declared:
            raise RuntimeError(f"{self.consumer.registered} of {self.consumer.declared} consumers are registered")
        if self.relay.failing:
            raise RuntimeError(f"the outbox is not sent: {self.relay.failing}")

    async def _process(self, body: bytes) -> str:
        now = utc_now()
        return await process(body, consumer=self.service, handlers=self._handlers, sessions=self._sessions, now=now)

    async def _database_answers(self) -> bool:
        try:
            async with asyncio.timeout(PING_SECONDS), self._engine.connect() as connection:
                await connection.execute(text("select 1"))
        except (SQLAlchemyError, OSError, TimeoutError):
            return False
        return True

    async def _measure(self) -> None:
        try:
            async with tenant_session(self._sessions) as session:
                pending, oldest = (await session.execute(WAITING)).one()
                late_since, parked_timers = await due.overdue(session)
        except (SQLAlchemyError, OSError, TimeoutError) as error:
            logger.info("nothing could be measured: %s", describe(error))
            return
        telemetry.PENDING.set(pending)
        telemetry.OLDEST.set(telemetry.seconds_since(oldest and float(oldest)))
        telemetry.OVERDUE.set(telemetry.seconds_since(late_since))
        telemetry.PARKED_TIMERS.set(parked_timers)

    # What an operator asks; none of it needs a running worker

    async def parked(self) -> list[str]:
        """Every parked message and timer, a line each."""
        messages = await parked.listed(self._url, self.topology) if self.topology.consumes else []
        async with tenant_session(self._sessions) as session:
            timers = await due.parked(session)
        lines = [f"timer {row.kind} of {row.subject}: {row.last_error} ({row.attempts} attempts)" for row in timers]
        return [*map(str, messages), *lines]

    async def replay(self, only: str | None = None) -> list[str]:
        """Send parked messages back to this service's queue and let parked timers go off, or only one message."""
        lines: list[str] = []
        if self.topology.consumes:
            try:
                sent = await parked.replay(self._url, self.topology, self._publisher, only=only)
            finally:
                await self._publisher.close()
            lines += [f"sent back {message.id} {message.type}" for message in sent]
        if only is None:
            async with tenant_session(self._sessions) as session:
                timers = await due.replay(session, utc_now())
            lines += [f"timer {kind} of {subject} waits again" for kind, subject in timers]
        return lines

    async def republish(self, source: Republish | None, queue: str) -> list[str]:
        """Send the current state to one queue, for a consumer that joined late or was restored from a backup."""
        if source is None:
            return [f"{self.service} has no state to send"]
        sent, chunk = count(), list[Outgoing]()
        try:
            async for event, sequence, tenant in source(self._sessions):
                chunk.append(("", queue, _message(event, sequence, tenant)))
                next(sent)
                if len(chunk) == CHUNK:
                    await self._publisher.publish(*chunk)
                    chunk.clear()
            if chunk:
                await self._publisher.publish(*chunk)
        finally:
            await self._publisher.close()
        return [f"sent {next(sent)} events to {queue}"]


def _message(event: Event, sequence: int, tenant: UUID) -> Message:
    event_id, now = uuid7(), utc_now()
    return Message(
        encode(event, event_id=event_id, tenant=tenant, sequence=sequence, time=now),
        message_id=str(event_id),
        type=event.type,
        timestamp=now,
        content_type=CONTENT_TYPE,
        delivery_mode=DeliveryMode.PERSISTENT,
    )


def _with_own(timers: Timers) -> Timers:
    """The service's timers and the chassis' own."""
    together = Timers(timers)
    together.every("chassis.prune_inbox", inbox.PRUNED_EVERY)(inbox.prune)
    return together
