"""What can happen: somebody asks for mails or stops them, a fact is to be told, a mail is sent."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from chassis.clock import uuid7
from chassis.db import tenant_of
from chassis.due import at, at_each
from chassis.mail import Mail, Mailer, PermanentMailError
from contracts.voting import PollState
from sqlalchemy import delete, literal, select
from sqlalchemy.dialects.postgresql import distinct_on, insert
from sqlalchemy.ext.asyncio import AsyncSession

from notifications import queries, rules
from notifications.identity_client import Address, address_of
from notifications.models import Announcement, Delivery, Government, Subscription
from notifications.settings import Settings
from notifications.stop_links import stop_token

SEND, FORGET = "send_mail", "forget"
ATTEMPTS = 300  # two days, as mail servers do
KEPT = timedelta(days=90)


async def subscribe(session: AsyncSession, person_id: UUID, topic: str, *, now: datetime) -> None:
    """Ask for the mails of a topic; asking again changes nothing."""
    rules.check_topic(topic)
    row = {"tenant_id": tenant_of(session), "person_id": person_id, "topic": topic, "created_at": now}
    await session.execute(insert(Subscription).values(row).on_conflict_do_nothing())


async def unsubscribe(session: AsyncSession, person_id: UUID, topic: str) -> None:
    """Stop the mails of a topic; stopping twice changes nothing."""
    rules.check_topic(topic)
    mine = (Subscription.person_id == person_id) & (Subscription.topic == topic)
    await session.execute(delete(Subscription).where(mine))


async def tell(session: AsyncSession, kind: str, poll: PollState, *, now: datetime) -> int:
    """Make one mail due for each person who asked about this poll or about all polls; returns how many are new.

    Two statements, however many people those are: a handler has a minute.
    """
    announcement_id = await _announce(session, kind, poll, now=now)
    wishes = (
        select(Subscription.tenant_id, literal(announcement_id), Subscription.person_id, Subscription.topic)
        .where(Subscription.topic.in_(rules.topics_of(poll.poll_id)))
        .ext(distinct_on(Subscription.person_id))
        .order_by(Subscription.person_id, Subscription.topic)  # a wish about this very poll comes first
    )
    columns = [Delivery.tenant_id, Delivery.announcement_id, Delivery.person_id, Delivery.topic]
    mails = insert(Delivery).from_select(columns, wishes).on_conflict_do_nothing().returning(Delivery.id).cte("mails")
    return await at_each(session, SEND, mails, when=now)


async def _announce(session: AsyncSession, kind: str, poll: PollState, *, now: datetime) -> UUID:
    """Keep what the event said, as the newest event says it, until nobody can still ask about the mails."""
    facts = {"kind": kind, "subject_id": poll.poll_id, "content": poll.model_dump(mode="json"), "created_at": now}
    entry = insert(Announcement).values(tenant_id=tenant_of(session), id=uuid7(), **facts)
    entry = entry.on_conflict_do_update(
        index_elements=["tenant_id", "kind", "subject_id"], set_={"content": entry.excluded.content}
    )
    announcement_id: UUID = (await session.execute(entry.returning(Announcement.id))).scalar_one()
    await at(session, FORGET, subject=announcement_id, when=now + KEPT)
    return announcement_id


async def forget(session: AsyncSession, announcement_id: UUID) -> None:
    """Delete an announcement and with it who was mailed about it."""
    await session.execute(delete(Announcement).where(Announcement.id == announcement_id))


async def send(session: AsyncSession, delivery_id: UUID, settings: Settings, *, now: datetime) -> None:
    """Send one mail that is due, or say why there is nobody to send it to. Its timer keeps other workers from it.

    Raises:
        TransientMailError, IdentityUnavailable: not now; the timer tries again later.
    """
    found = await queries.delivery(session, delivery_id)
    if found is None or found[0].status != "queued":
        return
    delivery, announcement = found
    if rules.is_stale(announcement.kind, announcement.content, now=now):
        delivery.status, delivery.reason = "skipped", "the poll has closed"
        return
    government = await queries.government(session)
    if government is None:
        raise LookupError("the government's own event has not come yet")
    address = await address_of(settings, delivery.tenant_id, delivery.person_id)
    if address is None:
        delivery.status, delivery.reason = "skipped", "the person has gone"
        return
    base = settings.public_url_pattern.format(host=government.hosts[0])
    try:
        await Mailer(settings).send(await _compose(session, found, government, address, base, now=now))
    except PermanentMailError as error:
        delivery.status, delivery.reason = "failed", str(error)
        return
    delivery.status, delivery.sent_at = "sent", now


async def _compose(
    session: AsyncSession,
    found: tuple[Delivery, Announcement],
    government: Government,
    address: Address,
    base: str,
    *,
    now: datetime,
) -> Mail:
    delivery, announcement = found
    language = address.language
    name = rules.in_language(government.names, language, government.languages)
    token = await stop_token(session, delivery.person_id, delivery.topic)
    link = f"{base}/{language}/polls/{announcement.subject_id}"
    if announcement.kind == "result_published":
        link += "/result"
    letter = rules.letter(
        announcement.kind,
        announcement.content,
        language=language,
        government=name,
        link=link,
        stop_link=f"{base}/{language}/unsubscribe?token={token}",
        now=now,
    )
    return Mail(
        to=address.email,
        from_name=name,
        subject=letter.subject,
        text=letter.text,
        unsubscribe=f"{base}/api/v1/unsubscribe?token={token}",
        language=language,
        message_id=f"<{delivery.id}@{government.hosts[0]}>",  # of every try: so a copy is known for one
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
