"""What can happen: somebody asks for mails or stops them, a fact is to be told, a mail is sent."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from chassis.clock import uuid7
from chassis.db import tenant_of
from chassis.due import at
from chassis.mail import Mail, Mailer, PermanentMailError
from contracts.voting import PollState
from sqlalchemy import delete, literal, select
from sqlalchemy.dialects.postgresql import distinct_on, insert
from sqlalchemy.ext.asyncio import AsyncSession

from notifications import rules
from notifications.identity_client import Address, address_of
from notifications.models import Delivery, Government, Subscription
from notifications.queries import delivery as locked_delivery
from notifications.queries import government as its_government
from notifications.settings import Settings
from notifications.stop_links import stop_token

SEND = "send_mail"


async def subscribe(session: AsyncSession, person_id: UUID, topic: str, language: str, *, now: datetime) -> None:
    """Ask for the mails of a topic; asking again only changes the language."""
    rules.check_topic(topic)
    row = {"tenant_id": tenant_of(session), "person_id": person_id, "topic": topic}
    wish = insert(Subscription).values(**row, language=language, created_at=now)
    await session.execute(
        wish.on_conflict_do_update(index_elements=["tenant_id", "person_id", "topic"], set_={"language": language})
    )


async def unsubscribe(session: AsyncSession, person_id: UUID, topic: str) -> None:
    """Stop the mails of a topic; stopping twice changes nothing."""
    rules.check_topic(topic)
    mine = (Subscription.person_id == person_id) & (Subscription.topic == topic)
    await session.execute(delete(Subscription).where(mine))


async def tell(session: AsyncSession, kind: str, poll: PollState, *, now: datetime) -> int:
    """Make one mail due for each person who asked about this poll or about all polls; returns how many are new."""
    people = (
        select(Subscription)
        .where(Subscription.topic.in_(rules.topics_of(poll.poll_id)))
        .ext(distinct_on(Subscription.person_id))
        .order_by(Subscription.person_id, Subscription.topic)  # a wish about this very poll comes first
    )
    content = poll.model_dump(mode="json")
    made = 0
    for wish in (await session.scalars(people)).all():
        delivery_id = uuid7()
        row = insert(Delivery).values(
            tenant_id=tenant_of(session), id=delivery_id, person_id=wish.person_id, topic=wish.topic, kind=kind,
            poll_id=poll.poll_id, language=wish.language, poll=content, status="queued", created_at=now,
        ).on_conflict_do_nothing(index_elements=["tenant_id", "kind", "poll_id", "person_id"])  # fmt: skip
        if (await session.scalar(row.returning(literal(1)))) is not None:
            await at(session, SEND, subject=delivery_id, when=now)
            made += 1
    return made


async def send(session: AsyncSession, delivery_id: UUID, settings: Settings, *, now: datetime) -> None:
    """Send one mail that is due, or say why there is nobody to send it to.

    Raises:
        TransientMailError, IdentityUnavailable: not now; the timer tries again later.
    """
    delivery = await locked_delivery(session, delivery_id)
    if delivery is None or delivery.status != "queued":
        return
    government = await its_government(session)
    if government is None:
        raise LookupError("the government's own event has not come yet")
    address = await address_of(settings, delivery.tenant_id, delivery.person_id)
    if address is None:
        delivery.status, delivery.reason = "skipped", "the person has gone"
        return
    try:
        await Mailer(settings).send(await _compose(session, delivery, government, address, settings))
    except PermanentMailError as error:
        delivery.status, delivery.reason = "failed", str(error)
        return
    delivery.status, delivery.sent_at = "sent", now


async def _compose(
    session: AsyncSession, delivery: Delivery, government: Government, address: Address, settings: Settings
) -> Mail:
    host = government.hosts[0]
    base = settings.public_url_pattern.format(host=host)
    name = rules.in_language(government.names, delivery.language, government.languages)
    token = await stop_token(session, delivery.person_id, delivery.topic)
    link = f"{base}/{delivery.language}/polls/{delivery.poll_id}"
    if delivery.kind == "result_published":
        link += "/result"
    letter = rules.letter(
        delivery.kind,
        delivery.poll,
        language=delivery.language,
        government=name,
        link=link,
        stop_link=f"{base}/{delivery.language}/unsubscribe?token={token}",
    )
    return Mail(
        to=address.email,
        from_name=name,
        subject=letter.subject,
        text=letter.text,
        unsubscribe=f"{base}/api/v1/unsubscribe?token={token}",
        message_id=f"<{delivery.id}@{host}>",  # the same for every try: a copy can be told from a second mail
    )


async def remember_government(session: AsyncSession, facts: Mapping[str, Any], *, sequence: int) -> None:
    """Keep the copy of a government up to date; what is older than the copy changes nothing."""
    row = {name: facts[name] for name in ("names", "languages", "hosts")} | {"sequence": sequence}
    entry = insert(Government).values(tenant_id=tenant_of(session), **row)
    await session.execute(
        entry.on_conflict_do_update(
            index_elements=["tenant_id"], set_=row, where=Government.sequence < entry.excluded.sequence
        )
    )
