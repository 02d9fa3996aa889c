"""Casting and withdrawing votes. Casting is the hot path: votes that arrive together are written together."""

import asyncio
import hmac
from collections import OrderedDict
from collections.abc import AsyncIterator, Hashable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg
import orjson
from chassis import telemetry
from chassis.auth import Actor, check_level
from chassis.batch import Batcher
from chassis.db import tenant_of, tenant_session
from chassis.errors import unavailable
from chassis.keys import DestroyedKeyError, Keyring
from chassis.refusals import Refused
from chassis.resources import Resources, resources_of
from prometheus_client import Counter
from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncSession

from voting import queries
from voting.actions.polls import KEY
from voting.models import Vote
from voting.rules.ballots import Ballot, ballot_to_json, check_choices
from voting.rules.terms import Terms

TERMS_KEPT = 10_000
WRITE_SECONDS = 5.0
MOST_ATTRIBUTABLE = 500  # polls of a government that are running or ended within a month
CAST = "SELECT cast_votes($1, $2, $3, $4, $5, $6)"  # migrations/versions/0001_first.py says how
ACCEPTED = Counter("voting_ballots_accepted", "Votes that were stored, changed votes included")
REJECTED = Counter("voting_ballots_rejected", "Votes that were refused, by the code of the refusal", ("reason",))


@dataclass(frozen=True, slots=True)
class CastVote:
    """A vote on its way to the database. `ballot` is JSON; `key` sorts as PostgreSQL sorts the primary key."""

    tenant: UUID
    poll: UUID
    voter: bytes
    ballot: str

    @property
    def key(self) -> Hashable:
        return self.tenant.bytes + self.poll.bytes + self.voter


@dataclass(frozen=True, slots=True)
class _Known:
    """What does not change of a poll once it was announced."""

    terms: Terms
    level: int


class BallotBox:
    """Takes the votes of a process: checks them against the frozen terms, writes them in batches."""

    def __init__(self, held: Resources, pool: "asyncpg.Pool[Any]") -> None:
        settings = held.settings
        self._sessions = held.sessions
        self._keyring: Keyring = held.keyring
        self._pool = pool
        self._known: OrderedDict[tuple[UUID, UUID], _Known] = OrderedDict()
        self._learning: dict[tuple[UUID, UUID], asyncio.Task[tuple[_Known, bytes]]] = {}
        self.batcher: Batcher[CastVote] = Batcher(
            "votes",
            self._write,
            most=settings.vote_batch,
            queue=settings.vote_queue,
            writers=settings.vote_writers,
        )

    async def cast(self, person: Actor, poll_id: UUID, choices: object) -> Ballot:
        """Store a person's vote, in place of the one they cast before; returns once it is committed.

        Refused: 404 `not_found`, 403 `forbidden`, `poll_not_open`, 503 `overloaded` or `database_unavailable`, and as
        `rules.ballots.check_choices`.
        """
        try:
            ballot = await self._cast(person, poll_id, choices)
        except Refused as refusal:
            REJECTED.labels(refusal.code).inc()
            raise
        ACCEPTED.inc()
        return ballot

    async def _cast(self, person: Actor, poll_id: UUID, choices: object) -> Ballot:
        tenant = person.tenant_id
        telemetry.about(poll_id=poll_id)
        known = self._known.get((tenant, poll_id))
        key = self._keyring.cached(tenant, KEY, poll_id)
        if known is None or key is None:
            known, key = await self._learn_once(tenant, poll_id)
        check_level(person, known.level)
        ballot = check_choices(known.terms, choices)
        await self.batcher.put(
            CastVote(tenant, poll_id, voter_of(key, person.person_id), orjson.dumps(ballot_to_json(ballot)).decode())
        )
        return ballot

    async def _learn_once(self, tenant: UUID, poll_id: UUID) -> tuple[_Known, bytes]:
        """Learn of a poll; all who ask at the same time share one answer."""
        name = (tenant, poll_id)
        learning = self._learning.get(name)
        if learning is None:
            learning = self._learning[name] = asyncio.create_task(self._learn(tenant, poll_id))
            learning.add_done_callback(lambda _: self._learning.pop(name))
        return await asyncio.shield(learning)

    async def _learn(self, tenant: UUID, poll_id: UUID) -> tuple[_Known, bytes]:
        """Read what is frozen of a poll, and its key."""
        async with tenant_session(self._sessions, tenant) as session:
            poll = await queries.visible_poll(session, poll_id, drafts=False)
            key = await key_of(session, poll_id)
            known = _Known(poll.terms, poll.level)
        self._known[tenant, poll_id] = known
        if len(self._known) > TERMS_KEPT:
            self._known.popitem(last=False)
        return known, key

    async def _write(self, votes: Sequence[CastVote]) -> list[Refused | None]:
        """Write votes of any number of governments in one statement, which is one transaction."""
        places: dict[tuple[UUID, UUID], int] = {}
        of_votes = [places.setdefault((vote.tenant, vote.poll), len(places) + 1) for vote in votes]
        tenants, polls = [tenant for tenant, _ in places], [poll for _, poll in places]
        arguments = (
            ",".join(map(str, dict.fromkeys(tenants))),
            tenants,
            polls,
            of_votes,
            [vote.voter for vote in votes],
            [vote.ballot for vote in votes],
        )
        try:
            taking = await self._send(*arguments)
        except Exception as error:
            if unavailable(error):
                raise Refused("database_unavailable", status=503) from error
            raise  # what one vote is to blame for, the batcher finds by trying again with halves
        return [None if place in taking else Refused("poll_not_open") for place in of_votes]

    async def _send(self, *arguments: Any) -> frozenset[int]:
        """The places of the polls that took their votes; a connection that failed is not used again."""
        async with self._pool.acquire(timeout=WRITE_SECONDS) as connection:
            try:
                return frozenset(row[0] for row in await connection.fetch(CAST, *arguments))
            except Exception as error:
                if unavailable(error):
                    connection.terminate()
                raise


