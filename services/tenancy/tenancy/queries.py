"""Reads."""

from collections.abc import Sequence
from uuid import UUID

from chassis.refusals import Refused
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from tenancy.models import Government


async def all_governments(session: AsyncSession) -> Sequence[Government]:
    """Every government, by slug."""
    return (await session.scalars(select(Government).order_by(Government.slug))).all()


async def state_of_the_list(session: AsyncSession) -> str:
    """A short text that changes whenever any government does, to be an ETag."""
    count, versions = (await session.execute(select(func.count(), func.sum(Government.version)))).one()
    return f"{count}-{versions or 0}"


async def government(session: AsyncSession, government_id: UUID) -> Government:
    """One government; 404 where there is none."""
    found = await session.get(Government, government_id)
    if found is None:
        raise Refused("no_such_government", status=404)
    return found


async def locked(session: AsyncSession, government_id: UUID) -> Government:
    """One government that is about to change: who wants to change it too waits; 404 where there is none."""
    found = await session.get(Government, government_id, with_for_update=True)
    if found is None:
        raise Refused("no_such_government", status=404)
    return found


async def by_slug(session: AsyncSession, slug: str) -> Government:
    """The government of a slug, locked, since who looks it up so is about to change it; 404 where there is none."""
    found = await session.scalar(select(Government).where(Government.slug == slug).with_for_update())
    if found is None:
        raise Refused("no_such_government", status=404, slug=slug)
    return found
