"""One-time codes: asked for, mailed, guessed at.

Nothing here looks whether an account exists, and every answer and every amount of work is the same for an address that
asked for a code and one that never did: whoever asks or guesses learns only what their own mailbox tells.
"""

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from chassis.clock import uuid7
from chassis.db import tenant_of
from chassis.due import at
from chassis.keys import Keyring
from chassis.mail import Mail, Mailer, PermanentMailError
from chassis.refusals import Refused
from sqlalchemy import case, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from identity import metrics
from identity.actions.data_keys import CODE_HASHES, CODE_MAILS, data_key
from identity.models import SignInCode
from identity.queries import government_of, link_to, name_of
from identity.rules import may_send, still_counts
from identity.settings import settings_of
from identity.texts import code_letter

MAIL_CODE = "mail_code"
NO_CODE_MATCHES = bytes(32)


async def request_code(session: AsyncSession, email: str, *, language: str, now: datetime) -> None:
    """Have a new code mailed to an address, unless it was sent too many; only the newest code works.

    Above the limit the same is written, of the code that was there before, and the same timer set, which will find
    nothing to mail.

    Raises:
        Refused: 403 `government_not_active`.
    """
    settings, tenant = settings_of(session), tenant_of(session)
    government = await government_of(session)
    if government is not None and not government.active:
        raise Refused("government_not_active", status=403)
    hash_key, mail_key = await data_key(session, CODE_HASHES), await data_key(session, CODE_MAILS)
    code, code_id = f"{secrets.randbelow(10**6):06d}", uuid7()
    fresh = {
        "id": code_id,
        "code_hash": hash_of(hash_key, code_id, code),
        "sealed_code": Keyring.seal(mail_key, code.encode(), aad=_aad(tenant, code_id)),
        "language": language,
        "expires_at": now + settings.code_life,
        "attempts": 0,
        "attempts_until": now,
    }
    row = await _locked(session, email, language=language, now=now)
    allowed = may_send(row.sent, settings.code_limits, now=now)
    sent = still_counts(row.sent, settings.code_limits, now=now)
    values = fresh if allowed else {name: getattr(row, name) for name in fresh}
    values |= {"sent": [*sent, now] if allowed else sent, "touched_at": now}
    await session.execute(update(SignInCode).where(SignInCode.email_norm == email).values(values))
    await at(session, MAIL_CODE, subject=code_id, when=now)
    metrics.CODES.labels("made" if allowed else "limited").inc()


async def _locked(session: AsyncSession, email: str, *, language: str, now: datetime) -> SignInCode:
    """The row of an address, made if need be, locked."""
    new = insert(SignInCode).values(
        tenant_id=tenant_of(session),
        email_norm=email,
        id=uuid7(),
        language=language,
        expires_at=now,
        attempts=0,
        attempts_until=now,
        sent=[],
        touched_at=now,
    )
    await session.execute(new.on_conflict_do_nothing())
    query = select(SignInCode).where(SignInCode.email_norm == email).with_for_update()
    return (await session.execute(query)).scalar_one()


@dataclass(frozen=True)
class Guess:
    """A guess that was counted: whether it is the newest code, and whether that code is still good."""

    code_id: UUID
    language: str
    right: bool
    expired: bool
    attempts_left: int


async def count_guess(session: AsyncSession, email: str, code: str, *, now: datetime) -> Guess:
    """Count a guess at an address's code and judge it. The row stays locked until the transaction ends.

    Whoever refuses because of the judgement must do it with `keep`, or the guess was free.

    Raises:
        Refused: 403 `too_many_attempts`.
    """
    settings = settings_of(session)
    hash_key = await data_key(session, CODE_HASHES)
    row = (await session.execute(_counted(session, email, now=now))).first()
    if row is None:
        metrics.SIGN_INS.labels("too_many_attempts").inc()
        raise Refused("too_many_attempts", status=403)
    expected = row.code_hash or NO_CODE_MATCHES
    return Guess(
        code_id=row.id,
        language=row.language,
        right=hmac.compare_digest(hash_of(hash_key, row.id, code), expected),
        expired=row.expires_at <= now,
        attempts_left=settings.code_attempts - row.attempts,
    )


