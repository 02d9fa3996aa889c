"""Gates by themselves, and the gateway saturated."""

import asyncio
from typing import Any

import pytest
from chassis.refusals import Refused
from gateway.routes import CLASSES
from gateway.shedding import Gate
from hypothesis import given
from hypothesis import strategies as st

VOTES, LOGIN, WRITES, READS = range(4)
VOTE = "/api/v1/polls/0196b1f2-0000-7000-8000-000000000001/vote"


def test_reads_leave_room_for_votes() -> None:
    gate = Gate("voting", 8, 0)
    reads = sum(gate.try_enter(READS) for _ in range(20))
    votes = sum(gate.try_enter(VOTES) for _ in range(20))
    assert (reads, votes) == (6, 2)


async def test_who_finds_no_room_and_no_place_to_wait_is_sent_away_at_once() -> None:
    gate = Gate("voting", 1, 0)
    await gate.enter(VOTES)
    with pytest.raises(Refused) as refused:
        await gate.enter(VOTES)
    assert (refused.value.status, refused.value.code) == (503, "overloaded")
    gate.leave()
    await gate.enter(VOTES)


async def test_who_waits_too_long_is_sent_away_and_leaves_no_trace() -> None:
    gate = Gate("voting", 1, 5, patience=0.05)
    await gate.enter(VOTES)
    with pytest.raises(Refused):
        await gate.enter(VOTES)
    assert (gate.inside, gate.waiting) == (1, 0)


async def test_the_more_important_go_first_and_each_class_in_its_order() -> None:
    gate = Gate("voting", 1, 100, patience=5)
    await gate.enter(VOTES)
    order: list[tuple[int, int]] = []

    async def visit(rank: int, number: int) -> None:
        await gate.enter(rank)
        order.append((rank, number))
        await asyncio.sleep(0)
        gate.leave()

    visits = [asyncio.create_task(visit(rank, number)) for number in range(3) for rank in (READS, LOGIN, VOTES, WRITES)]
    await asyncio.sleep(0)
    gate.leave()
    await asyncio.gather(*visits)
    assert order == sorted(order)


@pytest.mark.parametrize("gives_up_first", [True, False])
async def test_who_gives_up_in_the_moment_of_the_turn_takes_no_place_with_them(*, gives_up_first: bool) -> None:
    gate = Gate("voting", 1, 5)
    await gate.enter(VOTES)
    impatient, patient = (asyncio.create_task(gate.enter(VOTES)) for _ in range(2))
    await asyncio.sleep(0)
    if gives_up_first:
        impatient.cancel()
        gate.leave()
    else:
        gate.leave()
        impatient.cancel()
    await asyncio.wait([impatient, patient])
    assert impatient.cancelled()
    assert patient.exception() is None
    assert (gate.inside, gate.waiting) == (1, 0)


async def test_who_is_cancelled_while_waiting_gives_the_turn_to_the_next() -> None:
    gate = Gate("voting", 1, 10, patience=5)
    await gate.enter(VOTES)
    first, second = (asyncio.create_task(gate.enter(VOTES)) for _ in range(2))
    await asyncio.sleep(0)
    gate.leave()
    first.cancel()  # in the very moment in which its turn came
    await asyncio.gather(first, return_exceptions=True)
    await asyncio.wait_for(second, 1)
    gate.leave()
    assert (gate.inside, gate.waiting) == (0, 0)


steps = st.lists(st.tuples(st.sampled_from(["enter", "leave", "cancel"]), st.integers(0, 3)), max_size=60)


@given(st.integers(1, 6), st.integers(0, 6), steps)
async def test_no_order_of_events_loses_a_place(room: int, waiting: int, events: list[tuple[str, int]]) -> None:
    gate = Gate("voting", room, waiting, patience=60)
    inside, tasks = 0, []
    for event, rank in events:
        if event == "enter":
            tasks.append(asyncio.create_task(gate.enter(rank)))
        elif event == "cancel" and tasks:
            tasks[rank % len(tasks)].cancel()
        elif inside:
            gate.leave()
            inside -= 1
        await asyncio.sleep(0)
        finished = [task for task in tasks if task.done()]
        tasks = [task for task in tasks if not task.done()]
        inside += sum(1 for task in finished if not task.cancelled() and task.exception() is None)
        assert gate.inside == inside <= room
        assert gate.waiting <= max(waiting, 0)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    for _ in range(gate.inside):
        gate.leave()
    assert (gate.inside, gate.waiting) == (0, 0)


