"""Timers: what must happen at a moment, kept in the database, so that it happens once and survives every restart.

A timer is claimed in the transaction of its effect: both happen or neither does. Any number of workers share the work.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import CTE, CheckConstraint, ColumnElement, Index, Text, delete, func, literal, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker
from sqlalchemy.orm import Mapped, mapped_column

from chassis import messaging_telemetry as telemetry
from chassis.backoff import Backoff, pause
from chassis.clock import utc_now
from chassis.db import SET_TENANTS, Base, tenant_of, tenant_session
from chassis.handlers import cannot_heal, describe

NOBODY = UUID(int=0)
IDLE_SECONDS = 0.5
EFFECT_SECONDS = 60
ATTEMPTS = 12
LONGEST_WAIT = 600  # seconds
logger = logging.getLogger("chassis.due")
F = TypeVar("F", bound=Callable[..., Awaitable[None]])


class Due(Base):
    """Something that must happen: no policy, no personal data. `tenant` is nobody's for the chassis' own timers."""

    __tablename__ = "due"
    __table_args__ = (
        CheckConstraint("state in ('waiting', 'parked')", name="state"),
        Index("ix_due_due_at", "due_at", postgresql_where=text("state = 'waiting'")),
    )

    kind: Mapped[str] = mapped_column(primary_key=True)
    tenant: Mapped[UUID] = mapped_column(primary_key=True)
    subject: Mapped[UUID] = mapped_column(primary_key=True)
    due_at: Mapped[datetime]
    attempts: Mapped[int] = mapped_column(default=0, server_default="0")
    state: Mapped[str] = mapped_column(default="waiting", server_default="waiting")
    last_error: Mapped[str | None]
    traceparent: Mapped[str | None]


async def at(session: AsyncSession, kind: str, *, subject: UUID, when: datetime) -> None:
    """Let a timer go off for this subject of the session's government; a later call for the same one moves it."""
    await _set(session, kind, tenant_of(session), subject, when=when, traceparent=telemetry.current_traceparent())


async def at_each(session: AsyncSession, kind: str, subjects: CTE, *, when: datetime) -> int:
    """Let a timer go off for each `id` that a statement returns, all by that one statement; how many they are."""
    facts = (literal(kind), literal(tenant_of(session)), subjects.c.id, literal(when))
    found = select(*facts, literal(telemetry.current_traceparent(), Text))
    columns = [Due.kind, Due.tenant, Due.subject, Due.due_at, Due.traceparent]
    made = await session.execute(insert(Due).from_select(columns, found, include_defaults=False).returning(literal(1)))
    return len(made.all())


async def move(session: AsyncSession, kind: str, *, subject: UUID, when: datetime) -> None:
    """Let a timer that is set go off at another time.

    Nobody waits here for one that is going off right now: its effect may be waiting for what this session has locked.
    It is left as it is, and must see for itself that it was moved, and set itself anew.
    """
    values = _values(when, telemetry.current_traceparent())
    await session.execute(update(Due).where(*_same(_idle(kind, tenant_of(session), subject))).values(values))


async def cancel(session: AsyncSession, kind: str, *, subject: UUID) -> None:
    """Let it not happen; nothing if there is no such timer. One that is going off right now is left, as by `move`."""
    await session.execute(delete(Due).where(*_same(_idle(kind, tenant_of(session), subject))))


def _idle(kind: str, tenant: UUID, subject: UUID) -> CTE:
    """A timer that is not going off right now, locked."""
    this = (Due.kind == kind, Due.tenant == tenant, Due.subject == subject)
    found = select(Due.kind, Due.tenant, Due.subject).where(*this).with_for_update(skip_locked=True)
    return found.cte("idle").prefix_with("materialized")


def _same(found: CTE) -> tuple[ColumnElement[bool], ...]:
    return (Due.kind == found.c.kind, Due.tenant == found.c.tenant, Due.subject == found.c.subject)


