"""What comes in besides requests. Voting waits for no other service's facts; its own timers tell it the time."""

from datetime import datetime
from uuid import UUID

from chassis import idempotency
from chassis.due import Timers
from chassis.handlers import Handlers
from sqlalchemy.ext.asyncio import AsyncSession

from voting import queries
from voting.actions import polls

on = Handlers()
timers = Timers(idempotency.timers)


@timers(polls.OPENING)
async def open_poll(poll_id: UUID, session: AsyncSession, now: datetime) -> None:
    """Note that a poll has opened. Votes never waited for this: open is what the clock says."""
    await polls.settle(session, await queries.locked_poll(session, poll_id), now=now)


@timers(polls.CLOSING)
async def close_poll(poll_id: UUID, session: AsyncSession, now: datetime) -> None:
    """Note that a poll has closed, and count it. Votes ended before this: open is what the clock says."""
    await polls.close_when_due(session, poll_id, now=now)


@timers(polls.FORGETTING)
async def forget_voters(poll_id: UUID, session: AsyncSession, _now: datetime) -> None:
    """Make the votes of a poll that ended a month ago anonymous."""
    await polls.forget_voters(session, poll_id)
