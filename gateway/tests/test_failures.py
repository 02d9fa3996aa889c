"""Services that are down, hang or close; clients that leave."""

import asyncio
from typing import Any

VOTE = "/api/v1/polls/0196b1f2-0000-7000-8000-000000000001/vote"
BALLOT = b'{"choices":[1]}'
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


async def test_a_connection_closed_while_idle_is_no_error_for_what_may_be_repeated(start: Any, speaking: Any) -> None:
    async def act(line: Any) -> None:
        await line.head()
        await line.send(OK)
        if line.number == 1:
            await line.head()  # takes the second request and closes without a word

    async with speaking(act) as url:
        world = await start(urls={"voting": url})
        for _ in range(2):
            assert (await world.ask("PUT", VOTE, headers=world.bearer(), data=BALLOT)).status == 200


async def test_what_must_not_be_repeated_is_not(start: Any, speaking: Any) -> None:
    received = 0

    async def act(line: Any) -> None:
        nonlocal received
        await line.head()
        received += 1
        if received == 1:
            await line.send(OK)
            await line.head()
            received += 1

    async with speaking(act) as url:
        world = await start(urls={"voting": url})
        statuses = [(await world.ask("POST", "/api/v1/polls", headers=world.bearer())).status for _ in range(2)]
    assert statuses == [200, 502]
    assert received == 2


async def test_a_service_that_is_down_is_503_for_its_own_routes_and_nothing_else(start: Any, nobody: str) -> None:
    world = await start(urls={"voting": nobody})
    for _ in range(20):
        answer = await world.ask("PUT", VOTE, headers=world.bearer(), data=BALLOT)
        assert (answer.status, answer.code) == (503, "service_unavailable")
        assert 3 <= int(answer.headers["retry-after"]) <= 10
    assert (await world.ask("GET", "/api/v1/subscriptions", headers=world.bearer())).status == 200
    assert (await world.ask("GET", "/nl/")).status == 200


async def test_a_service_that_hangs_takes_no_others_room(start: Any, speaking: Any, changed: Any) -> None:
    async def act(line: Any) -> None:
        await line.head()
        await asyncio.sleep(60)

    async with speaking(act) as url:
        world = await start(urls={"voting": url}, table=changed(("in_flight = 256", "in_flight = 8")))
        asked = [asyncio.create_task(world.ask("GET", f"/api/v1/polls?{n}")) for n in range(20)]
        done, waiting = await asyncio.wait(asked, timeout=10, return_when=asyncio.FIRST_COMPLETED)
        assert {task.result().status for task in done} == {503}  # the room is full
        assert (await world.ask("GET", "/nl/")).status == 200
        assert (await world.ask("GET", "/api/v1/subscriptions", headers=world.bearer())).status == 200
        for task in waiting:
            task.cancel()
        await asyncio.gather(*asked, return_exceptions=True)


async def test_a_service_that_comes_back_is_used_again(start: Any, nobody: str, speaking: Any, eventually: Any) -> None:
    async def act(line: Any) -> None:
        await line.head()
        await line.send(OK)

    world = await start(urls={"voting": nobody})
    assert (await world.ask("GET", "/api/v1/polls")).status == 503

    async def answers() -> bool:
        return bool((await world.ask("GET", "/api/v1/polls")).status == 200)

    async with speaking(act, int(nobody.rpartition(":")[2])):
        await eventually(answers)


async def test_of_many_who_ask_when_it_has_come_back_nobody_is_told_that_it_is_down(
    start: Any, nobody: str, speaking: Any, monkeypatch: Any
) -> None:
    async def act(line: Any) -> None:
        while await line.head():
            await line.send(OK)

    monkeypatch.setattr("gateway.upstream.pool.REST", (0, 0))
    world = await start(urls={"voting": nobody})
    assert (await world.ask("GET", "/api/v1/polls")).status == 503
    async with speaking(act, int(nobody.rpartition(":")[2])):
        asked = [world.ask("PUT", VOTE, headers=world.bearer(), data=BALLOT) for _ in range(20)]
        assert {answer.status for answer in await asyncio.gather(*asked)} == {200}