def _counted(session: AsyncSession, email: str, *, now: datetime) -> Any:
    """Counts one attempt in one statement, so that guesses made at once cannot share one; no row above the limit.

    Wrong guesses are forgotten as long after the first of them as a code lives: by then the code has ended too.
    """
    settings = settings_of(session)
    forgotten = SignInCode.attempts_until <= now
    statement = insert(SignInCode).values(
        tenant_id=tenant_of(session),
        email_norm=email,
        id=uuid7(),
        language="nl",
        expires_at=now,
        attempts=1,
        attempts_until=now + settings.code_life,
        sent=[],
        touched_at=now,
    )
    return statement.on_conflict_do_update(
        index_elements=["tenant_id", "email_norm"],
        set_={
            "attempts": case((forgotten, 1), else_=SignInCode.attempts + 1),
            "attempts_until": case((forgotten, now + settings.code_life), else_=SignInCode.attempts_until),
            "touched_at": now,
        },
        where=or_(SignInCode.attempts < settings.code_attempts, forgotten),
    ).returning(SignInCode.id, SignInCode.code_hash, SignInCode.language, SignInCode.expires_at, SignInCode.attempts)


async def use_up(session: AsyncSession, email: str, *, now: datetime) -> None:
    """Let the code of an address, which is locked, work no more; what it was sent still counts for the limits."""
    values = {"code_hash": None, "sealed_code": None, "attempts": 0, "attempts_until": now}
    await session.execute(update(SignInCode).where(SignInCode.email_norm == email).values(values))


async def mail_code(code_id: UUID, session: AsyncSession, now: datetime) -> None:
    """Mail a code if it is the newest, not yet mailed and not yet ended; what may heal is tried again until it ends.

    Nothing is locked while the mail server takes its time: its reader may already ask for a newer code.
    """
    settings, tenant = settings_of(session), tenant_of(session)
    row = (await session.execute(select(SignInCode).where(SignInCode.id == code_id))).scalar_one_or_none()
    if row is None or row.sealed_code is None:
        return
    if row.expires_at <= now:
        await _forget_sealed(session, code_id)
        metrics.CODES.labels("ended_before_it_was_mailed").inc()
        return
    code = Keyring.open(await data_key(session, CODE_MAILS), row.sealed_code, aad=_aad(tenant, code_id)).decode()
    government = await government_of(session)
    name = name_of(government, row.language)
    letter = code_letter(
        row.language,
        code=code,
        minutes=settings.code_seconds // 60,
        government=name,
        link=link_to(government, settings),
    )
    mail = Mail(
        to=row.email_norm,
        subject=letter.subject,
        text=letter.text,
        from_name=name,
        message_id=f"<code-{code_id}@identity.inspraak>",
        language=row.language,
    )
    try:
        await Mailer(settings).send(mail)
    except PermanentMailError:
        metrics.CODES.labels("not_deliverable").inc()
    else:
        metrics.CODES.labels("mailed").inc()
    await _forget_sealed(session, code_id)


async def _forget_sealed(session: AsyncSession, code_id: UUID) -> None:
    """Keep the code itself no longer. By its number: meanwhile the address may have been given a newer one."""
    await session.execute(update(SignInCode).where(SignInCode.id == code_id).values(sealed_code=None))


def hash_of(key: bytes, code_id: UUID, code: str) -> bytes:
    """HMAC-SHA-256 of a code, bound to the one time it was given out."""
    return hmac.digest(key, code_id.bytes + code.encode(), hashlib.sha256)


def _aad(tenant: UUID, code_id: UUID) -> bytes:
    return b"sign-in code" + tenant.bytes + code_id.bytes
