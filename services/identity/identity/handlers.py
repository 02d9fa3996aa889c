"""Events in, and what happens by the clock."""

from datetime import datetime

from chassis import idempotency
from chassis.due import Timers
from chassis.handlers import Handlers
from contracts.tenancy import GovernmentChanged, GovernmentRegistered, SettingsChanged
from contracts.voting import OfficialActed
from sqlalchemy.ext.asyncio import AsyncSession

from identity.actions import audit, codes, people, retention
from identity.actions.governments import copy_government

on = Handlers()
timers = Timers(idempotency.timers)
timers(codes.MAIL_CODE)(codes.mail_code)
timers(people.MAIL_INVITATION)(people.mail_invitation)
timers(retention.FORGET)(retention.forget)


@on(GovernmentRegistered)
async def on_registered(event: GovernmentRegistered, session: AsyncSession, now: datetime, *, sequence: int) -> None:
    """A government that people can sign in at."""
    await copy_government(session, event, sequence=sequence, now=now)


@on(GovernmentChanged)
async def on_changed(event: GovernmentChanged, session: AsyncSession, now: datetime, *, sequence: int) -> None:
    """Another name, host or language, or switched on or off."""
    await copy_government(session, event, sequence=sequence, now=now)


@on(OfficialActed)
async def on_official_acted(event: OfficialActed, session: AsyncSession, _now: datetime) -> None:
    """Who ran a vote, and when they did what."""
    await audit.record(session, f"poll_{event.action}", now=event.at, actor=event.person_id, subject=event.poll_id)


@on(SettingsChanged)
async def on_settings_changed(event: SettingsChanged, session: AsyncSession, _now: datetime) -> None:
    """Who changed what the government calls itself, looks like or is reached at."""
    await audit.record(
        session,
        "government_changed",
        now=event.at,
        actor=event.person_id,
        subject=event.government_id,
        settings=list(event.settings),
    )
