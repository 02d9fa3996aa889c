"""PostgreSQL, RabbitMQ and Redis killed with -9 and started again while votes flow through the gateway."""

import pytest

from tests.integration.crowd import Crowd, first_choices

pytestmark = pytest.mark.fault
PEOPLE = 2_500
VOTE_WITHIN = 10.0  # the route's own deadline (gateway/routes.toml)
SLACK = 5.0  # what a request may wait besides on two busy cores


@pytest.mark.parametrize(
    ("server", "answers"),
    [("postgres", {200, 503}), ("rabbitmq", {200}), ("redis", {200})],
    ids=["postgres", "rabbitmq", "redis"],
)
async def test_votes_accepted_while_a_server_dies_and_comes_back_are_stored_and_counted_once(
    platform, world, told, server, answers
):
    government = await world.government(people=PEOPLE)
    reader, *_ = government.people
    await government.subscribe(reader)
    poll = await government.poll()
    crowd = Crowd(government, poll)
    async with crowd.voting():
        await crowd.goes_on()
        await platform.kill(server)
        await crowd.asks_on()
        await platform.start(server)
        await platform.all_ready()
        await crowd.goes_on()
    assert crowd.statuses().keys() == answers
    assert crowd.put_off_without_a_time() == []
    assert crowd.slowest() < VOTE_WITHIN + SLACK
    assert await crowd.stored() == len(crowd.accepted)
    result = await government.counted(poll)
    assert result["ballots"] == len(crowd.accepted)
    assert first_choices(result) == crowd.by_option()
    title = f"Vraag van {government.slug}"
    await told(government, reader, f"U kunt stemmen: {title}", f"Het resultaat: {title}", copies=server != "postgres")
