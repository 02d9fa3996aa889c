"""Identity over a real database, a real mail server, and tokens checked as other services check them."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any
from uuid import UUID

import pytest
from aiohttp import ClientSession
from aiosmtpd.smtp import SMTP
from chassis.auth import PLATFORM, Actor, TokenVerifier
from chassis.clock import utc_now
from chassis.db import tenant_session
from chassis.resources import Resources
from chassis.testing import Answer, Client, serving
from contracts.tenancy import GovernmentRegistered
from identity.actions.governments import copy_government
from identity.actions.signing import PrivateKey, read_keys
from identity.main import service
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

HERE = "198.51.100.7"
SIGN_IN = "/api/v1/sign-in"


@dataclass
class Mailbox:
    """A mail server that keeps what it takes. `reply` is what it says to each mail."""

    url: str = ""
    reply: str = "250 OK"
    mails: list[EmailMessage] = field(default_factory=list)

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        if self.reply.startswith("250"):
            message = message_from_bytes(envelope.content, policy=policy.default)
            assert isinstance(message, EmailMessage)
            self.mails.append(message)
        return self.reply


@pytest.fixture
async def mailbox() -> AsyncIterator[Mailbox]:
    box = Mailbox()
    server = await asyncio.get_running_loop().create_server(lambda: SMTP(box, hostname="test"), "127.0.0.1", 0)
    box.url = f"smtp://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    yield box
    server.close()
    await server.wait_closed()


@dataclass
class World:
    """A running identity service of one government, its database, its mails."""

    client: Client
    held: Resources
    mailbox: Mailbox

    @property
    def tenant(self) -> UUID:
        return self.client.tenant

    def session(self, tenant: UUID | None = None) -> Any:
        """A session for a government, this one if none is named."""
        return tenant_session(self.held.sessions, tenant or self.tenant)

    async def run_timers(self, now: datetime | None = None) -> None:
        """Do what a worker would do until now."""
        while await service.timers.run_next(self.held.sessions, now or utc_now()):
            pass

    async def ask(self, email: str, *, language: str = "nl", client: Client | None = None, address: str = HERE) -> str:
        """Ask for a code, from a client's address; the handle."""
        asked = {"email": email, "language": language}
        answer = await (client or self.client)("POST", "/api/v1/sign-in/codes", asked, x_inspraak_client=address)
        assert answer.status == 202, answer
        handle: str = answer.json["handle"]
        return handle

    async def code_for(self, email: str, **how: Any) -> dict[str, str]:
        """Ask for a code, let it be mailed, read it; the body that signs in with it."""
        handle = await self.ask(email, **how)
        await self.run_timers()
        return {"handle": handle, "code": self.newest_code()}

    async def sign_in(self, email: str, client: Client | None = None) -> dict[str, Any]:
        """Sign in by code; the tokens."""
        client = client or self.client
        answer = await client("POST", SIGN_IN, await self.code_for(email, client=client))
        assert answer.status == 200, answer
        tokens: dict[str, Any] = answer.json
        return tokens

    async def actor(self, access_token: str) -> Actor:
        """Who a token speaks of, as another service reads it."""
        return await TokenVerifier(f"{self.client.base}/.well-known/jwks.json").verify(access_token)

    async def refresh(self, refresh_token: str) -> Answer:
        return await self.client("POST", "/api/v1/sign-in/refresh", {"refresh_token": refresh_token})

    def bearer(self, access_token: str) -> Client:
        """The service asked by the holder of this token."""
        headers = {"authorization": f"Bearer {access_token}"}
        return replace(self.client, headers=headers)

    async def signed_in(self, email: str) -> Client:
        """The service asked by somebody who has just signed in."""
        return self.bearer((await self.sign_in(email))["access_token"])

    async def tell_of_government(self, tenant: UUID, slug: str, *, sequence: int = 1, **facts: Any) -> None:
        """As if tenancy's event had arrived."""
        state = {"kind": "municipality", "slug": slug, "names": {"nl": "Leuven", "fr": "Louvain"}}
        state |= {"hosts": [f"{slug}.localhost"], "colour": "#7a1f3d", "languages": ["nl", "fr"]} | facts
        event = GovernmentRegistered.model_validate(state | {"government_id": tenant})
        async with self.session(tenant) as session:
            await copy_government(session, event, sequence=sequence, now=utc_now())

    async def access_key(self) -> PrivateKey:
        """The key that signs access tokens."""
        async with self.session(PLATFORM) as session:
            return (await read_keys(session))[0]

    def newest_code(self) -> str:
        """The code in the last mail."""
        found = re.match(r"(\d{6}) ", self.mailbox.mails[-1]["Subject"])
        assert found, self.mailbox.mails[-1]["Subject"]
        return found.group(1)

    async def guess(self, body: dict[str, str], client: Client | None = None) -> Answer:
        """Try a handle and a code."""
        return await (client or self.client)("POST", SIGN_IN, body)

    @staticmethod
    def wrong(body: dict[str, str], by: int = 1) -> dict[str, str]:
        """The same handle with a code that is not its own."""
        return body | {"code": f"{(int(body['code']) + by) % 10**6:06d}"}


@pytest.fixture
async def world(running: Callable[..., Awaitable[Client]], mailbox: Mailbox) -> AsyncIterator[World]:
    async with own_keys() as (url, asks):
        client = await running(service, smtp_url=mailbox.url, identity_url=url)
        asks.append(client.base)
        held = Resources.of(client.settings)
        made = World(client, held, mailbox)
        await made.tell_of_government(made.tenant, "leuven")
        yield made
        await held.engine.dispose()


@asynccontextmanager
async def own_keys() -> AsyncIterator[tuple[str, list[str]]]:
    """An address for identity's public keys that is known before identity runs: it asks the last of the list."""
    asks: list[str] = []

    async def pass_on(request: Request) -> Response:
        async with ClientSession() as http, http.get(asks[-1] + request.url.path) as answer:
            return Response(await answer.read(), answer.status, media_type="application/json")

    app = Starlette(routes=[Route("/.well-known/jwks.json", pass_on)])
    async with serving(app) as url:
        yield url, asks