async def test_a_saturated_front_still_answers_probes_and_lets_web_reach_the_api(
    start: Any, reply: Any, changed: Any
) -> None:
    """Every page that holds a place at the front asks the API from within; with one budget this would lock up."""
    world = await start(table=changed(("in_flight = 256\nwaiting = 1024", "in_flight = 8\nwaiting = 8")))

    async def handler(_: Any) -> Any:
        answer = await world.ask_within("GET", "/api/v1/polls", headers=world.bearer())
        await asyncio.sleep(0.2)
        return reply(str(answer.status).encode())

    world.peers["web"].handler = handler
    async with asyncio.timeout(20):
        asked = [asyncio.create_task(world.ask("GET", f"/nl/{number}")) for number in range(200)]
        for _ in range(5):
            assert (await world.ask("GET", "/livez")).status == 200
        answers = await asyncio.gather(*asked)
    statuses = [answer.status for answer in answers]
    assert set(statuses) == {200, 503}
    assert statuses.count(200) >= 6
    assert {answer.body for answer in answers if answer.status == 200} == {b"200"}
    refused = next(answer for answer in answers if answer.status == 503)
    assert refused.code == "overloaded"
    assert 3 <= int(refused.headers["retry-after"]) <= 10
    assert len({answer.headers["retry-after"] for answer in answers if answer.status == 503}) > 1
    assert await world.metric('load_shed_total{class="reads",service="web"}') > 0
    for service in (*world.gateway.public_services.values(), *world.gateway.internal_services.values()):
        assert (service.gate.inside, service.gate.waiting) == (0, 0)


async def test_votes_get_through_while_reads_are_sent_away(start: Any, reply: Any, changed: Any) -> None:
    world = await start(table=changed(("in_flight = 256\nwaiting = 1024", "in_flight = 8\nwaiting = 8")))

    over = asyncio.Event()

    async def handler(got: Any) -> Any:
        if got.method == "GET":
            await over.wait()
        return reply()

    world.peers["voting"].handler = handler
    reads = [asyncio.create_task(world.ask("GET", f"/api/v1/polls?{number}")) for number in range(40)]
    await asyncio.wait(reads, timeout=10, return_when=asyncio.FIRST_COMPLETED)
    headers = world.bearer()
    votes = [await world.ask("PUT", VOTE, headers=headers, data=b"{}") for _ in range(20)]
    assert {answer.status for answer in votes} == {200}
    over.set()
    for read in reads:
        read.cancel()
    await asyncio.gather(*reads, return_exceptions=True)


@pytest.mark.parametrize(
    ("framing", "sent"),
    [
        ("content-length: 65536", b"x" * 65535),
        ("transfer-encoding: chunked", b"10000\r\n" + b"x" * 65536 + b"\r\n"),
        ("content-length: 200000", b"x" * 70000),
    ],
)
async def test_forms_that_are_sent_slowly_keep_no_page_from_being_served(
    start: Any, changed: Any, framing: str, sent: bytes
) -> None:
    world = await start(table=changed(("in_flight = 256\nwaiting = 1024", "in_flight = 8\nwaiting = 8")))
    head = f"POST /nl/sign-in HTTP/1.1\r\nhost: leuven.localhost\r\n{framing}\r\n\r\n".encode()
    slow = [await asyncio.open_connection("127.0.0.1", world.running.public_port) for _ in range(20)]
    for _, writer in slow:
        writer.write(head + sent)
    answers = [await world.ask("GET", f"/nl/{number}") for number in range(20)]
    assert {answer.status for answer in answers} == {200}
    assert world.gateway.public_services["web"].gate.inside == 0
    for _, writer in slow:
        writer.close()
    await asyncio.gather(*(writer.wait_closed() for _, writer in slow), return_exceptions=True)


def test_every_class_has_its_share() -> None:
    gate = Gate("voting", 100, 100)
    assert [gate.try_enter(rank) for rank in range(len(CLASSES))] == [True] * 4
