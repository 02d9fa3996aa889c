"""The copy of governments, as tenancy tells them."""

from datetime import datetime

from contracts.tenancy import GovernmentState
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from identity.actions import retention
from identity.models import Government


async def copy_government(session: AsyncSession, state: GovernmentState, *, sequence: int, now: datetime) -> None:
    """Keep what tenancy tells of a government, unless something newer is known; look after a new one from now on."""
    known = (await session.execute(select(Government.id).where(Government.id == state.government_id))).first()
    if known is None:
        await retention.plan(session, when=now + retention.EVERY)
    values = {
        "sequence": sequence,
        "slug": state.slug,
        "names": dict(state.names),
        "languages": list(state.languages),
        "hosts": list(state.hosts),
        "active": state.active,
    }
    new = insert(Government).values(id=state.government_id, **values)
    newer = Government.sequence < new.excluded.sequence
    await session.execute(new.on_conflict_do_update(index_elements=["id"], set_=values, where=newer))
