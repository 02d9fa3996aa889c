"""Events in, and the timer that sends."""

from datetime import datetime
from uuid import UUID

from chassis.due import Timers
from chassis.handlers import Handlers
from chassis.resources import resources_of
from contracts.tenancy import GovernmentChanged, GovernmentRegistered, GovernmentState
from contracts.voting import PollOpened, ResultPublished
from sqlalchemy.ext.asyncio import AsyncSession

from notifications import actions

on = Handlers()
timers = Timers()


@on(GovernmentRegistered)
@on(GovernmentChanged)
async def government_told(event: GovernmentState, session: AsyncSession, now: datetime, *, sequence: int) -> None:
    """Keep the copy."""
    del now
    await actions.remember_government(session, event.model_dump(), sequence=sequence)


@on(PollOpened)
async def poll_opened(event: PollOpened, session: AsyncSession, now: datetime) -> None:
    """Tell those who asked, unless the news comes after the poll has closed."""
    if now < event.closes_at:
        await actions.tell(session, "poll_opened", event, now=now)


@on(ResultPublished)
async def result_published(event: ResultPublished, session: AsyncSession, now: datetime) -> None:
    """Tell those who asked."""
    await actions.tell(session, "result_published", event, now=now)


@timers(actions.SEND, attempts=actions.ATTEMPTS)
async def send_mail(subject: UUID, session: AsyncSession, now: datetime) -> None:
    """Send one mail."""
    await actions.send(session, subject, resources_of(session).settings, now=now)


@timers(actions.FORGET)
async def forget(subject: UUID, session: AsyncSession, now: datetime) -> None:
    """Forget one announcement."""
    del now
    await actions.forget(session, subject)
