"""Many votes at once, on a real database: none is lost, none counts twice, none comes in after closing."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
from chassis.auth import Actor
from chassis.clock import utc_now
from chassis.db import tenant_session
from chassis.refusals import Refused
from chassis.resources import Resources
from chassis.testing import Servers
from voting.actions import polls
from voting.actions.votes import BallotBox, CastVote, ballot_box
from voting.schemas import PollIn

VOTERS = 64
TRIALS = 25


def person(tenant: UUID) -> Actor:
    return Actor(uuid4(), tenant, frozenset(), 1, uuid4(), time.time() + 900)


@pytest.fixture
async def boxes(town: Any) -> AsyncIterator[Callable[..., Awaitable[tuple[Resources, BallotBox]]]]:
    """Ballot boxes over the town's database, each as a process of its own would have it."""
    async with AsyncExitStack() as stack:

        async def make(**settings: Any) -> tuple[Resources, BallotBox]:
            held = Resources.of(town.visitor.settings.model_copy(update=settings))
            stack.push_async_callback(held.engine.dispose)
            return held, await stack.enter_async_context(ballot_box(held))

        yield make


async def stored(town: Any, poll_id: str) -> int:
    return int(await town.owner.fetchval("select count(*) from votes where poll_id = $1", UUID(poll_id)))


class Voting:
    """Voters who vote until they are refused, each vote a person of its own."""

    def __init__(self, tenant: UUID, poll_id: UUID, *boxes: BallotBox) -> None:
        self.accepted = 0
        self.refusals: set[str] = set()
        self._changed = asyncio.Event()
        each = VOTERS // len(boxes)
        self._voters = [asyncio.create_task(self._vote(box, tenant, poll_id)) for box in boxes for _ in range(each)]

    async def _vote(self, box: BallotBox, tenant: UUID, poll_id: UUID) -> None:
        try:
            while True:
                await box.cast(person(tenant), poll_id, [random.randint(1, 3)])
                self.accepted += 1
                self._changed.set()
        except Refused as refusal:
            self.refusals.add(refusal.code)

    async def has(self, votes: int) -> None:
        while self.accepted < votes:
            self._changed.clear()
            await self._changed.wait()

    async def over(self) -> None:
        await asyncio.gather(*self._voters)


async def test_closing_under_64_voters_loses_no_accepted_vote_and_accepts_none_after(town: Any, boxes: Any) -> None:
    (held, first), (_, second) = await boxes(), await boxes(vote_batch=8)
    tenant = town.visitor.tenant
    for _ in range(TRIALS):
        poll_id = await town.announced()
        voting = Voting(tenant, UUID(poll_id), first, second)
        await voting.has(random.randint(1, 300))
        async with tenant_session(held.sessions, tenant) as session:
            closed = await polls.close_early(session, UUID(poll_id), reason=town.reason, by=uuid4(), now=utc_now())
        await voting.over()
        assert voting.refusals == {"poll_not_open"}
        assert voting.accepted == closed.ballots == await stored(town, poll_id)


async def test_a_poll_that_the_clock_closes_under_64_voters_counts_every_accepted_vote(town: Any, boxes: Any) -> None:
    (held, first), (_, second) = await boxes(), await boxes()
    tenant = town.visitor.tenant
    for _ in range(3):
        poll_id = await town.announced()
        voting = Voting(tenant, UUID(poll_id), first, second)
        await voting.has(50)
        await town.move(poll_id, closes=0.3)
        await voting.over()  # refused by the clock alone: nothing has closed the poll
        assert voting.refusals == {"poll_not_open"}
        async with tenant_session(held.sessions, tenant) as session:
            published = await polls.publish(session, UUID(poll_id), by=uuid4(), now=utc_now())
        assert voting.accepted == published.ballots == await stored(town, poll_id)


async def test_one_voter_from_200_connections_has_one_vote(town: Any) -> None:
    poll_id, voter = await town.announced(), town.voter()
    answers = await asyncio.gather(*(town.vote(poll_id, number % 3 + 1, voter=voter) for number in range(200)))
    assert {answer.status for answer in answers} == {200}
    assert await stored(town, poll_id) == 1
    assert (await town.act(poll_id, "close", {"reason": town.reason})).json["ballots"] == 1


async def test_one_voter_in_two_processes_has_one_vote(town: Any, boxes: Any) -> None:
    poll_id, voter = await town.announced(), person(town.visitor.tenant)
    made = [box for _, box in (await boxes(), await boxes())]
    for _ in range(20):
        await asyncio.gather(*(box.cast(voter, UUID(poll_id), [number]) for box in made for number in (1, 2, 3)))
    assert await stored(town, poll_id) == 1


