"""The inbox: an event takes effect once, however often it arrives.

Its row and the handler's effect share one transaction. A row is kept far longer than a message can wait for a retry.
"""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import delete, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from chassis.db import Base

KEPT = timedelta(days=30)
PRUNED_EVERY = timedelta(hours=1)


class Inbox(Base):
    """An event that a consumer has handled: no policy, no personal data."""

    __tablename__ = "inbox"

    consumer: Mapped[str] = mapped_column(primary_key=True)
    event_id: Mapped[UUID] = mapped_column(primary_key=True)
    received_at: Mapped[datetime] = mapped_column(index=True)


# One text, prepared once: building it anew for each message would cost more than running it.
NOTE = text(
    "insert into inbox (consumer, event_id, received_at) values (:consumer, :event_id, :received_at)"
    " on conflict do nothing returning 1"
)


async def first_time(session: AsyncSession, consumer: str, event_id: UUID, *, now: datetime) -> bool:
    """Note that the consumer handles this event; false if it has already been handled.

    Two deliveries at once: the second waits here for the first's commit, then finds the row, or handles the event
    itself when the first was rolled back.
    """
    row = {"consumer": consumer, "event_id": event_id, "received_at": now}
    return (await session.execute(NOTE, row)).first() is not None


async def prune(session: AsyncSession, now: datetime) -> None:
    """Forget what was handled so long ago that no copy can still arrive."""
    await session.execute(delete(Inbox).where(Inbox.received_at < now - KEPT))
