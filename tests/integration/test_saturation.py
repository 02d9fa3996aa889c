"""More than the platform can do, and a service that does nothing at all: everybody is answered, and soon."""

import asyncio
import itertools
import signal
import time

import pytest

from tests.integration.crowd import Crowd
from tests.integration.platform import eventually

pytestmark = pytest.mark.fault
SLACK = 10.0  # seconds besides a route's own deadline: two cores, and the crowd is on them too
READ_WITHIN, PAGE_WITHIN, VOTE_WITHIN = (10.0 + SLACK, 15.0 + SLACK, 10.0 + SLACK)  # gateway/routes.toml
TURNED_AWAY = {503, 504}


def check(answers, *, statuses, within):
    """Every answer is one of these, came in time, and who is sent away is told when to come back."""
    assert [answer for answer in answers if answer.status not in statuses] == []
    assert max(answer.seconds for answer in answers) < within
    assert all(answer.headers["retry-after"].isdecimal() for answer in answers if answer.status in (429, 503))


async def test_while_a_service_hangs_its_routes_refuse_in_time_and_all_the_others_go_on(platform, world):
    government = await world.government(people=100)
    poll = await government.poll()
    crowd = Crowd(government, poll)
    await crowd.cast(government.people[0], 1)
    await platform.kill("voting", signal.SIGSTOP)
    readers = [government.ask("GET", "/api/v1/polls", by=person) for person in government.people * 4]
    voters = [crowd.cast(person, 1) for person in government.people[1:]]
    pages = [government.ask("GET", f"/nl/?{number}") for number in range(20)]
    others = [
        government.ask("GET", path, by=person)
        for person in government.people[:20]
        for path in ("/api/v1/me", "/api/v1/subscriptions", "/nl/sign-in")
    ]
    read, voted, seen, other = await asyncio.gather(*map(gathered, (readers, voters, pages, others)))
    check(read, statuses=TURNED_AWAY, within=READ_WITHIN)
    assert 503 in {answer.status for answer in read}  # more than may wait at one service were sent away at once
    check([cast.answer for cast in voted], statuses=TURNED_AWAY, within=VOTE_WITHIN)
    check(seen, statuses={200, *TURNED_AWAY}, within=PAGE_WITHIN)
    check(other, statuses={200}, within=PAGE_WITHIN)
    await platform.kill("voting", signal.SIGCONT)
    await eventually(lambda: stored(crowd, government.people[1]), what="a vote after it all")
    check([await government.ask("GET", "/nl/?again")], statuses={200}, within=PAGE_WITHIN)


async def gathered(asked):
    return await asyncio.gather(*asked)


async def stored(crowd, person):
    return (await crowd.cast(person, 2)).answer.status == 200


async def test_while_the_gateway_is_saturated_web_answers_or_sheds_and_never_hangs(world):
    government = await world.government(people=100)
    poll = await government.poll()
    people, until = itertools.cycle(government.people), time.monotonic() + 6
    read, voted, seen, plain = [], Crowd(government, poll), [], []

    async def reader():
        while time.monotonic() < until:
            read.append(await government.ask("GET", f"/api/v1/polls/{poll}", by=next(people)))

    async def voter(person):
        while time.monotonic() < until:
            await voted.cast(person, 1)

    async def visitor(number):
        while time.monotonic() < until:
            seen.append(await government.ask("GET", f"/nl/polls/{poll}?{number}"))
            plain.append(await government.ask("GET", f"/nl/sign-in?{number}"))

    await asyncio.gather(
        *(reader() for _ in range(300)),
        *(voter(person) for person in government.people[:50]),
        *(visitor(number) for number in range(50)),
    )
    check(read, statuses={200, 503, 429}, within=READ_WITHIN)
    check([cast.answer for cast in voted.casts], statuses={200, 503, 429}, within=VOTE_WITHIN)
    check(seen, statuses={200, 503}, within=PAGE_WITHIN)
    check(plain, statuses={200, 503}, within=PAGE_WITHIN)
    assert 200 in {answer.status for answer in plain}
    assert await voted.stored() == len(voted.accepted) == 50
    calm = await government.ask("GET", f"/nl/polls/{poll}?calm")
    assert calm.status == 200
