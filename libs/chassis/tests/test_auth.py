import asyncio
import base64
import json
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import pytest
from chassis import auth
from chassis.auth import Actor, TokenVerifier, bearer, check_level, check_roles, visitor_of
from chassis.refusals import Refused
from chassis.service import Service
from chassis.testing import Answer, Client, Identity, serving
from hypothesis import given
from hypothesis import strategies as st
from joserfc.jwk import RSAKey
from starlette.responses import JSONResponse, PlainTextResponse, Response

TENANT = UUID(int=1)


@dataclass
class Jwks:
    """Identity's public keys at a real address, that can change and go wrong."""

    keys: list[RSAKey]
    asked: int = 0
    is_asked: asyncio.Event = field(default_factory=asyncio.Event)
    answer: Callable[["Jwks"], Response] | None = None
    go_on: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            self.asked += 1
            self.is_asked.set()
            await self.go_on.wait()
            response = self.answer(self) if self.answer else self.published()
            await response(scope, receive, send)

    def published(self) -> Response:
        return JSONResponse({"keys": [key.as_dict(private=False) for key in self.keys]})


def new_key() -> RSAKey:
    return RSAKey.generate_key(2048, parameters={"use": "sig"}, auto_kid=True)


@pytest.fixture
async def jwks() -> Jwks:
    made = Jwks([new_key()])
    made.go_on.set()
    return made


@pytest.fixture
async def identity(jwks: Jwks) -> AsyncIterator[Identity]:
    async with serving(jwks) as url:
        yield Identity(url, jwks.keys[0])


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Lets time pass for the verifier's idea of how fresh its keys are."""
    late = [0.0]
    monkeypatch.setattr(auth, "time", SimpleNamespace(time=time.time, monotonic=lambda: time.monotonic() + late[0]))

    def later(seconds: float) -> None:
        late[0] += seconds

    return later


def verifier_of(identity: Identity) -> TokenVerifier:
    return TokenVerifier(f"{identity.url}/.well-known/jwks.json")


async def code_of(verifier: TokenVerifier, token: str) -> str:
    try:
        await verifier.verify(token)
    except Refused as refusal:
        return refusal.code
    return "fine"


async def test_the_keys_are_asked_for_once_however_many_people_come(jwks: Jwks, identity: Identity) -> None:
    verifier = verifier_of(identity)
    jwks.go_on.clear()
    many = [asyncio.create_task(code_of(verifier, identity.token(TENANT))) for _ in range(20)]
    await jwks.is_asked.wait()
    jwks.go_on.set()
    assert await asyncio.gather(*many) == ["fine"] * 20
    assert jwks.asked == 1


async def test_an_unknown_key_is_asked_for_once_a_minute_at_the_most(
    jwks: Jwks, identity: Identity, clock: Callable[[float], None]
) -> None:
    verifier = verifier_of(identity)
    assert await code_of(verifier, identity.token(TENANT)) == "fine"
    clock(61)
    strangers = [Identity("", new_key()).token(TENANT) for _ in range(3)]
    for stranger in strangers * 3:
        assert await code_of(verifier, stranger) == "bad_token"
    assert jwks.asked == 2
    clock(61)
    assert await code_of(verifier, strangers[0]) == "bad_token"
    assert jwks.asked == 3


async def test_a_new_key_is_known_with_its_first_token(
    jwks: Jwks, identity: Identity, clock: Callable[[float], None]
) -> None:
    verifier = verifier_of(identity)
    assert await code_of(verifier, identity.token(TENANT)) == "fine"
    clock(61)
    jwks.keys.append(new_key())
    rotated = Identity(identity.url, jwks.keys[1])
    assert await code_of(verifier, rotated.token(TENANT)) == "fine"
    assert await code_of(verifier, identity.token(TENANT)) == "fine"


