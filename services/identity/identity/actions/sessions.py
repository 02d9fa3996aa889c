"""Sign-in, refresh and sign-out: a session is a family of refresh tokens, of which one is alive (RFC 9700 §4.14.2)."""

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NoReturn
from uuid import UUID

from chassis import base64url
from chassis.clock import uuid7
from chassis.db import tenant_of
from chassis.outbox import emit
from chassis.refusals import Refused
from contracts.identity import SessionCompromised
from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from identity import metrics
from identity.actions.audit import record
from identity.actions.codes import Guess, count_guess, lock_mailbox, use_up
from identity.actions.data_keys import REFRESH_TOKENS, data_key
from identity.actions.signing import PrivateKey, access_token
from identity.models import Person, RefreshToken, SignInSession
from identity.queries import accounts_beside, government_of, person, person_by_email, roles_of
from identity.rules import judge_refresh, mailbox_of, within
from identity.settings import settings_of


@dataclass(frozen=True)
class Tokens:
    """What somebody who signed in holds."""

    access_token: str
    expires_in: int
    refresh_token: str


async def sign_in(session: AsyncSession, handle: str, code: str, *, key: PrivateKey, now: datetime) -> Tokens:
    """Exchange a handle and its code for a session; the first time this makes the account.

    Raises:
        Refused: 403 `code_wrong` (attempts_left), `code_expired`, `too_many_attempts`. A wrong guess is answered alike
            whether or not a code was mailed. 403 `too_many_accounts` with the right code, which stays good.
    """
    guess = await count_guess(session, handle, code, now=now)
    if not guess.right:
        await _refuse(session, guess, now=now)
    await use_up(session, guess.code_id, now=now)
    who, first = await _welcome(session, guess.email, language=guess.language, now=now)
    signed_in = SignInSession(tenant_id=who.tenant_id, id=uuid7(), person_id=who.id, created_at=now, used_at=now)
    session.add(signed_in)
    await session.flush()
    token = secrets.token_urlsafe(32)
    await _remember(session, token, signed_in.id, now=now)
    tokens = await _tokens(session, who, signed_in.id, token, key=key, now=now)
    facts = {"session_id": str(signed_in.id), "first": first}
    await record(session, "signed_in", now=now, actor=who.id, subject=who.id, **facts)
    metrics.SIGN_INS.labels("done").inc()
    return tokens


async def _refuse(session: AsyncSession, guess: Guess, *, now: datetime) -> NoReturn:
    """Refuse a wrong guess, and keep that it was made: each in the numbers, the first of a handle in the audit trail.

    Anybody may guess; one row for each guess would bury what officials do. The account is looked up in vain too, to
    take as long.
    """
    if guess.first:
        known = await person_by_email(session, guess.email)
        await record(session, "sign_in_refused", now=now, subject=known.id if known else None, code="code_wrong")
    metrics.SIGN_INS.labels("code_wrong").inc()
    raise Refused("code_wrong", status=403, keep=True, attempts_left=guess.attempts_left)


async def _welcome(session: AsyncSession, email: str, *, language: str, now: datetime) -> tuple[Person, bool]:
    """The person with this address, which is now confirmed, and whether they are here for the first time."""
    if await person_by_email(session, email) is None:
        await _allow_account(session, email, now=now)
    new = insert(Person).values(
        tenant_id=tenant_of(session),
        id=uuid7(),
        email_norm=email,
        language=language,
        level=0,
        version=1,
        created_at=now,
    )
    await session.execute(new.on_conflict_do_nothing())
    query = select(Person).where(Person.email_norm == email).with_for_update(key_share=True)
    who = (await session.execute(query)).scalar_one()
    first = who.signed_in_at is None
    who.level, who.signed_in_at = max(who.level, 1), now
    return who, first


async def _allow_account(session: AsyncSession, email: str, *, now: datetime) -> None:
    """Refuse an account too many: tags would make any number of voters of one mailbox."""
    limits = settings_of(session).account_limits
    await lock_mailbox(session, mailbox_of(email))
    made = await accounts_beside(session, email, since=now - max(limit.within for limit in limits))
    if not within(made, limits, now=now):
        metrics.SIGN_INS.labels("too_many_accounts").inc()
        raise Refused("too_many_accounts", status=403)


