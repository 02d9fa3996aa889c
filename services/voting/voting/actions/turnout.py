"""How many ballots a poll has: counted when somebody asks, never when somebody votes (ADR 10)."""

import asyncio
import math
import time
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from chassis.db import tenant_session
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from voting import queries
from voting.rules import lifecycle

SECONDS = 30.0
MOST = 10_000
Key = tuple[UUID, UUID]  # tenant, poll


@dataclass(frozen=True, slots=True)
class Turnout:
    """All ballots at an instant, blank ones included; final after closing. `closes_at`: while the poll is open."""

    ballots: int
    at: datetime
    closes_at: datetime | None = None


class Turnouts:
    """The turnouts that a process knows: each is counted at most once in 30 seconds, for all who ask together."""

    def __init__(self, sessions: async_sessionmaker[AsyncSession]) -> None:
        self._sessions = sessions
        self._known: OrderedDict[Key, tuple[float, Turnout]] = OrderedDict()
        self._counting: dict[Key, asyncio.Task[Turnout]] = {}

    async def of(self, tenant: UUID, poll_id: UUID) -> Turnout:
        """The turnout of a poll that has opened. Refused: 404 `not_found`, `poll_not_begun`."""
        key = (tenant, poll_id)
        known = self._known.get(key)
        if known is not None and known[0] > time.monotonic():
            return known[1]
        counting = self._counting.get(key)
        if counting is None:
            counting = self._counting[key] = asyncio.create_task(self._count(key))
            counting.add_done_callback(lambda _: self._counting.pop(key))
        return await asyncio.shield(counting)  # who hangs up keeps nobody else from the answer

    async def _count(self, key: Key) -> Turnout:
        async with tenant_session(self._sessions, key[0]) as session:
            poll = await queries.visible_poll(session, key[1], drafts=False)
            now = await queries.clock(session)
            lifecycle.check_begun(poll.terms, now)
            if poll.ballots is not None and poll.closes_at is not None:
                turnout = Turnout(poll.ballots, poll.closes_at)
            else:
                closes_at = poll.closes_at if poll.closes_at and poll.closes_at > now else None
                turnout = Turnout(await queries.count_votes(session, poll.id), now, closes_at)
        left = (turnout.closes_at - now).total_seconds() if turnout.closes_at else math.inf
        self._known[key] = time.monotonic() + min(SECONDS, left), turnout
        self._known.move_to_end(key)
        if len(self._known) > MOST:
            self._known.popitem(last=False)
        return turnout
