"""Who votes at the last moment, at once, or twice: what was accepted is counted, and after the end nothing is."""

import asyncio
import random
import time
from datetime import UTC, datetime, timedelta

import pytest

from tests.integration.crowd import Crowd, first_choices
from tests.integration.platform import eventually

pytestmark = pytest.mark.fault
VOTERS = 64


async def seen_by_the_official(government, poll):
    return await government.must("GET", f"/api/v1/polls/{poll}", by=government.official)


async def test_a_poll_that_closes_by_its_clock_under_64_voters_counts_every_accepted_vote_and_none_after(world):
    government = await world.government(people=600)
    closes_at = datetime.now(UTC) + timedelta(seconds=4)
    poll = await government.poll(closes_at=closes_at.isoformat())
    crowd = Crowd(government, poll)
    await crowd.until_closed(at_once=VOTERS)
    assert len(crowd.accepted) >= VOTERS
    assert max(cast.began for cast in crowd.casts if cast.answer.status == 200) < closes_at.timestamp()
    result = await government.publish(poll)
    assert result["ballots"] == len(crowd.accepted) == await crowd.stored()
    assert first_choices(result) == crowd.by_option()


async def test_a_poll_that_an_official_closes_under_64_voters_counts_every_accepted_vote_and_none_after(world):
    government = await world.government(people=600)
    poll = await government.poll()
    crowd = Crowd(government, poll)

    async def close_when_all_vote():
        await crowd.goes_on(2 * VOTERS)
        await government.close(poll)
        return time.time()

    closed, _ = await asyncio.gather(close_when_all_vote(), crowd.until_closed(at_once=VOTERS))
    assert crowd.statuses(since=closed).keys() <= {409}
    assert (await crowd.cast(government.people[0], 1)).answer.status == 409
    counted = await seen_by_the_official(government, poll)
    assert (counted["status"], counted["ballots"]) == ("closed", len(crowd.accepted))
    result = await government.publish(poll)
    assert result["ballots"] == len(crowd.accepted) == await crowd.stored()
    assert first_choices(result) == crowd.by_option()


async def test_one_voter_from_200_connections_has_one_vote_and_it_is_one_that_was_accepted(world):
    government = await world.government(people=1)
    (person,) = government.people
    poll = await government.poll(options=20)
    crowd = Crowd(government, poll)
    await asyncio.gather(*(crowd.cast(person, random.randint(1, 20)) for _ in range(200)))
    assert crowd.statuses().keys() <= {200, 429}  # an account may vote 60 times at once
    assert crowd.statuses()[200] >= 60
    assert crowd.put_off_without_a_time() == []
    assert await crowd.stored() == 1
    own = await government.must("GET", crowd.path, by=person)
    assert own["choices"][0] in {cast.option for cast in crowd.casts if cast.answer.status == 200}
    result = await government.counted(poll)
    assert (result["ballots"], first_choices(result)) == (1, {own["choices"][0]: 1})


async def test_votes_of_many_governments_that_are_written_together_stay_each_in_its_own_poll(platform, world):
    governments = await world.governments(8, people=20)
    crowds = [Crowd(government, await government.poll()) for government in governments]
    batches = await platform.metric("voting", "batch_rows_count")
    casts = [crowd.until_stored(person, random.randint(1, 3)) for crowd in crowds for person in crowd.government.people]
    random.shuffle(casts)
    await asyncio.gather(*casts)
    assert await platform.metric("voting", "batch_rows_count") - batches < len(casts)  # they did travel together
    for crowd in crowds:
        result = await crowd.government.counted(crowd.poll)
        assert result["ballots"] == 20
        assert first_choices(result) == crowd.by_option()


async def test_a_poll_opens_and_closes_on_time_while_no_worker_runs(platform, world):
    government = await world.government(people=2)
    early, voter = government.people
    await platform.kill("voting")
    await platform.start("voting", role="api")
    now = datetime.now(UTC)
    moments = {"opens_at": now + timedelta(seconds=3), "closes_at": now + timedelta(seconds=8)}
    poll = await government.draft(**{name: moment.isoformat() for name, moment in moments.items()})
    await government.must("POST", f"/api/v1/polls/{poll}/schedule", by=government.official)
    crowd = Crowd(government, poll)
    before = await crowd.cast(early, 1)
    assert (before.answer.status, before.answer.json["code"]) == (409, "poll_not_open")

    async def stands_at(status):
        return (await seen_by_the_official(government, poll))["status"] == status

    await eventually(lambda: stands_at("open"), what="the opening")
    assert time.time() >= moments["opens_at"].timestamp()
    assert (await crowd.cast(voter, 2)).answer.status == 200
    await eventually(lambda: stands_at("closed"), what="the end")
    assert time.time() >= moments["closes_at"].timestamp()
    after = await crowd.cast(early, 1)
    assert (after.answer.status, after.answer.json["code"]) == (409, "poll_not_open")
    noted = "SELECT status FROM polls WHERE id = $1"
    assert await platform.value("voting", noted, poll) == "scheduled"  # no worker has seen it
    await platform.restart("voting")
    await eventually(lambda: counted(platform, poll), what="the count")
    assert (await government.publish(poll))["ballots"] == 1


async def counted(platform, poll):
    return await platform.value("voting", "SELECT ballots = 1 FROM polls WHERE id = $1 AND status = 'closed'", poll)