async def refresh(session: AsyncSession, token: str, *, key: PrivateKey, now: datetime) -> Tokens:
    """Exchange a refresh token for its successor and a new access token.

    Within the grace an already exchanged token gives the same successor again, so that tabs that refresh at once all
    end up with the one token that is alive. After it, somebody else may hold the token: the session ends.

    Raises:
        Refused: 401 `refresh_token_invalid`, whatever the reason.
    """
    found = await _locked(session, token)
    if found is None or not await _served(session):
        raise _invalid("unknown")
    presented, signed_in = found
    settings = settings_of(session)
    verdict = judge_refresh(
        ended=signed_in.ended_at is not None,
        used_at=signed_in.used_at,
        rotated_at=presented.rotated_at,
        now=now,
        grace=settings.refresh_grace,
        idle=settings.session_idle,
    )
    if verdict == "over":
        raise _invalid(verdict)
    if verdict == "reused":
        await _compromised(session, signed_in, now=now)
        raise _invalid(verdict, keep=True)
    successor = successor_of(await data_key(session, REFRESH_TOKENS), token)
    if verdict == "rotate":
        presented.rotated_at, signed_in.used_at = now, now
        await _remember(session, successor, signed_in.id, now=now)
    metrics.REFRESHES.labels(verdict).inc()
    who = await person(session, signed_in.person_id)
    return await _tokens(session, who, signed_in.id, successor, key=key, now=now)


async def sign_out(session: AsyncSession, token: str, *, now: datetime) -> None:
    """End the session of a refresh token. Asking twice, or with a token that never was, changes nothing."""
    found = await _locked(session, token)
    if found is None or found[1].ended_at is not None:
        return
    signed_in = found[1]
    signed_in.ended_at, signed_in.ended_because = now, "signed_out"
    who = signed_in.person_id
    await record(session, "signed_out", now=now, actor=who, subject=who, session_id=str(signed_in.id))


def successor_of(key: bytes, token: str) -> str:
    """The refresh token after this one: 256 bits by HMAC-SHA-256, which nobody makes without the key.

    Being a function of its predecessor it can be given again without being stored.
    """
    return base64url.encode(hmac.digest(key, token.encode(), hashlib.sha256))


def hash_of(token: str) -> bytes:
    """What is stored of a refresh token. Tokens are random, so no salt and no slow hash is needed."""
    return hashlib.sha256(token.encode()).digest()


async def _locked(session: AsyncSession, token: str) -> tuple[RefreshToken, SignInSession] | None:
    same = (SignInSession.tenant_id == RefreshToken.tenant_id) & (SignInSession.id == RefreshToken.session_id)
    query = select(RefreshToken, SignInSession).join(SignInSession, same)
    found = (await session.execute(query.where(RefreshToken.token_hash == hash_of(token)).with_for_update())).first()
    return (found[0], found[1]) if found else None


async def _served(session: AsyncSession) -> bool:
    government = await government_of(session)
    return government is None or government.active


async def _remember(session: AsyncSession, token: str, session_id: UUID, *, now: datetime) -> None:
    row = {"tenant_id": tenant_of(session), "token_hash": hash_of(token), "session_id": session_id, "issued_at": now}
    await session.execute(insert(RefreshToken).values(row))


async def _tokens(
    session: AsyncSession, who: Person, session_id: UUID, token: str, *, key: PrivateKey, now: datetime
) -> Tokens:
    seconds = settings_of(session).access_token_seconds
    roles = await roles_of(session, who.id)
    return Tokens(
        access_token=access_token(key, who, roles, session_id, now=now, life=timedelta(seconds=seconds)),
        expires_in=seconds,
        refresh_token=token,
    )


async def _compromised(session: AsyncSession, signed_in: SignInSession, *, now: datetime) -> None:
    """End a session whose token came twice, and tell it."""
    signed_in.ended_at, signed_in.ended_because = now, "compromised"
    who = signed_in.person_id
    counted = update(Person).where(Person.id == who).values(version=Person.version + 1).returning(Person.version)
    version = (await session.execute(counted)).scalar_one()
    emit(session, SessionCompromised(person_id=who, session_id=signed_in.id), sequence=version, now=now)
    await record(session, "session_compromised", now=now, subject=who, session_id=str(signed_in.id))


def _invalid(why: str, *, keep: bool = False) -> Refused:
    """One answer for every reason; the numbers tell them apart."""
    metrics.REFRESHES.labels(why).inc()
    return Refused("refresh_token_invalid", status=401, keep=keep)