@asynccontextmanager
async def ballot_box(held: Resources) -> AsyncIterator[BallotBox]:
    """A ballot box with connections of its own; at the end what was put in is written first."""
    url = held.settings.required("database_url").replace("+asyncpg", "")
    async with asyncpg.create_pool(
        url,
        min_size=0,
        max_size=held.settings.vote_writers,
        max_inactive_connection_lifetime=0,
        timeout=WRITE_SECONDS,
        command_timeout=WRITE_SECONDS,
        reset=_nothing_to_reset,
        server_settings={"application_name": "voting: ballot box"},
    ) as pool:
        box = BallotBox(held, pool)
        yield box
        await box.batcher.drain()


async def _nothing_to_reset(_: object) -> None:
    """Each use of a connection is one statement in a transaction of its own, which leaves nothing behind."""


def voter_of(key: bytes, person_id: UUID) -> bytes:
    """The voter that a person is in one poll: nobody without the poll's key can tell who that is (RFC 2104)."""
    return hmac.digest(key, person_id.bytes, "sha256")


async def key_of(session: AsyncSession, poll_id: UUID) -> bytes:
    """A poll's key. Refused: `votes_anonymised` when it was destroyed."""
    try:
        return await resources_of(session).keyring.get(session, KEY, poll_id)
    except DestroyedKeyError as error:
        raise Refused("votes_anonymised") from error


async def withdraw(session: AsyncSession, person: Actor, poll_id: UUID) -> None:
    """Take a person's vote back, if there is one. Refused: 404 `not_found`, `poll_not_open`."""
    await queries.visible_poll(session, poll_id, drafts=False)
    if not await queries.lock_against_closing(session, poll_id):
        raise Refused("poll_not_open")
    voter = voter_of(await key_of(session, poll_id), person.person_id)
    # A statement, not a row that was read: withdrawn twice at once, the second finds nothing and that is well.
    mine = (Vote.tenant_id == tenant_of(session), Vote.poll_id == poll_id, Vote.voter == voter)
    await session.execute(delete(Vote).where(*mine))


async def own_vote(session: AsyncSession, person: Actor, poll_id: UUID) -> Vote | None:
    """A person's vote. Refused: `votes_anonymised`."""
    return await queries.vote(session, poll_id, voter_of(await key_of(session, poll_id), person.person_id))


async def voters_of(session: AsyncSession, person: Actor) -> dict[UUID, bytes]:
    """Who a person is in each poll whose votes are not anonymous yet: the newest such polls, so many at the most."""
    keys = await resources_of(session).keyring.living(session, KEY, most=MOST_ATTRIBUTABLE)
    return {UUID(poll_id): voter_of(key, person.person_id) for poll_id, key in keys.items()}