async def test_one_bad_row_in_a_batch_fails_alone(town: Any, boxes: Any) -> None:
    poll_id, tenant = await town.announced(), town.visitor.tenant
    _, box = await boxes(vote_writers=1)
    await box.cast(person(tenant), UUID(poll_id), [1])  # the terms are known: what follows waits for one batch
    good = [CastVote(tenant, UUID(poll_id), uuid4().bytes * 2, "[1]") for _ in range(40)]
    bad = [replace(good[0], voter=b"short"), replace(good[1], voter=b"x" * 32, ballot='{"no": "array"}')]
    outcomes = await asyncio.gather(*(box.batcher.put(row) for row in (*good, *bad)), return_exceptions=True)
    assert outcomes[:40] == [None] * 40
    assert [type(outcome) for outcome in outcomes[40:]] == [asyncpg.CheckViolationError] * 2
    assert await stored(town, poll_id) == 41


async def test_a_batch_holds_votes_of_many_governments_and_refuses_those_of_closed_polls(town: Any, boxes: Any) -> None:
    held, box = await boxes(vote_writers=1)
    made = {}
    for number in range(64):
        tenant = uuid4()
        async with tenant_session(held.sessions, tenant) as session:
            facts = PollIn.model_validate(town.body | town.window()).model_dump()
            poll = await polls.create(session, facts, by=uuid4(), now=utc_now())
            await polls.schedule(session, poll.id, by=uuid4(), now=utc_now())
            if number % 8 == 0:
                await polls.cancel(session, poll.id, reason=town.reason, by=uuid4(), now=utc_now())
        made[tenant] = poll.id
    ballots = [(tenant, poll_id) for tenant, poll_id in made.items() for _ in range(4)]
    random.shuffle(ballots)
    casts = (box.cast(person(tenant), poll_id, [1]) for tenant, poll_id in ballots)
    outcomes = await asyncio.gather(*casts, return_exceptions=True)
    refused = [getattr(outcome, "code", None) for outcome in outcomes].count("poll_not_open")
    assert refused == 8 * 4
    rows = await town.owner.fetch("select tenant_id, poll_id, count(*) as votes from votes group by 1, 2")
    assert {(row["tenant_id"], row["poll_id"]) for row in rows} <= set(made.items())
    assert [row["votes"] for row in rows] == [4] * 56


async def test_a_database_that_hangs_up_is_found_again(town: Any, boxes: Any, servers: Servers) -> None:
    poll_id = await town.announced()
    _, box = await boxes()
    await box.cast(person(town.visitor.tenant), UUID(poll_id), [1])
    admin = await asyncpg.connect(servers.postgres_url)
    hang_up = "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'voting' and datname = $1"
    await admin.fetch(hang_up, await town.owner.fetchval("select current_database()"))
    await admin.close()
    refusals = set()
    async with asyncio.timeout(20):
        while await stored(town, poll_id) < 2:
            try:
                await box.cast(person(town.visitor.tenant), UUID(poll_id), [1])
            except Refused as refusal:
                refusals.add((refusal.status, refusal.code))
    assert refusals <= {(503, "database_unavailable")}


async def test_too_many_waiting_votes_are_sent_away_at_once(town: Any, boxes: Any) -> None:
    poll_id = await town.announced()
    _, box = await boxes(vote_queue=8)
    await box.cast(person(town.visitor.tenant), UUID(poll_id), [1])
    casts = (box.cast(person(town.visitor.tenant), UUID(poll_id), [1]) for _ in range(50))
    outcomes = await asyncio.gather(*casts, return_exceptions=True)
    shed = [outcome for outcome in outcomes if isinstance(outcome, Refused)]
    assert {(refusal.status, refusal.code) for refusal in shed} == {(503, "overloaded")}
    assert await stored(town, poll_id) == 1 + len(outcomes) - len(shed)


async def test_what_was_put_in_is_written_before_the_box_goes_away(town: Any) -> None:
    poll_id = await town.announced()
    held = Resources.of(town.visitor.settings)
    async with ballot_box(held) as box:
        await box.cast(person(town.visitor.tenant), UUID(poll_id), [1])
        casts = [asyncio.create_task(box.cast(person(town.visitor.tenant), UUID(poll_id), [1])) for _ in range(50)]
        await asyncio.sleep(0)
    await asyncio.gather(*casts)
    await held.engine.dispose()
    assert await stored(town, poll_id) == 51
