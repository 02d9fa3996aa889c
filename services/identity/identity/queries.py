"""Reads."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from chassis.db import tenant_of
from chassis.refusals import Refused
from sqlalchemy import ScalarSelect, Select, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from identity.models import AuditEvent, Government, Person, RoleGrant
from identity.rules import mailbox_of
from identity.schemas import AuditQuery
from identity.settings import Settings
from identity.texts import PLATFORM_NAME, name_in


async def government_of(session: AsyncSession) -> Government | None:
    """What tenancy told of the session's government; nothing if it has not yet."""
    return await session.get(Government, tenant_of(session))


async def government_by_slug(session: AsyncSession, slug: str) -> Government | None:
    """A government by its short name.

    Raises:
        Refused: 409 `short_name_of_several`, which is so for a while when tenancy gave one's name to another: their
            events come in any order.
    """
    found = (await session.scalars(select(Government).where(Government.slug == slug).order_by(Government.id))).all()
    if len(found) > 1:
        ids = ", ".join(str(one.id) for one in found)
        raise Refused("short_name_of_several", tenant=slug, name_one_by_its_id=ids)
    return found[0] if found else None


async def government_ids(session: AsyncSession) -> Sequence[UUID]:
    """Every government that tenancy told of."""
    return (await session.scalars(select(Government.id).order_by(Government.id))).all()


def name_of(government: Government | None, language: str) -> str:
    """How a mail calls a government; the platform's name for one that is not yet known here."""
    return name_in(government.names, language, government.languages) if government else PLATFORM_NAME


def link_to(government: Government | None, settings: Settings) -> str | None:
    """The address of a government's pages."""
    if government is None or not government.hosts:
        return None
    return settings.public_url_pattern.format(host=government.hosts[0])


async def person(session: AsyncSession, person_id: UUID) -> Person:
    """A person of the session's government.

    Raises:
        Refused: 404 `not_found`.
    """
    found = await session.get(Person, (tenant_of(session), person_id))
    if found is None:
        raise Refused("not_found", status=404)
    return found


async def person_by_email(session: AsyncSession, email: str) -> Person | None:
    """The person with this normalised address."""
    return (await session.execute(select(Person).where(Person.email_norm == email))).scalar_one_or_none()


async def accounts_beside(session: AsyncSession, email: str, *, since: datetime) -> Sequence[datetime]:
    """When accounts were made with other addresses of the same mailbox, with or without a tag."""
    mailbox = mailbox_of(email)
    local, _, domain = mailbox.rpartition("@")
    tagged = func.starts_with(Person.email_norm, f"{local}+") & Person.email_norm.endswith(
        f"@{domain}", autoescape=True
    )
    same = (Person.email_norm == mailbox) | tagged
    query = select(Person.created_at).where(same, Person.email_norm != email, Person.created_at > since)
    return (await session.scalars(query)).all()


async def roles_of(session: AsyncSession, person_id: UUID) -> list[str]:
    """The roles of a person, sorted."""
    query = select(RoleGrant.role).where(RoleGrant.person_id == person_id).order_by(RoleGrant.role)
    return list((await session.scalars(query)).all())


async def count_signed_in(session: AsyncSession, person_ids: Sequence[UUID]) -> int:
    """How many of these people have ever signed in: who was only invited may be nobody."""
    query = select(func.count()).select_from(Person).where(Person.id.in_(person_ids), Person.level >= 1)
    return (await session.execute(query)).scalar_one()


def people_with_roles(*, email_prefix: str | None, role: str | None) -> Select[tuple[Person, list[str]]]:
    """People and their roles, of those whose address begins so and who have this role."""
    roles = (
        select(func.coalesce(func.array_agg(RoleGrant.role), []))
        .where(RoleGrant.tenant_id == Person.tenant_id, RoleGrant.person_id == Person.id)
        .correlate(Person)
        .scalar_subquery()
    )
    query = select(Person, roles)
    if email_prefix:
        query = query.where(func.starts_with(Person.email_norm, email_prefix))
    if role:
        query = query.where(Person.id.in_(select(RoleGrant.person_id).where(RoleGrant.role == role)))
    return query


def audit_events(wanted: AuditQuery) -> Select[AuditEvent, str, str]:
    """Events with the address of who acted and of whom it was done to, while these have accounts.

    The trail itself holds ids alone, so that whoever leaves the platform leaves no address behind in it.
    """
    query = select(AuditEvent, _address_of(AuditEvent.actor_id), _address_of(AuditEvent.subject_id))
    if wanted.action:
        query = query.where(AuditEvent.action.in_(wanted.action))
    if wanted.person_id:
        query = query.where(or_(AuditEvent.actor_id == wanted.person_id, AuditEvent.subject_id == wanted.person_id))
    if wanted.since:
        query = query.where(AuditEvent.at >= wanted.since)
    if wanted.until:
        query = query.where(AuditEvent.at < wanted.until)
    return query


def _address_of(person_id: InstrumentedAttribute[UUID | None]) -> ScalarSelect[str]:
    same = (Person.tenant_id == AuditEvent.tenant_id, Person.id == person_id)
    return select(Person.email_norm).where(*same).correlate(AuditEvent).scalar_subquery()


async def addresses(session: AsyncSession, person_ids: Sequence[UUID]) -> Sequence[Person]:
    """Those of these people whose address is confirmed."""
    return (await session.scalars(select(Person).where(Person.id.in_(person_ids), Person.level >= 1))).all()
