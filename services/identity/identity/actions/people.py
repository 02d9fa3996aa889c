"""People: their own wishes, and the roles that administrators give."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from chassis.auth import PLATFORM
from chassis.clock import uuid7
from chassis.db import tenant_of
from chassis.due import at
from chassis.mail import Mail, Mailer, PermanentMailError
from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from identity import rules
from identity.actions.audit import record
from identity.models import Person, RoleGrant
from identity.queries import count_signed_in, government_of, link_to, name_of, person, person_by_email, roles_of
from identity.settings import settings_of
from identity.texts import invitation_letter

MAIL_INVITATION = "mail_invitation"


async def change_me(session: AsyncSession, person_id: UUID, changes: dict[str, Any]) -> Person:
    """Change what a person may change of themselves: language and display name."""
    found = await person(session, person_id)
    for name, value in changes.items():
        setattr(found, name, value)
    await session.flush()
    return found


@dataclass(frozen=True)
class Grantor:
    """Who gives or takes a role: a person, or nobody for a command."""

    person_id: UUID | None


async def invite(
    session: AsyncSession, email: str, roles: Sequence[str], *, language: str, by: Grantor, now: datetime
) -> tuple[Person, bool]:
    """Give an official an account with roles, and mail them if it is new; whether it is.

    Somebody who has an account already keeps it and gets the roles.

    Raises:
        Refused: 403 `forbidden`; 409 `role_not_of_this_realm`.
    """
    await _check_still_rules(session, by)
    for role in roles:
        rules.check_role(role, platform=_is_platform(session))
    new = insert(Person).values(
        tenant_id=tenant_of(session),
        id=uuid7(),
        email_norm=email,
        language=language,
        level=0,
        version=1,
        created_at=now,
    )
    made = (await session.execute(new.on_conflict_do_nothing().returning(Person.id))).scalar_one_or_none()
    found = await person_by_email(session, email)
    if found is None:
        raise RuntimeError("a person that was just made is not there")
    granted = [role for role in sorted(set(roles)) if await _give(session, found.id, role, by=by, now=now)]
    if made is not None:
        if by.person_id is not None:
            await at(session, MAIL_INVITATION, subject=found.id, when=now)
        await record(session, "person_invited", now=now, actor=by.person_id, subject=found.id)
    for role in granted:
        await record(session, "role_granted", now=now, actor=by.person_id, subject=found.id, role=role)
    return found, made is not None


async def grant(session: AsyncSession, person_id: UUID, role: str, *, by: Grantor, now: datetime) -> None:
    """Give a person a role, from their next access token on. Asking twice changes nothing.

    Raises:
        Refused: 403 `forbidden`; 404 `not_found`; 409 `role_not_of_this_realm`.
    """
    await _check_still_rules(session, by)
    rules.check_role(role, platform=_is_platform(session))
    await person(session, person_id)
    if await _give(session, person_id, role, by=by, now=now):
        await record(session, "role_granted", now=now, actor=by.person_id, subject=person_id, role=role)


async def _give(session: AsyncSession, person_id: UUID, role: str, *, by: Grantor, now: datetime) -> bool:
    new = insert(RoleGrant).values(
        tenant_id=tenant_of(session), person_id=person_id, role=role, granted_at=now, granted_by=by.person_id
    )
    return (await session.execute(new.on_conflict_do_nothing().returning(RoleGrant.role))).first() is not None


async def revoke(session: AsyncSession, person_id: UUID, role: str, *, by: Grantor, now: datetime) -> None:
    """Take a role from a person, from their next access token on. Asking twice changes nothing.

    Raises:
        Refused: 403 `forbidden`; 404 `not_found`; 409 `last_administrator`, `role_not_of_this_realm`.
    """
    platform = _is_platform(session)
    rules.check_role(role, platform=platform)
    # Locked in one order and before the actor's own: of two administrators who remove each other at once, the second
    # waits here and then sees that it is none any more.
    same_role = select(RoleGrant.person_id).where(RoleGrant.role == role).order_by(RoleGrant.person_id)
    holders = (await session.scalars(same_role.with_for_update())).all()
    await _check_still_rules(session, by)
    await person(session, person_id)
    if person_id not in holders:
        return
    others = [holder for holder in holders if holder != person_id]
    rules.check_not_last(role, await count_signed_in(session, others), platform=platform)
    await session.execute(delete(RoleGrant).where(RoleGrant.person_id == person_id, RoleGrant.role == role))
    await record(session, "role_revoked", now=now, actor=by.person_id, subject=person_id, role=role)


async def _check_still_rules(session: AsyncSession, by: Grantor) -> None:
    """Refuse a person whose ruling role was taken, although their token still tells it; until the commit it stays."""
    if by.person_id is None:
        return
    platform = _is_platform(session)
    ruling = rules.ruling_role(platform=platform)
    # Only the ruling role's row: revoke locks the rows of another role first, and two orders would be a deadlock.
    held = select(RoleGrant.role).where(RoleGrant.person_id == by.person_id, RoleGrant.role == ruling)
    rules.check_rules((await session.scalars(held.with_for_update(read=True))).all(), platform=platform)


async def mail_invitation(person_id: UUID, session: AsyncSession, now: datetime) -> None:
    """Mail an invited official where to sign in, unless they have found their way already."""
    settings = settings_of(session)
    found, government = await person(session, person_id), await government_of(session)
    roles, link = await roles_of(session, person_id), link_to(government, settings)
    if found.signed_in_at is not None or not roles:
        return
    if link is None:
        raise LookupError("tenancy has not told yet where this government's pages are")
    name = name_of(government, found.language)
    letter = invitation_letter(found.language, roles=roles, government=name, link=link)
    mail = Mail(
        to=found.email_norm,
        subject=letter.subject,
        text=letter.text,
        from_name=name,
        message_id=f"<invitation-{person_id}@identity.inspraak>",
        language=found.language,
    )
    try:
        await Mailer(settings).send(mail)
    except PermanentMailError:
        await record(session, "invitation_not_deliverable", now=now, subject=person_id)


def _is_platform(session: AsyncSession) -> bool:
    return tenant_of(session) == PLATFORM
