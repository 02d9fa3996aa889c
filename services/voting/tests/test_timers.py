"""What the clock does to polls: timers on the real worker, facts on the real bus."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import aio_pika
import orjson
import pytest
from aio_pika.abc import AbstractIncomingMessage
from chassis.bus import EVENTS, UNROUTED
from chassis.clock import utc_now
from chassis.db import tenant_session
from chassis.resources import Resources
from chassis.worker import Worker
from contracts.voting import OfficialActed
from voting.actions import polls
from voting.main import service


@pytest.fixture
async def held(town: Any) -> AsyncIterator[Resources]:
    resources = Resources.of(town.visitor.settings)
    yield resources
    await resources.engine.dispose()


@pytest.fixture
async def worker(held: Resources) -> AsyncIterator[Worker]:
    async with Worker("voting", held.settings, held.sessions, service.handlers, service.timers) as running:
        yield running


@pytest.fixture
async def bus(town: Any) -> AsyncIterator[Any]:
    """What voting tells on the bus about this government's polls, event by event."""
    connection = await aio_pika.connect(str(town.visitor.settings.amqp_url))
    channel = await connection.channel()
    queue = await channel.declare_queue(exclusive=True)
    exchange = await channel.declare_exchange(EVENTS, "topic", durable=True, arguments={"alternate-exchange": UNROUTED})
    await queue.bind(exchange, "voting.#")
    heard: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    async def hear(message: AbstractIncomingMessage) -> None:
        event = orjson.loads(message.body)
        if event["tenant"] == str(town.visitor.tenant) and event["type"] != OfficialActed.type:
            heard.put_nowait(event)

    await queue.consume(hear, no_ack=True)

    async def told() -> dict[str, Any]:
        async with asyncio.timeout(30):
            return await heard.get()

    yield told
    await connection.close()


async def status_in_the_table(town: Any, poll_id: str) -> str:
    return str(await town.owner.fetchval("select status from polls where id = $1", UUID(poll_id)))


async def timers_of(town: Any, poll_id: str) -> set[str]:
    return {row["kind"] for row in await town.owner.fetch("select kind from due where subject = $1", UUID(poll_id))}


async def test_the_worker_opens_closes_and_counts_and_the_others_hear_of_it(
    town: Any, worker: Worker, bus: Any
) -> None:
    poll_id = await town.announced(**town.window(opens=1.5, closes=3600))
    assert (await bus())["type"] == "voting.poll_scheduled.v1"
    opened = await bus()
    assert (opened["type"], opened["data"]["status"], opened["subject"]) == ("voting.poll_opened.v1", "open", poll_id)
    await town.vote(poll_id, 2)
    await town.act(poll_id, "extend", {"closes_at": town.moment(hours=2), "reason": town.reason})
    assert (await bus())["type"] == "voting.poll_changed.v1"
    await town.move(poll_id, closes=-0.01)
    await town.owner.execute("update due set due_at = now() where kind = 'close_poll'")
    closed = await bus()
    assert (closed["type"], closed["data"]["ballots"]) == ("voting.poll_closed.v1", 1)
    await town.act(poll_id, "publish")
    published = await bus()
    assert (published["type"], published["data"]["winners"]) == ("voting.result_published.v1", [2])
    assert opened["sequence"] < closed["sequence"] < published["sequence"]
    await worker.check()


async def test_a_worker_that_was_away_all_the_time_closes_and_counts_when_it_returns(
    town: Any, held: Resources
) -> None:
    poll_id = await town.announced(**town.window(opens=3600, closes=7200))
    later = utc_now() + timedelta(hours=3)
    await town.move(poll_id, opens=-10)
    assert (await town.vote(poll_id, 1)).status == 200  # it opened without a worker
    while await service.timers.run_next(held.sessions, later):
        pass
    assert await status_in_the_table(town, poll_id) == "closed"
    assert await town.events() == ["poll_scheduled", "poll_closed"]  # who missed the opening is not told of it too late
    assert (await town.poll(poll_id)).json["ballots"] == 1


