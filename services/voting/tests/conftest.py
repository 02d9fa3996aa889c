from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import orjson
import pytest
from chassis.testing import INTERNAL_KEY, Answer, Client
from contracts.voting import OfficialActed
from voting.main import service
from voting.recent import RECENT

POLL = {
    "titles": {"nl": "Waar komt het plein?", "en": "Where will the square be?"},
    "descriptions": {"nl": "Drie plaatsen."},
    "rule": "single",
    "options": [{"labels": {"nl": name}} for name in ("Markt", "Kaai", "Park")],
}
REASON = {"nl": "Het stemlokaal was gesloten.", "en": "The polling place was closed."}


@dataclass
class Town:
    """A government's voting service: an official, visitors, voters, and the database behind it all."""

    visitor: Client
    official: Client
    owner: asyncpg.Connection

    body = POLL
    reason = REASON

    @staticmethod
    def moment(**from_now: float) -> str:
        """An aware ISO time so far from now."""
        return (datetime.now(UTC) + timedelta(**from_now)).isoformat()

    def window(self, *, opens: float = -60, closes: float = 3600) -> dict[str, str]:
        """Opening and closing times, in seconds from now."""
        return {"opens_at": self.moment(seconds=opens), "closes_at": self.moment(seconds=closes)}

    async def move(self, poll_id: str, *, opens: float | None = None, closes: float | None = None) -> None:
        """Let time pass for a poll: its times are now so many seconds from now."""
        for column, seconds in (("closes_at", closes), ("opens_at", opens)):
            if seconds is not None:
                when = datetime.now(UTC) + timedelta(seconds=seconds)
                await self.owner.execute(f"update polls set {column} = $1 where id = $2", when, UUID(poll_id))  # noqa: S608
        RECENT.clear()  # the clock was moved behind the service's back

    @property
    def gateway_headers(self) -> dict[str, str]:
        """What the gateway adds, for a request whose body is no JSON."""
        return {"x-inspraak-key": INTERNAL_KEY, "x-inspraak-tenant": str(self.visitor.tenant)}

    def voter(self, person: UUID | None = None) -> Client:
        return self.visitor.as_person(person)

    async def draft(self, **facts: Any) -> str:
        made = await self.official("POST", "/api/v1/polls", POLL | self.window() | facts)
        assert made.status == 201, made.json
        return str(made.json["poll_id"])

    async def announced(self, **facts: Any) -> str:
        poll_id = await self.draft(**facts)
        answer = await self.act(poll_id, "schedule")
        assert answer.status == 200, answer.json
        return poll_id

    async def act(self, poll_id: str, action: str, body: Any = None) -> Answer:
        return await self.official("POST", f"/api/v1/polls/{poll_id}/{action}", body)

    async def poll(self, poll_id: str, client: Client | None = None) -> Answer:
        return await (client or self.visitor)("GET", f"/api/v1/polls/{poll_id}")

    async def vote(self, poll_id: str, *choices: Any, voter: Client | None = None) -> Answer:
        return await (voter or self.voter())("PUT", f"/api/v1/polls/{poll_id}/vote", {"choices": list(choices)})

    async def messages(self) -> list[dict[str, Any]]:
        """What was told to other services of polls, as it will travel."""
        return [message for message in await self._told() if message["type"] != OfficialActed.type]

    async def acted(self) -> list[dict[str, Any]]:
        """What was told of officials, for the audit trail."""
        return [message["data"] for message in await self._told() if message["type"] == OfficialActed.type]

    async def _told(self) -> list[dict[str, Any]]:
        rows = await self.owner.fetch("select body from outbox where tenant = $1 order by id", self.visitor.tenant)
        return [orjson.loads(row["body"]) for row in rows]

    async def events(self) -> list[str]:
        return [message["type"].split(".")[1] for message in await self.messages()]

    async def closed(self, *votes: list[Any], **facts: Any) -> str:
        """A poll with these votes that was closed early."""
        poll_id = await self.announced(**facts)
        for choices in votes:
            cast = await self.vote(poll_id, *choices)
            assert cast.status == 200, cast.json
        answer = await self.act(poll_id, "close", {"reason": REASON})
        assert answer.status == 200, answer.json
        return poll_id

    async def published(self, *votes: list[Any], **facts: Any) -> str:
        poll_id = await self.closed(*votes, **facts)
        assert (await self.act(poll_id, "publish")).status == 200
        return poll_id


@pytest.fixture
async def town(running: Callable[..., Awaitable[Client]]) -> AsyncIterator[Town]:
    client = await running(service)
    owner = await asyncpg.connect(str(client.settings.migration_database_url).replace("+asyncpg", ""))
    yield Town(client, client.as_person(uuid4(), "project_manager"), owner)
    await owner.close()
