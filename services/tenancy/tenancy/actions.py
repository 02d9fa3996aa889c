"""What can happen to a government."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any
from uuid import UUID

from chassis.db import tenant_session
from chassis.outbox import emit
from chassis.refusals import Refused
from contracts.tenancy import GovernmentChanged, GovernmentRegistered, GovernmentState, SettingsChanged
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from tenancy import rules
from tenancy.models import Government, Host
from tenancy.queries import all_governments, locked

Facts = dict[str, Any]


async def register(session: AsyncSession, government_id: UUID, facts: Facts, *, now: datetime) -> Government:
    """Enter a government in the register and tell the others.

    `facts`: kind, slug, names, hosts, languages, colour and, where known, nis_code, kbo_number, contact_email.
    """
    _check(facts)
    hosts = [Host(host=host) for host in facts["hosts"]]
    columns = {name: value for name, value in facts.items() if name != "hosts"}
    government = Government(id=government_id, version=1, active=True, registered_at=now, hosts=hosts, **columns)
    session.add(government)
    await session.flush()
    emit(session, GovernmentRegistered(**state(government)), sequence=government.version)
    return government


async def change(session: AsyncSession, government: Government, facts: Facts) -> Government:
    """Change what is named in `facts` of a locked government, and tell the others if anything is different."""
    before = state(government)
    after = before | facts
    _check(after)
    if "hosts" in facts:
        kept = {host.host: host for host in government.hosts}
        government.hosts = [kept.get(name) or Host(host=name) for name in facts["hosts"]]
    for name, value in facts.items():
        if name != "hosts":
            setattr(government, name, value)
    if state(government) == before:
        return government
    government.version += 1
    await session.flush()
    emit(session, GovernmentChanged(**state(government)), sequence=government.version)
    return government


async def change_settings(
    session: AsyncSession, government_id: UUID, facts: Facts, *, by: UUID, now: datetime, seen: Facts
) -> Government:
    """What an administrator of a government changes of it: names, languages, colour, contact_email.

    `seen`: those settings as they were before somebody's eyes, so that nobody undoes unknowingly what another
    administrator did meanwhile; what is not named in it is not compared.

    Raises:
        Refused: 404 `no_such_government`; 409 `changed_meanwhile`, with what is there now (`settings`); 422
            `bad_languages`, `name_missing`, `bad_colour`, `bad_contact_email`.
    """
    government = await locked(session, government_id)
    before = state(government)
    _check_seen(before, {name: seen[name] for name in facts if name in seen})
    await change(session, government, facts)
    after = state(government)
    different = tuple(name for name in facts if before[name] != after[name])
    if different:
        told = SettingsChanged(government_id=government_id, settings=different, person_id=by, at=now)
        emit(session, told, sequence=government.version)
    return government


def state(government: Government) -> Facts:
    """A government's whole public state, as its events carry it."""
    return {
        "government_id": government.id,
        "kind": government.kind,
        "slug": government.slug,
        "names": dict(government.names),
        "hosts": tuple(sorted(host.host for host in government.hosts)),
        "languages": tuple(government.languages),
        "colour": government.colour,
        "nis_code": government.nis_code,
        "kbo_number": government.kbo_number,
        "contact_email": government.contact_email,
        "active": government.active,
    }


async def republish(sessions: async_sessionmaker[AsyncSession]) -> AsyncIterator[tuple[GovernmentState, int, UUID]]:
    """Every government's current state again, with its sequence, for a consumer that joins late."""
    async with tenant_session(sessions) as session:
        for government in await all_governments(session):
            yield GovernmentChanged(**state(government)), government.version, government.id


def _check_seen(now: Facts, seen: Facts) -> None:
    current = {name: list(now[name]) if name == "languages" else now[name] for name in seen}
    other = {name: value for name, value in current.items() if value != seen[name]}
    if other:
        raise Refused("changed_meanwhile", settings=other)


def _check(facts: Facts) -> None:
    rules.check_slug(facts["slug"])
    rules.check_languages(facts["languages"], facts["names"])
    rules.check_colour(facts["colour"])
    rules.check_hosts(facts["hosts"])
    if facts.get("kbo_number"):
        rules.check_kbo_number(facts["kbo_number"])
    if facts.get("contact_email"):
        rules.check_contact_email(facts["contact_email"])
