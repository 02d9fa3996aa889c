"""Governments, their people and their polls on a running platform, made fast: no mail for each person, no command."""

import contextlib
import functools
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from chassis.auth import PLATFORM
from chassis.clock import uuid7
from chassis.db import tenant_session
from chassis.resources import Resources
from chassis.service import Service
from identity.actions import signing
from identity.main import service as identity
from identity.models import Person as PersonRow
from identity.rules import signing_key
from sqlalchemy import insert
from tenancy import actions as tenancy_actions
from tenancy.main import service as tenancy

from tests.integration.platform import Answer, Platform, eventually

LIFE = timedelta(hours=2)
LANGUAGES = ("nl", "fr")
EVERYONE = {"nl": "Genoeg gestemd.", "fr": "Le vote est terminé."}


@dataclass(eq=False)
class Person:
    """Somebody with an account and a token."""

    row: PersonRow
    key: signing.PrivateKey
    roles: tuple[str, ...] = ()

    @property
    def id(self) -> UUID:
        return self.row.id

    @property
    def email(self) -> str:
        return self.row.email_norm

    @functools.cached_property
    def token(self) -> str:
        now = datetime.now(UTC)
        return signing.access_token(self.key, self.row, self.roles, uuid7(), now=now, life=LIFE)

    @property
    def bearer(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self.token}"}


@dataclass
class Government:
    """A government: asks go to its own host at the gateway."""

    platform: Platform
    tenant: UUID
    slug: str
    official: Person
    people: Sequence[Person]
    polls: list[str] = field(default_factory=list)

    @property
    def host(self) -> str:
        return f"{self.slug}.localhost"

    async def ask(self, method: str, path: str, json: Any = None, *, by: Person | None = None, **how: Any) -> Answer:
        """A request by somebody or, without `by`, by nobody."""
        headers = how.pop("headers", {}) | (by.bearer if by else {})
        return await self.platform.ask(self.host, method, path, headers=headers, json=json, **how)

    async def must(self, method: str, path: str, json: Any = None, *, by: Person | None = None) -> Any:
        """The JSON of a request that has to succeed."""
        answer = await self.ask(method, path, json, by=by)
        assert answer.status < 400, (method, path, answer.status, answer.body)
        return answer.json if answer.body else None

    async def poll(self, *, rule: str = "single", options: int = 3, seconds: float = 86_400, **facts: Any) -> str:
        """An open poll's id."""
        poll_id = await self.draft(rule=rule, options=options, seconds=seconds, **facts)
        await self.must("POST", f"/api/v1/polls/{poll_id}/schedule", by=self.official)
        return poll_id

    async def draft(self, *, rule: str = "single", options: int = 3, seconds: float = 86_400, **facts: Any) -> str:
        """A draft's id; the poll opens at once, when scheduled, and closes `seconds` later."""
        now = datetime.now(UTC)
        labels = [dict.fromkeys(LANGUAGES, f"{self.slug} {number}") for number in range(1, options + 1)]
        body = {
            "titles": {"nl": f"Vraag van {self.slug}", "fr": f"Question de {self.slug}"},
            "rule": rule,
            "options": [] if rule == "yes_no" else [{"labels": label} for label in labels],
            "opens_at": now.isoformat(),
            "closes_at": (now + timedelta(seconds=seconds)).isoformat(),
        }
        made = await self.must("POST", "/api/v1/polls", body | facts, by=self.official)
        self.polls.append(made["poll_id"])
        return str(made["poll_id"])

    async def close(self, poll_id: str) -> None:
        """Close early."""
        await self.must("POST", f"/api/v1/polls/{poll_id}/close", {"reason": EVERYONE}, by=self.official)

    async def publish(self, poll_id: str) -> dict[str, Any]:
        """Publish a closed poll; gives the result as everybody reads it."""
        await self.must("POST", f"/api/v1/polls/{poll_id}/publish", by=self.official)
        result: dict[str, Any] = await self.must("GET", f"/api/v1/polls/{poll_id}/result")
        return result

    async def counted(self, poll_id: str) -> dict[str, Any]:
        """Close, publish, and give the result."""
        await self.close(poll_id)
        return await self.publish(poll_id)

    async def subscribe(self, person: Person, language: str = "nl") -> None:
        """Let somebody be told of polls by mail, in a language."""
        await self.must("PATCH", "/api/v1/me", {"language": language}, by=person)
        await self.must("PUT", "/api/v1/subscriptions/polls", by=person)

    async def mails(self, person: Person, *, copies: bool = True) -> list[str]:
        """The subjects of somebody's mails, oldest first; without `copies` those of one Message-ID are one mail."""
        mails = list(reversed(await self.platform.mails(person.email)))
        if not copies:
            mails = list({dict(mail["headers"])["Message-ID"]: mail for mail in mails}.values())
        return [mail["subject"] for mail in mails]


