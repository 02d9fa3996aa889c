"""Reads."""

from collections.abc import Sequence
from uuid import UUID

from chassis.db import tenant_of
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from notifications.models import Announcement, Delivery, Government, Subscription


async def subscriptions_of(session: AsyncSession, person_id: UUID) -> Sequence[Subscription]:
    """What a person asked to be told."""
    wanted = select(Subscription).where(Subscription.person_id == person_id).order_by(Subscription.topic)
    return (await session.scalars(wanted)).all()


async def government(session: AsyncSession) -> Government | None:
    """The session's government, once its event has come."""
    return await session.get(Government, tenant_of(session))


async def delivery(session: AsyncSession, delivery_id: UUID) -> tuple[Delivery, Announcement] | None:
    """A mail that is due and what it is about."""
    same = (Announcement.tenant_id == Delivery.tenant_id) & (Announcement.id == Delivery.announcement_id)
    both = select(Delivery, Announcement).join(Announcement, same).where(Delivery.id == delivery_id)
    return (await session.execute(both)).one_or_none()