async def test_a_key_that_is_withdrawn_is_forgotten_when_the_keys_are_no_longer_fresh(
    jwks: Jwks, identity: Identity, clock: Callable[[float], None]
) -> None:
    verifier = verifier_of(identity)
    assert await code_of(verifier, identity.token(TENANT)) == "fine"
    jwks.keys[:] = [new_key()]
    assert await code_of(verifier, identity.token(TENANT)) == "fine"
    clock(601)
    assert await code_of(verifier, identity.token(TENANT)) == "bad_token"


WRONG: list[Callable[[Jwks], Response]] = [
    lambda _: PlainTextResponse("down", 503),
    lambda _: PlainTextResponse("<html>"),
    lambda _: PlainTextResponse(b"\xff\xfe"),
    lambda _: JSONResponse([]),
    lambda _: JSONResponse(None),
    lambda _: JSONResponse({}),
    lambda _: JSONResponse({"keys": None}),
    lambda _: JSONResponse({"keys": []}),
    lambda _: JSONResponse({"keys": [{"kty": "RSA", "kid": "x"}]}),
]


@pytest.mark.parametrize("wrong", WRONG, ids=range(len(WRONG)))
async def test_known_keys_go_on_while_identity_is_down(
    jwks: Jwks, identity: Identity, clock: Callable[[float], None], wrong: Callable[[Jwks], Response]
) -> None:
    verifier = verifier_of(identity)
    assert await code_of(verifier, identity.token(TENANT)) == "fine"
    jwks.answer = wrong
    clock(601)
    for _ in range(3):
        assert await code_of(verifier, identity.token(TENANT)) == "fine"
    assert jwks.asked == 2
    fresh = TokenVerifier(verifier._url)
    assert await code_of(fresh, identity.token(TENANT)) == "identity_unavailable"


async def test_only_one_waits_while_keys_that_are_known_are_asked_for_again(
    jwks: Jwks, identity: Identity, clock: Callable[[float], None]
) -> None:
    verifier = verifier_of(identity)
    assert await code_of(verifier, identity.token(TENANT)) == "fine"
    clock(601)
    jwks.go_on.clear()
    jwks.is_asked.clear()
    first = asyncio.create_task(code_of(verifier, identity.token(TENANT)))
    await jwks.is_asked.wait()
    assert await code_of(verifier, identity.token(TENANT)) == "fine"
    assert not first.done()
    jwks.go_on.set()
    assert await first == "fine"


async def test_without_any_key_identity_is_asked_once_a_second(clock: Callable[[float], None], jwks: Jwks) -> None:
    jwks.answer = lambda _: PlainTextResponse("starting", 503)
    async with serving(jwks) as url:
        identity = Identity(url, jwks.keys[0])
        verifier = verifier_of(identity)
        for _ in range(5):
            assert await code_of(verifier, identity.token(TENANT)) == "identity_unavailable"
        assert jwks.asked == 1
        jwks.answer = None
        clock(1.1)
        assert await code_of(verifier, identity.token(TENANT)) == "fine"
    clock(601)
    assert await code_of(verifier, identity.token(TENANT)) == "fine"  # nobody listens any more


async def test_a_huge_token_is_refused_and_leaves_nothing_behind(identity: Identity) -> None:
    verifier = verifier_of(identity)
    header = base64.urlsafe_b64encode(json.dumps({"alg": "RS256", "kid": "k" * 50_000}).encode()).decode()
    for huge in ("A" * 60_000, f"{'A' * 60_000}.{'A' * 60_000}.AAAA", f"{header.rstrip('=')}.e30.AAAA", "." * 60_000):
        assert await code_of(verifier, huge) == "bad_token"
    nested = base64.urlsafe_b64encode(b"[" * 45_000).decode()
    assert await code_of(verifier, f"{nested}.e30.AAAA") == "bad_token"
    assert not verifier._known
    assert not verifier._key_ids


async def test_a_token_of_another_government_is_refused(identity: Identity) -> None:
    verifier = verifier_of(identity)
    header = f"Bearer {identity.token(TENANT)}"
    assert await visitor_of(verifier, header, TENANT)
    for _ in range(2):  # remembered or not
        with pytest.raises(Refused, match="wrong_government") as refusal:
            await visitor_of(verifier, header, UUID(int=2))
        assert refusal.value.status == 401


