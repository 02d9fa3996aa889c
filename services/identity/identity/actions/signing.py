"""The keys that sign access tokens: made, sealed at rest, published before they sign, kept until their tokens ended."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast
from uuid import UUID

from chassis.auth import AUDIENCE, CLOCK_LEEWAY, ISSUER, PLATFORM
from chassis.db import tenant_session
from chassis.keys import Keyring
from joserfc import jwt
from joserfc.jwk import RSAKey
from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from identity import rules
from identity.actions.audit import record
from identity.actions.data_keys import SIGNING_KEYS, data_key
from identity.models import Person, SigningKey
from identity.settings import Settings

KEY_BITS = 2048
REREAD_SECONDS = 60.0
LOCK = 7_305_118_301  # the first key is made once, however many processes start


@dataclass(frozen=True)
class PrivateKey:
    """A key pair, opened."""

    kid: str
    signs_from: datetime
    public_jwk: dict[str, Any]
    key: RSAKey


def access_token(
    key: PrivateKey, person: Person, roles: Sequence[str], session_id: UUID, *, now: datetime, life: timedelta
) -> str:
    """A signed access token (RFC 7519) that says who a person is at their government."""
    claims = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": str(person.id),
        "tid": str(person.tenant_id),
        "roles": list(roles),
        "lvl": person.level,
        "sid": str(session_id),
        "iat": int(now.timestamp()),
        "exp": int((now + life).timestamp()),
    }
    return jwt.encode({"alg": "RS256", "kid": key.kid, "typ": "JWT"}, claims, key.key)


class Signer:
    """This process's copy of the signing keys, read again every minute."""

    def __init__(self, sessions: async_sessionmaker[AsyncSession], settings: Settings) -> None:
        self._sessions = sessions
        self._kept = kept_after_replacement(settings)
        self._keys: Sequence[PrivateKey] = ()
        self._read_at = -REREAD_SECONDS
        self._lock = asyncio.Lock()

    async def key(self, now: datetime) -> PrivateKey:
        """The key that signs now; the first one is made here."""
        key = rules.signing_key(await self._all(), now=now)
        if key is None:
            raise RuntimeError("no signing key may sign yet")
        return key

    async def published(self, now: datetime) -> list[dict[str, Any]]:
        """The public keys (RFC 7517) by which tokens are checked now and soon."""
        keys = rules.published_keys(await self._all(), now=now, kept=self._kept)
        return [key.public_jwk for key in keys]

    async def _all(self) -> Sequence[PrivateKey]:
        async with self._lock:  # one reads, the others wait for it: they hold no connection yet
            if time.monotonic() - self._read_at > REREAD_SECONDS or not self._keys:
                async with tenant_session(self._sessions, PLATFORM) as session:
                    self._keys = await read_keys(session, known={key.kid: key for key in self._keys})
                self._read_at = time.monotonic()
            return self._keys


def kept_after_replacement(settings: Settings) -> timedelta:
    """How long after its replacement a key is still needed: its last token's life, and what clocks and caches add."""
    return timedelta(seconds=settings.access_token_seconds + 2 * REREAD_SECONDS + CLOCK_LEEWAY)


async def read_keys(session: AsyncSession, *, known: dict[str, PrivateKey] | None = None) -> Sequence[PrivateKey]:
    """All signing keys, opened, by a session of the platform's realm; makes the first one if there is none."""
    query = select(SigningKey).order_by(SigningKey.signs_from)
    rows = (await session.scalars(query)).all()
    if not rows:
        await session.execute(select(func.pg_advisory_xact_lock(LOCK)))
        rows = (await session.scalars(query)).all()
    if not rows:
        now = (await session.execute(select(func.now()))).scalar_one()
        rows = [await _make_key(session, now=now, signs_from=now)]
    sealing_key = await data_key(session, SIGNING_KEYS)
    return [(known or {}).get(row.kid) or _opened(row, sealing_key) for row in rows]


async def rotate(session: AsyncSession, *, settings: Settings, now: datetime) -> SigningKey:
    """Make the next signing key, published at once and signing after the lead; forget those that nothing needs.

    The session is one of the platform's realm.
    """
    await session.execute(select(func.pg_advisory_xact_lock(LOCK)))
    lead = timedelta(seconds=settings.signing_key_lead_seconds)
    rows = (await session.scalars(select(SigningKey))).all()
    needed = {key.kid for key in rules.published_keys(rows, now=now, kept=kept_after_replacement(settings))}
    await session.execute(delete(SigningKey).where(SigningKey.kid.not_in(needed)))
    made = await _make_key(session, now=now, signs_from=now + lead if rows else now)
    await record(session, "signing_key_rotated", now=now, kid=made.kid)
    return made


async def _make_key(session: AsyncSession, *, now: datetime, signs_from: datetime) -> SigningKey:
    key = await asyncio.to_thread(RSAKey.generate_key, KEY_BITS, {"use": "sig", "alg": "RS256"}, auto_kid=True)
    kid = str(key.kid)
    row = SigningKey(
        tenant_id=PLATFORM,
        kid=kid,
        public_jwk=cast("dict[str, Any]", key.as_dict(private=False)),
        sealed_private_key=Keyring.seal(await data_key(session, SIGNING_KEYS), key.as_der(private=True), aad=_aad(kid)),
        signs_from=signs_from,
        created_at=now,
    )
    session.add(row)
    await session.flush()
    return row


def _opened(row: SigningKey, sealing_key: bytes) -> PrivateKey:
    private = Keyring.open(sealing_key, row.sealed_private_key, aad=_aad(row.kid))
    key = RSAKey.import_key(private, {"kid": row.kid, "use": "sig", "alg": "RS256"})
    return PrivateKey(row.kid, row.signs_from, row.public_jwk, key)


def _aad(kid: str) -> bytes:
    return b"signing key " + kid.encode()
