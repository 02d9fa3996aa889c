"""The audit trail: who did what to whom, in the transaction that did it, chained by hashes."""

from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from chassis.db import tenant_of
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from identity.models import AuditEvent, AuditHead
from identity.rules import FIRST_HASH, chain_hash


async def record(
    session: AsyncSession,
    action: str,
    *,
    now: datetime,
    actor: UUID | None = None,
    subject: UUID | None = None,
    **facts: Any,
) -> None:
    """Write one event at the end of the government's chain: ids and codes, never what a person wrote.

    It locks the chain until the commit, so do it last.
    """
    tenant = tenant_of(session)
    new_chain = insert(AuditHead).values(tenant_id=tenant, number=0, hash=FIRST_HASH).on_conflict_do_nothing()
    await session.execute(new_chain)
    head = (
        await session.execute(select(AuditHead).with_for_update().execution_options(populate_existing=True))
    ).scalar_one()
    event = AuditEvent(
        tenant_id=tenant,
        number=head.number + 1,
        at=now,
        actor_id=actor,
        action=action,
        subject_id=subject,
        facts=facts,
        previous_hash=head.hash,
    )
    event.hash = chain_hash(event.previous_hash, entry_of(event))
    head.number, head.hash = event.number, event.hash
    session.add(event)
    await session.flush()


def entry_of(event: AuditEvent) -> Mapping[str, Any]:
    """What the hash of an event covers, besides the hash before it."""
    return {
        "tenant_id": str(event.tenant_id),
        "number": event.number,
        "at": event.at.astimezone(UTC).isoformat(timespec="microseconds"),
        "actor_id": str(event.actor_id) if event.actor_id else None,
        "action": event.action,
        "subject_id": str(event.subject_id) if event.subject_id else None,
        "facts": event.facts,
    }


async def faults(session: AsyncSession) -> AsyncIterator[str]:
    """What is wrong with the chain of the session's government, a sentence each; nothing when it is whole."""
    number, previous = 0, FIRST_HASH
    events = await session.stream_scalars(
        select(AuditEvent).order_by(AuditEvent.number).execution_options(yield_per=500)
    )
    async for event in events:
        number += 1
        if event.number != number:
            yield f"event {number} is missing before {event.number}"
            number = event.number
        if event.previous_hash != previous:
            yield f"event {event.number} does not follow the one before it"
        if event.hash != chain_hash(event.previous_hash, entry_of(event)):
            yield f"event {event.number} was changed"
        previous = event.hash
    head = (await session.execute(select(AuditHead))).scalar_one_or_none()
    if (head.number, head.hash) != (number, previous) if head else number > 0:
        yield f"the chain should end at event {head.number if head else 0}, it ends at {number}"