async def test_an_opening_that_is_late_but_in_time_is_told(town: Any, held: Resources) -> None:
    poll_id = await town.announced(**town.window(opens=3600, closes=7200))
    await town.move(poll_id, opens=-10)
    while await service.timers.run_next(held.sessions, utc_now() + timedelta(hours=1, seconds=1)):
        pass
    assert await status_in_the_table(town, poll_id) == "open"
    assert await town.events() == ["poll_scheduled", "poll_opened"]
    assert await timers_of(town, poll_id) == {"close_poll"}


async def test_an_extended_poll_is_not_closed_at_its_first_time(town: Any, held: Resources) -> None:
    poll_id = await town.announced()
    await town.act(poll_id, "extend", {"closes_at": town.moment(hours=5), "reason": town.reason})
    assert await service.timers.run_next(held.sessions, utc_now() + timedelta(hours=4)) is False
    assert (await town.poll(poll_id)).json["status"] == "open"


async def test_a_poll_that_ended_has_no_timer_left_but_the_one_that_forgets_its_voters(town: Any) -> None:
    cancelled = await town.announced(**town.window(opens=3600, closes=7200))
    assert await timers_of(town, cancelled) == {"open_poll", "close_poll"}
    await town.act(cancelled, "cancel", {"reason": town.reason})
    for poll_id in (cancelled, await town.closed([1])):
        assert await timers_of(town, poll_id) == {"forget_voters"}


async def test_thirty_days_after_the_end_nobody_can_tell_who_cast_which_vote(town: Any, held: Resources) -> None:
    poll_id, voter = await town.announced(), town.voter()
    await town.vote(poll_id, 1, voter=voter)
    await town.act(poll_id, "close", {"reason": town.reason})
    month = utc_now() + timedelta(days=30)
    assert await service.timers.run_next(held.sessions, month - timedelta(hours=1)) is False
    path = f"/api/v1/polls/{poll_id}/vote"
    assert (await voter("GET", path)).json["voted"] is True
    assert await service.timers.run_next(held.sessions, month + timedelta(seconds=1)) is True
    wrapped = await town.owner.fetchval("select wrapped from data_keys where subject = $1", poll_id)
    assert wrapped is None
    async with tenant_session(held.sessions, town.visitor.tenant) as session:
        with pytest.raises(Exception, match="destroyed"):
            await held.keyring.get(session, polls.KEY, poll_id)
    assert await town.owner.fetchval("select count(*) from votes where poll_id = $1", UUID(poll_id)) == 1
    assert (await town.act(poll_id, "publish")).status == 200


async def test_whose_key_is_gone_is_told_so(town: Any, held: Resources) -> None:
    poll_id = await town.closed()
    async with tenant_session(held.sessions, town.visitor.tenant) as session:
        await polls.forget_voters(session, UUID(poll_id))
    answer = await town.voter()("GET", f"/api/v1/polls/{poll_id}/vote")
    assert (answer.status, answer.json["code"]) == (409, "votes_anonymised")


async def test_republish_tells_every_announced_poll_of_every_government_again(town: Any, held: Resources) -> None:
    made = {
        await town.announced(**town.window(opens=3600, closes=7200)): "voting.poll_scheduled.v1",
        await town.announced(): "voting.poll_opened.v1",
        await town.closed([1]): "voting.poll_closed.v1",
        await town.published([1]): "voting.result_published.v1",
    }
    await town.draft()
    latest = {message["subject"]: message["sequence"] for message in await town.messages()}
    elsewhere = uuid4()
    official = town.visitor.of(elsewhere).as_person(uuid4(), "administrator")
    there = (await official("POST", "/api/v1/polls", town.body | town.window(opens=60))).json["poll_id"]
    await official("POST", f"/api/v1/polls/{there}/schedule")
    told = [(event, sequence, tenant) async for event, sequence, tenant in polls.republish(held.sessions)]
    ours = [(event, sequence) for event, sequence, tenant in told if tenant == town.visitor.tenant]
    assert {str(event.poll_id): event.type for event, _ in ours} == made
    assert {str(event.poll_id): sequence for event, sequence in ours} == latest
    assert [tenant for *_, tenant in told].count(elsewhere) == 1