class World:
    """Makes governments on a platform."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._key: signing.PrivateKey | None = None

    async def government(self, *, people: int = 0, **facts: Any) -> Government:
        """One government with so many people and an official."""
        (made,) = await self.governments(1, people=people, **facts)
        return made

    async def governments(self, count: int, *, people: int = 0, **facts: Any) -> list[Government]:
        """Governments that every process knows of."""
        slugs = {f"g{uuid4().hex[:10]}": uuid7() for _ in range(count)}
        async with self._resources(tenancy) as held:
            for slug, tenant in slugs.items():
                told = {"kind": "municipality", "slug": slug, "names": dict.fromkeys(LANGUAGES, slug)}
                told |= {"languages": list(LANGUAGES), "hosts": (f"{slug}.localhost",), "colour": "#7a1f3d"}
                async with tenant_session(held.sessions, tenant) as session:
                    await tenancy_actions.register(session, tenant, told | facts, now=datetime.now(UTC))
        for slug, tenant in slugs.items():
            await self.known(slug, tenant)
        return [await self._peopled(slug, tenant, people) for slug, tenant in slugs.items()]

    async def known(self, slug: str, tenant: UUID) -> None:
        """Wait until a government is live: at the gateway, in identity and in notifications."""

        async def at_the_gateway() -> bool:
            answer = await self._platform.ask(f"{slug}.localhost", "GET", "/api/v1/government")
            return answer.status == 200

        async def by_event() -> bool:
            return bool(
                await self._platform.rows("identity", "SELECT 1 FROM governments WHERE id = $1", tenant)
                and await self._platform.rows("notifications", "SELECT 1 FROM governments WHERE tenant_id = $1", tenant)
            )

        await eventually(at_the_gateway, what=f"{slug} at the gateway")
        await eventually(by_event, what=f"{slug} in identity and notifications")

    async def _peopled(self, slug: str, tenant: UUID, count: int) -> Government:
        """The official and the people; identity knows them as it knows everybody who confirmed an address."""
        now = datetime.now(UTC)
        facts: dict[str, Any] = {"tenant_id": tenant, "language": "nl", "level": 1, "version": 1, "created_at": now}
        rows = [
            facts | {"id": uuid7(), "email_norm": f"{name}@{slug}.example"}
            for name in ("official", *(f"person-{number:04d}" for number in range(count)))
        ]
        async with self._resources(identity) as held:
            if self._key is None:
                async with tenant_session(held.sessions, PLATFORM) as session:
                    self._key = signing_key(await signing.read_keys(session), now=now)
            async with tenant_session(held.sessions, tenant) as session:
                await session.execute(insert(PersonRow), rows)
        assert self._key is not None
        official, *people = (Person(PersonRow(**row), self._key) for row in rows)
        official.roles = ("administrator",)
        return Government(self._platform, tenant, slug, official, people)

    @contextlib.asynccontextmanager
    async def _resources(self, service: Service) -> AsyncIterator[Resources]:
        told = {name.removeprefix("INSPRAAK_").lower(): value for name, value in self._told(service).items()}
        held = Resources.of(service.settings_type(**told))
        try:
            yield held
        finally:
            await held.engine.dispose()

    def _told(self, service: Service) -> dict[str, str]:
        fields = {f"INSPRAAK_{name.upper()}" for name in service.settings_type.model_fields}
        plain = self._platform.settings(service.name)
        return {name: value for name, value in plain.items() if name in fields and name != "INSPRAAK_SERVICE_URLS"}
