"""Many people with tokens, for demos and load: development and test only."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from chassis.clock import uuid7
from chassis.db import tenant_of
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from identity.actions.audit import record
from identity.actions.signing import PrivateKey, access_token
from identity.models import Person

AT_ONCE = 1000


async def make_people(session: AsyncSession, count: int, *, now: datetime) -> Sequence[Person]:
    """The first `count` demo people of the session's government, made where they are missing."""
    emails = [f"demo-{number:06d}@people.example" for number in range(1, count + 1)]
    made = 0
    for start in range(0, count, AT_ONCE):
        rows = [
            {"tenant_id": tenant_of(session), "id": uuid7(), "email_norm": email, "language": "nl", "level": 1}
            | {"version": 1, "created_at": now}
            for email in emails[start : start + AT_ONCE]
        ]
        new = insert(Person).values(rows).on_conflict_do_nothing().returning(Person.id)
        made += len((await session.execute(new)).all())
    if made:
        await record(session, "demo_people_made", now=now, count=made)
    in_order = select(Person).where(Person.email_norm >= emails[0], Person.email_norm <= emails[-1])
    return (await session.scalars(in_order.order_by(Person.email_norm))).all()


def tokens_of(people: Sequence[Person], key: PrivateKey, *, now: datetime, life: timedelta) -> Iterator[str]:
    """An access token for each; they belong to no session that could be refreshed."""
    for person in people:
        yield access_token(key, person, (), uuid7(), now=now, life=life)
