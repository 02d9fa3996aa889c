"""Who asks: the access token, verified by the identity service's public keys (RS256, RFC 7519 and RFC 7517).

Verifying costs about 40 microseconds of CPU (three times that by way of a general library, in each process that a vote
passes, and most people vote once with a token), so each process remembers what it has verified until the token ends.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID

import aiohttp
import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from fastapi import Depends, Request
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, RSAKey

from chassis import base64url
from chassis.refusals import Refused

ISSUER = "inspraak-identity"
AUDIENCE = "inspraak"
PLATFORM = UUID("00000000-0000-4000-8000-000000000001")  # the realm where operators sign in, no government
KEYS_FRESH_FOR = 600.0
KEYS_REFETCH_AFTER = 60.0
KEYS_RETRY_AFTER = 1.0
CLOCK_LEEWAY = 5
REMEMBERED = 20_000  # tokens, of 1.6 KB each
HEADERS_REMEMBERED = 64  # all tokens of one key have the same header
PADDING, HASH = PKCS1v15(), SHA256()


@dataclass(frozen=True, slots=True)
class Actor:
    """A signed-in person, as the access token says. `level` 1 is a confirmed e-mail address."""

    person_id: UUID
    tenant_id: UUID
    roles: frozenset[str]
    level: int
    session_id: UUID
    expires: float  # seconds since the epoch

    def has(self, *roles: str) -> bool:
        """Whether the person has one of these roles."""
        return not self.roles.isdisjoint(roles)


class TokenVerifier:
    """Verifies access tokens against the keys at `jwks_url`; goes on with known keys while identity is down."""

    def __init__(self, jwks_url: str, *, remembered: int = REMEMBERED) -> None:
        self._url = jwks_url
        self._keys: dict[str, RSAPublicKey] | None = None
        self._key_ids: dict[str, str] = {}  # by encoded header
        self._fetched = -KEYS_FRESH_FOR
        self._tried = -KEYS_REFETCH_AFTER
        self._lock = asyncio.Lock()
        self._known: OrderedDict[str, Actor] = OrderedDict()
        self._remembered = remembered

    def cached(self, token: str) -> Actor | None:
        """The actor of a token that was verified before and has not ended."""
        actor = self._known.get(token)
        if actor is None:
            return None
        if actor.expires <= time.time():
            del self._known[token]
            return None
        return actor

    async def verify(self, token: str) -> Actor:
        """The actor of a token.

        Raises:
            Refused: 401 `bad_token` or `token_expired`; 503 `identity_unavailable` when there is no key to check with.
        """
        actor = self.cached(token)
        if actor is None:
            try:
                actor = await self._read(token)
            except (InvalidSignature, ValueError, KeyError, TypeError) as error:
                raise Refused("bad_token", status=401) from error
            self._known[token] = actor
            if len(self._known) > self._remembered:
                self._known.popitem(last=False)
        return actor

    async def _read(self, token: str) -> Actor:
        """The actor of a compact JWS (RFC 7515 §5.2); any exception but Refused means that it is none of ours."""
        signed, _, signature = token.rpartition(".")
        header, _, payload = signed.partition(".")
        key = await self._key_of(header)
        key.verify(base64url.decode(signature), signed.encode("ascii"), PADDING, HASH)
        return read_claims(orjson.loads(base64url.decode(payload)))

    async def _key_of(self, header: str) -> RSAPublicKey:
        kid = self._key_ids.get(header) or _key_id(header)
        now = time.monotonic()
        stale = now - self._fetched > KEYS_FRESH_FOR
        if self._keys is None or kid not in self._keys or (stale and not self._lock.locked()):
            await self._fetch(kid, now)  # of those who know their key one asks, the others go on
        if self._keys is None:
            raise Refused("identity_unavailable", status=503)
        key = self._keys[kid]
        if header not in self._key_ids:
            if len(self._key_ids) >= HEADERS_REMEMBERED:
                self._key_ids.clear()
            self._key_ids[header] = kid
        return key

    async def _fetch(self, kid: str, now: float) -> None:
        async with self._lock:
            fresh = now - self._fetched <= KEYS_FRESH_FOR
            if fresh and self._keys is not None and kid in self._keys:
                return
            wait = KEYS_REFETCH_AFTER if self._keys is not None else KEYS_RETRY_AFTER
            if now - self._tried < wait:
                return  # unknown key ids must not become a flood of requests to identity
            self._tried = now
            try:
                timeout = aiohttp.ClientTimeout(total=3)
                async with aiohttp.ClientSession(timeout=timeout) as client, client.get(self._url) as answer:
                    answer.raise_for_status()
                    self._keys = _public_keys(await answer.json(content_type=None))
                    self._fetched = now
            except (aiohttp.ClientError, TimeoutError, JoseError, ValueError, KeyError, TypeError) as error:
                if self._keys is None:
                    raise Refused("identity_unavailable", status=503) from error


def _public_keys(document: Any) -> dict[str, RSAPublicKey]:
    """The RSA keys of a JWK set (RFC 7517 §5) by their ids."""
    keys = KeySet.import_key_set(document).keys
    return {str(key.kid): key.public_key for key in keys if isinstance(key, RSAKey) and key.kid}


def _key_id(header: str) -> str:
    """The key that an encoded header names; one with another algorithm, or with extensions, is not ours."""
    said = orjson.loads(base64url.decode(header))
    if said["alg"] != "RS256" or "crit" in said or not isinstance(said["kid"], str):
        raise ValueError("not a header of identity's")
    return str(said["kid"])


def read_claims(claims: dict[str, Any]) -> Actor:
    """The actor that verified claims describe; refuses a token that has ended or is not meant for us."""
    if claims["iss"] != ISSUER or claims["aud"] != AUDIENCE:
        raise Refused("bad_token", status=401)
    if claims["exp"] + CLOCK_LEEWAY <= time.time():
        raise Refused("token_expired", status=401)
    return Actor(
        person_id=UUID(claims["sub"]),
        tenant_id=UUID(claims["tid"]),
        roles=frozenset(claims["roles"]),
        level=int(claims["lvl"]),
        session_id=UUID(claims["sid"]),
        expires=float(claims["exp"]),
    )


def bearer(header: str | None) -> str | None:
    """The token of an Authorization header (RFC 6750 §2.1), or nothing when there is no header."""
    if not header:
        return None
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Refused("bad_token", status=401)
    return token.strip()


async def visitor_of(verifier: TokenVerifier, header: str | None, tenant: UUID) -> Actor | None:
    """Who asks, or nothing for an anonymous visitor; a token of another government is refused."""
    token = bearer(header)
    if token is None:
        return None
    actor = verifier.cached(token) or await verifier.verify(token)
    if actor.tenant_id != tenant:
        raise Refused("wrong_government", status=401)
    return actor


async def _visitor(request: Request) -> Actor | None:
    header = request.headers.get("authorization")
    return await visitor_of(request.app.state.verifier, header, request.state.tenant_id)


Visitor = Annotated[Actor | None, Depends(_visitor)]


async def _person(visitor: Visitor) -> Actor:
    if visitor is None:
        raise Refused("not_signed_in", status=401)
    return visitor


Person = Annotated[Actor, Depends(_person)]


def require(*roles: str) -> Callable[[Actor], Awaitable[Actor]]:
    """A dependency that gives the actor when they have one of the roles, and else refuses with what is missing.

    `Official = Annotated[Actor, Depends(require("administrator", "project_manager"))]`
    """

    async def check(person: Person) -> Actor:
        check_roles(person, roles)
        return person

    return check


def check_roles(person: Actor, roles: Sequence[str]) -> None:
    """Refuse a person who has none of the roles, naming the roles that would do."""
    if not person.has(*roles):
        raise Refused("forbidden", status=403, missing=[{"need": "role", "any_of": list(roles)}])


def check_level(person: Actor, level: int) -> None:
    """Refuse a person whose identity is less certain than asked, saying how certain it must be."""
    if person.level < level:
        missing = [{"need": "level", "gte": level, "providers": ["email"] if level == 1 else []}]
        raise Refused("forbidden", status=403, missing=missing)
