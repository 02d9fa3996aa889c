"""The outbox: an event is written in the transaction of the fact it tells, and sent after that commit.

Sent rows are gone. There is no state column and no cursor over ids: a cursor would step over the rows of a transaction
that took its ids early and commits late. Order is promised for one aggregate, whose row is locked before `emit`.
"""

import asyncio
import logging
from datetime import datetime
from typing import Any
from uuid import UUID

from aio_pika import DeliveryMode, Message
from contracts.base import Event
from sqlalchemy import BigInteger, Identity, Row, text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from chassis import messaging_telemetry as telemetry
from chassis.backoff import Backoff, pause
from chassis.bus import EVENTS, Publisher
from chassis.clock import utc_now, uuid7
from chassis.db import Base, tenant_of
from chassis.events import CONTENT_TYPE, encode
from chassis.handlers import describe

BATCH = 500
BUSY_SECONDS, IDLE_SECONDS = 0.025, 0.2
LOCK = text("select pg_try_advisory_xact_lock(7305118265)")  # one relay at a time in a database
TAKE = text(
    "delete from outbox where id = any (array(select id from outbox order by id limit :limit))"
    " returning id, event_id, type, body, traceparent, occurred_at"
)
logger = logging.getLogger("chassis.outbox")


class Outbox(Base):
    """An event that waits to be sent: no policy, no personal data; `body` is the message as it will travel."""

    __tablename__ = "outbox"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    event_id: Mapped[UUID]
    type: Mapped[str]
    tenant: Mapped[UUID]
    sequence: Mapped[int]
    body: Mapped[str]
    traceparent: Mapped[str | None]
    occurred_at: Mapped[datetime]


def emit(session: AsyncSession, event: Event, *, sequence: int, now: datetime | None = None) -> UUID:
    """Tell the other services a fact, if and only if the session commits; returns the event's id.

    The tenant is the session's. `sequence` is the aggregate's version after the fact: lock the aggregate and flush its
    new version first. `now` is when the fact became true, this moment if it is not given.
    """
    occurred_at, event_id, tenant = now or utc_now(), uuid7(), tenant_of(session)
    body = encode(event, event_id=event_id, tenant=tenant, sequence=sequence, time=occurred_at)
    session.add(
        Outbox(
            event_id=event_id,
            type=event.type,
            tenant=tenant,
            sequence=sequence,
            body=body.decode(),
            traceparent=telemetry.current_traceparent(),
            occurred_at=occurred_at,
        )
    )
    return event_id


class Relay:
    """Sends what the outbox holds. Any number may run; the advisory lock lets one work at a time."""

    def __init__(self, engine: AsyncEngine, publisher: Publisher) -> None:
        self._engine = engine
        self._publisher = publisher
        self._limit = BATCH
        self.failing: str | None = None

    async def run(self, stop: asyncio.Event) -> None:
        """Send until told to stop; the batch in hand is finished first. Servers that are down are awaited."""
        backoff, wait = Backoff(), IDLE_SECONDS
        while not stop.is_set():
            limit = self._limit
            try:
                sent = await self.send_batch()
            except Exception as error:  # noqa: BLE001 - whatever fails rolls back, is told, and is tried again later
                self.failing = type(error).__name__
                logger.warning("the outbox was not sent: %s", describe(error))
                self._limit = max(1, self._limit // 2)  # a slow broker gets as much as it can confirm in time
                await pause(stop, backoff.next())
                continue
            self._limit = min(BATCH, 2 * self._limit)
            self.failing = None
            backoff.reset()
            wait = BUSY_SECONDS if sent else min(2 * wait, IDLE_SECONDS)
            if sent < limit:
                await pause(stop, wait)

    async def send_batch(self) -> int:
        """Take up to 500 rows, send them confirmed, commit; returns how many. Any failure leaves all rows in place.

        What was confirmed before a failure is sent again: consumers know an event by its id.
        """
        await self._publisher.ready()  # while the broker is away no transaction is held open
        async with self._engine.begin() as connection:
            if not (await connection.execute(LOCK)).scalar_one():
                return 0
            rows = sorted((await connection.execute(TAKE, {"limit": self._limit})).all(), key=lambda row: row.id)
            if rows:
                await self._send(rows)
        telemetry.PUBLISHED.inc(len(rows))
        return len(rows)

    async def _send(self, rows: list[Row[Any]]) -> None:
        with telemetry.send_spans(EVENTS, rows):
            await self._publisher.publish(*((EVENTS, row.type, _message(row)) for row in rows))


def _message(row: Row[Any]) -> Message:
    return Message(
        row.body.encode(),
        message_id=str(row.event_id),
        type=row.type,
        timestamp=row.occurred_at,
        content_type=CONTENT_TYPE,
        delivery_mode=DeliveryMode.PERSISTENT,
        headers={"traceparent": row.traceparent} if row.traceparent else {},
    )
