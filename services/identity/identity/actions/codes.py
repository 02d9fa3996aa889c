"""One-time codes: asked for, mailed, guessed at.

Whoever asks is given a handle, and only with it does the code of the mail work. So whatever strangers do with an
address, they do with handles of their own: they end no code of its owner's, use up no attempt of theirs, see nothing.

Nothing here looks whether an account exists, and every answer and every amount of work is the same whether or not a
code is mailed: whoever asks or guesses learns only what their own mailbox tells.
"""

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from chassis.db import tenant_of
from chassis.due import at
from chassis.keys import Keyring
from chassis.mail import Mail, Mailer, PermanentMailError
from chassis.refusals import Refused
from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from identity import metrics
from identity.actions.data_keys import CODE_HASHES, CODE_MAILS, NETWORKS, data_key
from identity.models import SignInCode
from identity.queries import government_of, link_to, name_of
from identity.rules import mailbox_of, network_of, within
from identity.settings import settings_of
from identity.texts import code_letter

MAIL_CODE = "mail_code"
NO_CODE_MATCHES = bytes(32)


async def request_code(session: AsyncSession, email: str, *, language: str, client: str | None, now: datetime) -> str:
    """Have a new code mailed to an address, unless it was sent too many; the handle that the code works with.

    Codes that were mailed before go on working with their own handles. Above a limit the same is written but for the
    code, and the same timer set, which will find nothing to mail.

    Raises:
        Refused: 403 `government_not_active`.
    """
    settings, tenant = settings_of(session), tenant_of(session)
    government = await government_of(session)
    if government is not None and not government.active:
        raise Refused("government_not_active", status=403)
    hash_key, mail_key = await data_key(session, CODE_HASHES), await data_key(session, CODE_MAILS)
    network = hmac.digest(await data_key(session, NETWORKS), network_of(client).encode(), hashlib.sha256)
    handle, code = secrets.token_urlsafe(32), f"{secrets.randbelow(10**6):06d}"
    code_id = id_of(handle)
    code_hash = hash_of(hash_key, code_id, code)
    sealed_code = Keyring.seal(mail_key, code.encode(), aad=_aad(tenant, code_id))
    allowed = await _may_be_mailed(session, mailbox_of(email), network, now=now)
    session.add(
        SignInCode(
            tenant_id=tenant,
            id=code_id,
            email_norm=email,
            mailbox=mailbox_of(email),
            network=network,
            mailed=allowed,
            code_hash=code_hash if allowed else None,
            sealed_code=sealed_code if allowed else None,
            language=language,
            created_at=now,
            expires_at=now + settings.code_life,
            attempts=0,
        )
    )
    await session.flush()
    await at(session, MAIL_CODE, subject=code_id, when=now)
    metrics.CODES.labels("made" if allowed else "limited").inc()
    return handle


async def _may_be_mailed(session: AsyncSession, mailbox: str, network: bytes, *, now: datetime) -> bool:
    """Whether the limits allow one more mail; whoever else asks for this mailbox waits until the transaction ends.

    A network has a share of a mailbox's mails and never all of them, so that no single stranger uses them up.
    """
    settings = settings_of(session)
    await lock_mailbox(session, mailbox)
    since = now - max(limit.within for limit in (*settings.code_limits, *settings.network_code_limits))
    query = select(SignInCode.created_at, SignInCode.network)
    query = query.where(SignInCode.mailbox == mailbox, SignInCode.mailed, SignInCode.created_at > since)
    mails = (await session.execute(query)).all()
    own = [mail.created_at for mail in mails if mail.network == network]
    return within(own, settings.network_code_limits, now=now) and within(
        [mail.created_at for mail in mails], settings.code_limits, now=now
    )


async def lock_mailbox(session: AsyncSession, mailbox: str) -> None:
    """Let whoever else counts for this mailbox wait until the transaction ends.

    By 64 bits of a hash: two mailboxes that share them by chance only wait for one another.
    """
    digest = hashlib.sha256(tenant_of(session).bytes + mailbox.encode()).digest()
    await session.execute(select(func.pg_advisory_xact_lock(int.from_bytes(digest[:8], signed=True))))


@dataclass(frozen=True)
class Guess:
    """A guess that was counted: with whose code, whether it is right, and whether it was the handle's first."""

    code_id: UUID
    email: str
    language: str
    right: bool
    first: bool
    attempts_left: int


async def count_guess(session: AsyncSession, handle: str, code: str, *, now: datetime) -> Guess:
    """Count a guess at a handle's code and judge it. The row stays locked until the transaction ends.

    Whoever refuses because of the judgement must do it with `keep`, or the guess was free.

    Raises:
        Refused: 403 `too_many_attempts`; `code_expired` for a handle that was used, has ended, or never was.
    """
    settings, code_id = settings_of(session), id_of(handle)
    hash_key = await data_key(session, CODE_HASHES)
    row = (await session.execute(_counted(code_id, attempts=settings.code_attempts, now=now))).first()
    if row is None:
        lives = select(SignInCode.id).where(SignInCode.id == code_id, SignInCode.expires_at > now)
        refusal = "too_many_attempts" if (await session.execute(lives)).first() else "code_expired"
        metrics.SIGN_INS.labels(refusal).inc()
        raise Refused(refusal, status=403)
    return Guess(
        code_id=code_id,
        email=row.email_norm,
        language=row.language,
        right=hmac.compare_digest(hash_of(hash_key, code_id, code), row.code_hash or NO_CODE_MATCHES),
        first=row.attempts == 1,
        attempts_left=settings.code_attempts - row.attempts,
    )


def _counted(code_id: UUID, *, attempts: int, now: datetime) -> Any:
    """Counts one attempt in one statement, so that guesses made at once cannot share one; no row above the limit."""
    lives = (SignInCode.id == code_id, SignInCode.expires_at > now, SignInCode.attempts < attempts)
    counted = update(SignInCode).where(*lives).values(attempts=SignInCode.attempts + 1)
    return counted.returning(
        SignInCode.email_norm, SignInCode.code_hash, SignInCode.language, SignInCode.attempts
    ).execution_options(synchronize_session=False)


async def use_up(session: AsyncSession, code_id: UUID, *, now: datetime) -> None:
    """Let a code, which is locked, work no more; that it was mailed still counts for the limits."""
    values = {"code_hash": None, "sealed_code": None, "expires_at": now}
    await session.execute(update(SignInCode).where(SignInCode.id == code_id).values(values))


async def mail_code(code_id: UUID, session: AsyncSession, now: datetime) -> None:
    """Mail a code that was not yet mailed and has not yet ended; what may heal is tried again until it ends.

    Nothing is locked while the mail server takes its time.
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
    """Keep the code itself no longer."""
    await session.execute(update(SignInCode).where(SignInCode.id == code_id).values(sealed_code=None))


def id_of(handle: str) -> UUID:
    """What is stored of a handle: 128 bits of its SHA-256. Handles are random: no salt, no slow hash."""
    return UUID(bytes=hashlib.sha256(handle.encode()).digest()[:16])


def hash_of(key: bytes, code_id: UUID, code: str) -> bytes:
    """HMAC-SHA-256 of a code, bound to its handle."""
    return hmac.digest(key, code_id.bytes + code.encode(), hashlib.sha256)


def _aad(tenant: UUID, code_id: UUID) -> bytes:
    return b"sign-in code" + tenant.bytes + code_id.bytes
