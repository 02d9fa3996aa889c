"""Access tokens: what is identity's is read, whatever else there is is refused."""

import base64
import hmac
import json
import time
from typing import Any
from uuid import UUID, uuid4

import pytest
from chassis.auth import AUDIENCE, ISSUER, TokenVerifier, read_claims
from chassis.refusals import Refused
from chassis.testing import Identity
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import RSAKey

TENANT = UUID(int=1)


def encoded(value: Any) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def claims(**other: Any) -> dict[str, Any]:
    now = int(time.time())
    said = {"iss": ISSUER, "aud": AUDIENCE, "sub": str(uuid4()), "tid": str(TENANT), "sid": str(uuid4())}
    return said | {"roles": [], "lvl": 1, "iat": now, "exp": now + 900} | other


@pytest.fixture
def verifier(identity_keys: Identity) -> TokenVerifier:
    return TokenVerifier(f"{identity_keys.url}/.well-known/jwks.json")


async def refused(verifier: TokenVerifier, token: str) -> str:
    with pytest.raises(Refused) as refusal:
        await verifier.verify(token)
    assert refusal.value.status == 401
    return refusal.value.code


async def test_a_token_of_identity_says_who_asks(verifier: TokenVerifier, identity_keys: Identity) -> None:
    person = uuid4()
    actor = await verifier.verify(identity_keys.token(TENANT, person, roles=("moderator",), level=2))
    assert (actor.person_id, actor.tenant_id, actor.level) == (person, TENANT, 2)
    assert actor.has("moderator")


async def test_a_token_verified_once_is_remembered_until_it_ends(
    verifier: TokenVerifier, identity_keys: Identity
) -> None:
    token = identity_keys.token(TENANT, seconds=900)
    assert verifier.cached(token) is None
    actor = await verifier.verify(token)
    assert verifier.cached(token) is actor
    short = identity_keys.token(TENANT, seconds=0)
    await verifier.verify(short)  # within the leeway
    assert verifier.cached(short) is None


async def test_tokens_remembered_are_bounded(identity_keys: Identity) -> None:
    verifier = TokenVerifier(f"{identity_keys.url}/.well-known/jwks.json", remembered=3)
    tokens = [identity_keys.token(TENANT) for _ in range(5)]
    for token in tokens:
        await verifier.verify(token)
    assert [verifier.cached(token) is not None for token in tokens] == [False, False, True, True, True]


@pytest.mark.parametrize(
    "other",
    [
        {"iss": "somebody"},
        {"aud": "somebody"},
        {"sub": "nobody"},
        {"tid": None},
        {"exp": "tomorrow"},
        {"roles": None},
        {"lvl": "high"},
    ],
)
async def test_what_identity_would_not_say_is_refused(
    verifier: TokenVerifier, identity_keys: Identity, other: dict[str, Any]
) -> None:
    key = identity_keys.key
    token = jwt.encode({"alg": "RS256", "kid": key.kid}, claims(**other), key)
    assert await refused(verifier, token) == "bad_token"


async def test_a_token_that_has_ended_is_refused(verifier: TokenVerifier, identity_keys: Identity) -> None:
    assert await refused(verifier, identity_keys.token(TENANT, seconds=-6)) == "token_expired"


async def test_no_other_algorithm_is_taken(verifier: TokenVerifier, identity_keys: Identity) -> None:
    key = identity_keys.key
    public = key.public_key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    for header in ({"alg": "none"}, {"alg": "HS256"}, {"alg": "RS384"}, {"alg": "PS256"}, {"alg": ["RS256"]}, {}):
        signed = f"{encoded(header | {'kid': key.kid})}.{encoded(claims())}"
        by_public_key = hmac.digest(public, signed.encode(), "sha256")  # the confusion of RFC 8725 §2.1
        for signature in ("", encoded(by_public_key), identity_keys.token(TENANT).rpartition(".")[2]):
            assert await refused(verifier, f"{signed}.{signature}") == "bad_token"


async def test_extensions_that_we_do_not_know_are_not_ignored(verifier: TokenVerifier, identity_keys: Identity) -> None:
    key = identity_keys.key
    header = {"alg": "RS256", "kid": key.kid, "crit": ["b64"], "b64": False}
    signed = f"{encoded(header)}.{encoded(claims())}"
    assert await refused(verifier, f"{signed}.{encoded(b'x' * 256)}") == "bad_token"


async def test_another_key_of_the_same_name_is_refused(verifier: TokenVerifier, identity_keys: Identity) -> None:
    other = RSAKey.generate_key(2048, parameters={"kid": identity_keys.key.kid})
    assert await refused(verifier, Identity("", other).token(TENANT)) == "bad_token"


async def test_an_unknown_key_is_refused(verifier: TokenVerifier) -> None:
    other = RSAKey.generate_key(2048, auto_kid=True)
    assert await refused(verifier, Identity("", other).token(TENANT)) == "bad_token"


@pytest.mark.parametrize(
    "text", ["", ".", "..", "...", "a.b.c", "é.é.é", "bnVsbA..", "W10.e30.e30", "e30.e30.e30", "IlJTMjU2Ig.e30.e30"]
)
async def test_what_is_no_token_is_refused(verifier: TokenVerifier, text: str) -> None:
    assert await refused(verifier, text) == "bad_token"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200, deadline=None)
@given(data=st.data())
async def test_no_changed_token_passes(verifier: TokenVerifier, identity_keys: Identity, data: st.DataObject) -> None:
    token = identity_keys.token(TENANT)
    place = data.draw(st.integers(0, len(token) - 2))  # the last character holds bits that mean nothing
    letter = data.draw(st.sampled_from("AQgwz09-_.=+/ \n").filter(lambda letter: letter != token[place]))
    assert await refused(verifier, token[:place] + letter + token[place + 1 :]) == "bad_token"


@given(st.dictionaries(st.sampled_from(["iss", "aud", "sub", "tid", "exp", "roles", "lvl", "sid"]), st.none()))
def test_claims_that_are_missing_or_empty_name_nobody(other: dict[str, None]) -> None:
    for said in ({name: value for name, value in claims().items() if name not in other}, claims(**other)):
        if other:
            with pytest.raises((Refused, KeyError, TypeError, ValueError)):
                read_claims(said)
