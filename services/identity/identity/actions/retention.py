"""What is forgotten: addresses that asked for codes, sessions nobody uses, refresh tokens long replaced."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from chassis.db import tenant_of
from chassis.due import at
from sqlalchemy import delete, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from identity.models import RefreshToken, SignInCode, SignInSession
from identity.settings import settings_of

FORGET = "forget"
EVERY = timedelta(hours=1)
AT_ONCE = 5000


async def forget(_subject: UUID, session: AsyncSession, now: datetime) -> None:
    """Delete what a government's retention has passed, some thousands of rows at a time, and come back."""
    settings = settings_of(session)
    idle = now - settings.session_idle
    deleted = [
        await _delete(session, SignInCode, SignInCode.created_at <= now - settings.codes_kept),
        await _delete(session, SignInCode, ~SignInCode.mailed & (SignInCode.expires_at <= now)),
        await _delete(session, SignInSession, SignInSession.used_at <= idle),
        await _delete(session, RefreshToken, RefreshToken.rotated_at <= idle),
    ]
    await plan(session, when=now if max(deleted) == AT_ONCE else now + EVERY)


async def plan(session: AsyncSession, *, when: datetime) -> None:
    """Let the session's government be looked after at this time; once planned it goes on by itself."""
    await at(session, FORGET, subject=tenant_of(session), when=when)


async def _delete(session: AsyncSession, table: Any, condition: Any) -> int:
    key = table.__table__.primary_key.columns
    some = select(*key).where(condition).limit(AT_ONCE).with_for_update(skip_locked=True)
    statement = delete(table).where(tuple_(*key).in_(some)).returning(*key)
    result = await session.execute(statement, execution_options={"synchronize_session": False})
    return len(result.all())
