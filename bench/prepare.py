"""Makes the world that the load needs: governments, people with tokens and sealed cookies, open polls."""

import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import aiohttp
from chassis.auth import PLATFORM
from chassis.clock import uuid7
from chassis.db import tenant_session
from chassis.resources import Resources
from chassis.settings import key_bytes
from identity import queries
from identity.actions import demo, signing
from identity.main import service as identity
from identity.rules import signing_key
from tenancy import actions as tenancy_actions
from tenancy.main import service as tenancy
from web.seal import Sealer
from web.session import KIND
from web.settings import Settings as WebSettings

LIFE = timedelta(hours=2)
KNOWN_WITHIN = 60.0


@dataclass(frozen=True)
class Government:
    """A government of the bench: where it is and the polls that are open in it."""

    tenant: UUID
    host: str
    polls: list[str]
    people: Path


@contextmanager
def environment(settings: Mapping[str, str]) -> Iterator[None]:
    """A service's settings for the length of a block."""
    before = dict(os.environ)
    os.environ.update(settings)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


class World:
    """Prepares governments on a running stack; `settings` are those of each process by name."""

    def __init__(self, settings: Mapping[str, Mapping[str, str]], gateway: str, folder: Path) -> None:
        self._settings, self._gateway, self._folder = settings, gateway, folder
        self._port = gateway.rpartition(":")[2]

    async def governments(self, slugs: list[str], *, people: int, polls: int) -> list[Government]:
        """Governments with `people` each and `polls` open yes/no polls each; one file of people a government."""
        made = await self._register(slugs)
        found: list[Government] = []
        async with aiohttp.ClientSession() as http:
            for slug, tenant in made.items():
                host = f"{slug}.localhost:{self._port}"
                official, tokens = await self._people(tenant, people)
                numbers = [await self._poll(http, host, official, number) for number in range(polls)]
                file = self._folder / f"{slug}.people"
                file.write_text(self._lines(tenant, host, tokens, numbers))
                found.append(Government(tenant, host, numbers, file))
        return found

    async def _register(self, slugs: list[str]) -> dict[str, UUID]:
        with environment(self._settings["tenancy"]):
            held = Resources.of(tenancy.settings_type())
        made: dict[str, UUID] = {}
        for slug in slugs:
            tenant = uuid7()
            facts: dict[str, Any] = {"kind": "municipality", "slug": slug, "names": {"nl": slug}, "languages": ["nl"]}
            facts |= {"hosts": (f"{slug}.localhost",), "colour": "#7a1f3d"}
            async with tenant_session(held.sessions, tenant) as session:
                await tenancy_actions.register(session, tenant, facts, now=datetime.now(UTC))
            made[slug] = tenant
        await held.engine.dispose()
        return made

    async def _people(self, tenant: UUID, count: int) -> tuple[str, list[str]]:
        """An official's token and the tokens of `count` people."""
        with environment(self._settings["identity"]):
            held = Resources.of(identity.settings_type())
        now = datetime.now(UTC)
        deadline = time.monotonic() + KNOWN_WITHIN
        async with tenant_session(held.sessions, PLATFORM) as session:
            key = signing_key(await signing.read_keys(session), now=now)
        if key is None:
            raise RuntimeError("identity has no signing key")
        while True:
            async with tenant_session(held.sessions, tenant) as session:
                if await queries.government_of(session) is not None:
                    people = await demo.make_people(session, count, now=now)
                    break
            if time.monotonic() > deadline:
                raise RuntimeError(f"identity does not know {tenant} after {KNOWN_WITHIN:.0f} s")
        official = signing.access_token(key, people[0], ("administrator",), uuid7(), now=now, life=LIFE)
        tokens = list(demo.tokens_of(people, key, now=now, life=LIFE))
        await held.engine.dispose()
        return official, tokens

    async def _poll(self, http: aiohttp.ClientSession, host: str, official: str, number: int) -> str:
        now = datetime.now(UTC)
        body = {"titles": {"nl": f"Vraag {number + 1}"}, "rule": "yes_no", "opens_at": now.isoformat()}
        body |= {"closes_at": (now + timedelta(days=1)).isoformat()}
        headers = {"host": host, "authorization": f"Bearer {official}"}
        url = f"{self._gateway}/api/v1/polls"
        deadline = time.monotonic() + KNOWN_WITHIN
        while True:
            async with http.post(url, json=body, headers=headers) as answer:
                if answer.status == 201:
                    poll_id = str((await answer.json())["poll_id"])
                    break
                said = f"{answer.status} {await answer.text()}"
            if time.monotonic() > deadline:
                raise RuntimeError(f"a poll could not be made: {said}")
        async with http.post(f"{url}/{poll_id}/schedule", headers=headers) as answer:
            answer.raise_for_status()
        return poll_id

    def _lines(self, tenant: UUID, host: str, tokens: list[str], polls: list[str]) -> str:
        with environment(self._settings["web"]):
            sealer = Sealer([key_bytes(WebSettings().session_key)])
        expires = time.time() + LIFE.total_seconds()
        lines = []
        for number, token in enumerate(tokens):
            session = [f"{number:016x}", token, "never-used", expires]
            cookie = sealer.seal(KIND, tenant, session, seconds=int(LIFE.total_seconds()))
            person = {"host": host, "token": token, "polls": polls, "poll": polls[-1], "cookie": cookie}
            lines.append(json.dumps(person))
        return "\n".join(lines) + "\n"