async def test_a_service_that_dies_between_head_and_body_has_not_answered(start: Any, speaking: Any) -> None:
    async def act(line: Any) -> None:
        await line.head()
        await line.send(OK.removesuffix(b"ok"))

    async with speaking(act) as url:
        world = await start(urls={"voting": url})
        vote = await world.ask("PUT", VOTE, headers=world.bearer(), data=BALLOT)
        assert (vote.status, vote.code) == (503, "service_unavailable")
        made = await world.ask("POST", "/api/v1/polls", headers=world.bearer())
        assert (made.status, made.code) == (502, "service_failed")


async def test_a_deadline_ends_a_request_with_504(start: Any, speaking: Any, changed: Any) -> None:
    async def act(line: Any) -> None:
        await line.head()
        await asyncio.sleep(60)

    async with speaking(act) as url:
        world = await start(urls={"voting": url}, table=changed(("timeout = 10", "timeout = 0.3")))
        for method, headers in (("PUT", world.bearer()), ("GET", {})):
            path = VOTE if method == "PUT" else "/api/v1/polls"
            answer = await world.ask(method, path, headers=headers, data=BALLOT if method == "PUT" else None)
            assert (answer.status, answer.code, answer.json["service"]) == (504, "timed_out", "voting")


async def test_a_body_that_does_not_come_ends_with_504_and_holds_no_place(start: Any, changed: Any) -> None:
    world = await start(table=changed(("timeout = 10", "timeout = 0.3")))
    head = b"POST /api/v1/sign-in HTTP/1.1\r\nhost: leuven.localhost\r\ncontent-length: 100\r\n\r\n{"
    reader, writer = await asyncio.open_connection("127.0.0.1", world.running.public_port)
    writer.write(head)
    await asyncio.sleep(0.1)
    assert world.gateway.public_services["identity"].gate.inside == 0
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 504")
    writer.close()
    await writer.wait_closed()


async def test_a_client_that_leaves_ends_its_get_and_no_other(start: Any, speaking: Any, eventually: Any) -> None:
    ended = asyncio.Event()

    async def act(line: Any) -> None:
        while True:
            head = await line.head()
            if b"slow" in head:
                if not await line.reader.read(1):
                    ended.set()
                return
            await line.send(OK)

    async with speaking(act) as url:
        world = await start(urls={"voting": url})
        _, writer = await asyncio.open_connection("127.0.0.1", world.running.public_port)
        writer.write(b"GET /api/v1/polls/x/ballots.csv?slow HTTP/1.1\r\nhost: leuven.localhost\r\n\r\n")
        await asyncio.sleep(0.4)
        writer.close()
        await writer.wait_closed()
        async with asyncio.timeout(10):
            await ended.wait()
        for n in range(5):
            assert (await world.ask("GET", f"/api/v1/polls?{n}", headers=world.bearer())).body == b"ok"
        await eventually(lambda: not world.gateway.public_services["voting"].gate.inside)


async def test_a_vote_goes_on_though_its_client_left(world: Any, reply: Any) -> None:
    finished = asyncio.Event()

    async def handler(_: Any) -> Any:
        await asyncio.sleep(0.8)
        finished.set()
        return reply()

    world.peers["voting"].handler = handler
    token = world.bearer()["authorization"].encode()
    _, writer = await asyncio.open_connection("127.0.0.1", world.running.public_port)
    writer.write(
        b"PUT %b HTTP/1.1\r\nhost: leuven.localhost\r\nauthorization: %b\r\ncontent-length: %d\r\n\r\n%b"
        % (VOTE.encode(), token, len(BALLOT), BALLOT)
    )
    await asyncio.sleep(0.3)
    writer.close()
    await writer.wait_closed()
    async with asyncio.timeout(10):
        await finished.wait()