async def _set(
    session: AsyncSession, kind: str, tenant: UUID, subject: UUID, *, when: datetime, traceparent: str | None
) -> None:
    values = _values(when, traceparent)
    statement = insert(Due).values(kind=kind, tenant=tenant, subject=subject, **values)
    await session.execute(statement.on_conflict_do_update(index_elements=["kind", "tenant", "subject"], set_=values))


def _values(when: datetime, traceparent: str | None) -> dict[str, Any]:
    return {"due_at": when, "attempts": 0, "state": "waiting", "last_error": None, "traceparent": traceparent}


@dataclass(frozen=True)
class _Claimed:
    kind: str
    tenant: UUID
    subject: UUID
    due_at: datetime
    attempts: int
    traceparent: str | None


class Timers:
    """The table kind -> effect of a service: `timers = Timers()`, then `@timers("close_poll")`.

    An effect is `async def f(subject, session, now)`; its session works for the timer's government and commits when it
    returns. One entered by `every` is `async def f(session, now)`, works for no government, and repeats.
    """

    def __init__(self, *others: "Timers") -> None:
        """`others` are tables whose effects this one begins with."""
        self._effects: dict[str, Callable[..., Awaitable[None]]] = {}
        self._attempts: dict[str, int] = {}
        self._intervals: dict[str, timedelta] = {}
        for other in others:
            self._effects |= other._effects  # noqa: SLF001 - of the same class
            self._attempts |= other._attempts  # noqa: SLF001
            self._intervals |= other._intervals  # noqa: SLF001

    def __call__(self, kind: str, *, attempts: int = ATTEMPTS) -> Callable[[F], F]:
        """Enter an effect, parked after so many failures (12 take half an hour); `TypeError` for a second of a kind."""

        def enter(effect: F) -> F:
            if kind in self._effects:
                raise TypeError(f"{kind} already has an effect")
            self._effects[kind] = effect
            self._attempts[kind] = attempts
            return effect

        return enter

    def every(self, kind: str, interval: timedelta) -> Callable[[F], F]:
        """Enter what is to be done again and again, by one of the workers, with this time between."""

        def enter(effect: F) -> F:
            self._intervals[kind] = interval
            return self(kind)(effect)

        return enter

    @property
    def kinds(self) -> Sequence[str]:
        """The kinds that this service knows."""
        return sorted(self._effects)

    async def run_next(self, sessions: async_sessionmaker[AsyncSession], now: datetime) -> bool:
        """Let the timer that is most overdue take effect; false if none is due.

        One that fails is put off, longer each time, and parked when it cannot heal or failed too often.
        """
        claimed: _Claimed | None = None
        try:
            async with tenant_session(sessions) as session:
                claimed = await self._claim(session, now)
                if claimed is None:
                    return False
                with telemetry.timer_span(claimed.kind, claimed.traceparent):
                    async with asyncio.timeout(EFFECT_SECONDS):
                        await self._take_effect(claimed, session, now)
        except Exception as error:
            if claimed is None:
                raise
            await self._put_off(sessions, claimed, error, now)
        return True

    async def _claim(self, session: AsyncSession, now: datetime) -> _Claimed | None:
        key = (Due.kind, Due.tenant, Due.subject)
        first = (
            select(*key)
            .where(Due.state == "waiting", Due.due_at <= now, Due.kind.in_(self.kinds))
            .order_by(Due.due_at)
            .limit(1)
            .with_for_update(skip_locked=True)
            .cte("first")
            .prefix_with("materialized")
        )
        told = (*key, Due.due_at, Due.attempts, Due.traceparent)
        row = (await session.execute(delete(Due).where(*_same(first)).returning(*told))).first()
        return _Claimed(*row) if row else None

    async def _take_effect(self, claimed: _Claimed, session: AsyncSession, now: datetime) -> None:
        interval = self._intervals.get(claimed.kind)
        if interval is not None:
            await self._effects[claimed.kind](session, now)
            await _set(session, claimed.kind, NOBODY, NOBODY, when=now + interval, traceparent=None)
            return
        session.info.update(tenant_id=claimed.tenant, tenant_ids=(claimed.tenant,))
        await session.execute(SET_TENANTS, {"tenants": str(claimed.tenant)})
        await self._effects[claimed.kind](claimed.subject, session, now)

    async def _put_off(
        self, sessions: async_sessionmaker[AsyncSession], claimed: _Claimed, error: Exception, now: datetime
    ) -> None:
        logger.warning("timer %s of %s failed: %s", claimed.kind, claimed.subject, describe(error), exc_info=error)
        attempts = claimed.attempts + 1
        too_often = attempts >= self._attempts[claimed.kind]
        hopeless = claimed.kind not in self._intervals and (too_often or cannot_heal(error))
        async with tenant_session(sessions) as session:
            # only if it is still as it was: another worker may have claimed it, the application may have moved it
            same = (Due.kind == claimed.kind, Due.tenant == claimed.tenant, Due.subject == claimed.subject)
            await session.execute(
                update(Due)
                .where(*same, Due.due_at == claimed.due_at)
                .values(
                    attempts=attempts,
                    due_at=now + timedelta(seconds=min(2**attempts, LONGEST_WAIT)),
                    state="parked" if hopeless else "waiting",
                    last_error=describe(error),
                )
            )

    # The worker's loop

    async def run(
        self,
        sessions: async_sessionmaker[AsyncSession],
        stop: asyncio.Event,
        *,
        at_once: int = 2,
        idle: float = IDLE_SECONDS,
    ) -> None:
        """Let timers go off until told to stop, up to `at_once` side by side; those in hand are finished first."""
        backoff, seeded = Backoff(), False
        while not stop.is_set():
            try:
                if not seeded:
                    await self._seed(sessions)
                    seeded = True
                if await self.run_next(sessions, utc_now()):
                    await asyncio.gather(*(self._run_all(sessions, stop) for _ in range(at_once)))
                backoff.reset()
                await pause(stop, idle)
            except Exception as error:  # noqa: BLE001 - the database is away: told, and tried again later
                logger.warning("timers could not be run: %s", describe(error))
                await pause(stop, backoff.next())

    async def _run_all(self, sessions: async_sessionmaker[AsyncSession], stop: asyncio.Event) -> None:
        while not stop.is_set() and await self.run_next(sessions, utc_now()):
            pass

    async def _seed(self, sessions: async_sessionmaker[AsyncSession]) -> None:
        if self._intervals:
            async with tenant_session(sessions) as session:
                nobody = {"tenant": NOBODY, "subject": NOBODY, "due_at": utc_now()}
                rows = [{"kind": kind} | nobody for kind in self._intervals]
                await session.execute(insert(Due).on_conflict_do_nothing(), rows)


async def parked(session: AsyncSession) -> Sequence[Due]:
    """The timers that failed too often, oldest first."""
    return (await session.scalars(select(Due).where(Due.state == "parked").order_by(Due.due_at))).all()


async def replay(session: AsyncSession, now: datetime) -> Sequence[Any]:
    """Let every parked timer go off again; returns their (kind, subject)."""
    values = {"state": "waiting", "attempts": 0, "due_at": now}
    statement = update(Due).where(Due.state == "parked").values(values).returning(Due.kind, Due.subject)
    return (await session.execute(statement)).all()


async def overdue(session: AsyncSession) -> tuple[float | None, int]:
    """When the latest waiting timer should have gone off, in seconds since the epoch, and how many are parked."""
    waiting, is_parked = Due.state == "waiting", Due.state == "parked"
    oldest = func.extract("epoch", func.min(Due.due_at).filter(waiting))
    row = (await session.execute(select(oldest, func.count().filter(is_parked)))).one()
    return (float(row[0]) if row[0] is not None else None, int(row[1]))