def test_an_authorization_header_holds_one_bearer_token() -> None:
    assert bearer(None) is bearer("") is None
    for good in ("Bearer a.b.c", "bearer a.b.c", "BEARER  a.b.c "):
        assert bearer(good) == "a.b.c"
    for bad in ("Bearer", "Bearer ", "Basic amFuOnBldGVy", "a.b.c", "Bearer\ta.b.c", " Bearer a.b.c"):
        with pytest.raises(Refused, match="bad_token"):
            bearer(bad)


@given(st.text())
def test_no_header_does_more_than_be_refused(text: str) -> None:
    try:
        token = bearer(text)
    except Refused as refusal:
        assert refusal.status == 401  # noqa: PT017 - either outcome is right
    else:
        assert token is None or token in text


def person(*roles: str, level: int = 1) -> Actor:
    return Actor(UUID(int=5), TENANT, frozenset(roles), level, UUID(int=6), 0.0)


def test_a_refusal_says_what_would_do() -> None:
    check_roles(person("moderator"), ["administrator", "moderator"])
    with pytest.raises(Refused) as refusal:
        check_roles(person("moderator"), ["administrator", "project_manager"])
    assert (refusal.value.status, refusal.value.code) == (403, "forbidden")
    assert refusal.value.facts["missing"] == [{"need": "role", "any_of": ["administrator", "project_manager"]}]
    check_level(person(level=2), 2)
    for level, providers in ((1, ["email"]), (3, [])):
        with pytest.raises(Refused) as refusal:
            check_level(person(level=0), level)
        assert refusal.value.facts["missing"] == [{"need": "level", "gte": level, "providers": providers}]


# Over HTTP


@pytest.fixture
async def client(monkeypatch: pytest.MonkeyPatch, running: Any) -> Client:
    monkeypatch.syspath_prepend(str(Path(__file__).with_name("sample")))
    from sample_service.main import service  # noqa: PLC0415

    made: Service = service
    running_client: Client = await running(made)
    return running_client


def said(answer: Answer) -> tuple[int, Any]:
    return answer.status, answer.json["code"] if answer.status >= 400 else answer.json


async def test_a_visitor_may_be_nobody_and_a_person_may_not(client: Client) -> None:
    someone = uuid4()
    signed_in = client.as_person(someone)
    assert (await client("GET", "/api/v1/visitor")).json["person"] is None
    assert (await signed_in("GET", "/api/v1/visitor")).json["person"] == str(someone)
    anonymous = await client("GET", "/api/v1/person")
    assert said(anonymous) == (401, "not_signed_in")
    assert anonymous.headers["www-authenticate"] == "Bearer"
    assert said(await signed_in("GET", "/api/v1/person")) == (200, str(someone))


async def test_an_office_is_for_those_who_hold_it(client: Client) -> None:
    someone = uuid4()
    assert said(await client("GET", "/api/v1/office")) == (401, "not_signed_in")
    assert said(await client.as_person(someone, "moderator")("GET", "/api/v1/office")) == (403, "forbidden")
    assert said(await client.as_person(someone, "project_manager")("GET", "/api/v1/office")) == (200, str(someone))


async def test_a_bad_token_is_never_an_anonymous_visitor(client: Client) -> None:
    for header in ("Bearer nonsense", "Basic amFuOnBldGVy", f"Bearer {'A' * 30_000}"):
        assert said(await client("GET", "/api/v1/visitor", authorization=header)) == (401, "bad_token")
    ended = client.identity.token(client.tenant, seconds=-60)
    assert said(await client("GET", "/api/v1/visitor", authorization=f"Bearer {ended}")) == (401, "token_expired")
    signed_in = client.as_person(uuid4())
    elsewhere = await signed_in.of(uuid4())("GET", "/api/v1/visitor")
    assert said(elsewhere) == (401, "wrong_government")
