"""Answers that are long, cut short or strange."""

import asyncio
from typing import Any

VOTE = "/api/v1/polls/0196b1f2-0000-7000-8000-000000000001/vote"
BALLOT = b'{"choices":[1]}'
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


async def test_a_long_answer_streams_without_being_held(start: Any, speaking: Any) -> None:
    goes_on = asyncio.Event()

    async def act(line: Any) -> None:
        await line.head()
        await line.send(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nfirst\r\n")
        await goes_on.wait()
        await line.send(b"6\r\nsecond\r\n0\r\n\r\n")

    async with speaking(act) as url:
        world = await start(urls={"voting": url})
        path = world.public + "/api/v1/polls/x/ballots.csv"
        async with world.http.get(path, headers={"host": "leuven.localhost"}) as answer:
            assert await answer.content.readany() == b"first"
            goes_on.set()
            assert await answer.content.read() == b"second"


async def test_an_answer_larger_than_memory_allows_waits_for_its_client(start: Any, speaking: Any) -> None:
    sent = 0
    size = 64 * 1024 * 1024

    async def act(line: Any) -> None:
        nonlocal sent
        await line.head()
        await line.send(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % size)
        while sent < size:
            await line.send(b"x" * 65536)
            sent += 65536

    async with speaking(act) as url:
        world = await start(urls={"voting": url})
        path = world.public + "/api/v1/polls/x/ballots.csv"
        async with world.http.get(path, headers={"host": "leuven.localhost"}) as answer:
            seen = -1
            async with asyncio.timeout(20):
                while seen != sent:  # until the service is made to wait
                    seen = sent
                    await asyncio.sleep(0.5)
            assert sent < size
            assert len(await answer.read()) == size


async def test_an_answer_that_ends_early_does_not_look_whole(start: Any, speaking: Any) -> None:
    async def act(line: Any) -> None:
        await line.head()
        await line.send(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nfirst\r\n")

    async with speaking(act) as url:
        world = await start(urls={"voting": url})
        received = await world.raw(b"GET /api/v1/polls/x/ballots.csv HTTP/1.1\r\nhost: leuven.localhost\r\n\r\n")
    assert received.endswith(b"5\r\nfirst\r\n")


async def test_an_answer_without_length_ends_with_its_connection(start: Any, speaking: Any) -> None:
    async def act(line: Any) -> None:
        await line.head()
        await line.send(b"HTTP/1.0 200 OK\r\n\r\nall of it")

    async with speaking(act) as url:
        world = await start(urls={"voting": url})
        assert (await world.ask("GET", "/api/v1/polls/x/ballots.csv")).body == b"all of it"


async def test_interim_answers_are_not_the_answer(start: Any, speaking: Any) -> None:
    async def act(line: Any) -> None:
        await line.head()
        await line.send(b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n" + OK)

    async with speaking(act) as url:
        world = await start(urls={"voting": url})
        answer = await world.ask("GET", "/api/v1/polls", headers=world.bearer())
        assert (answer.status, answer.body) == (200, b"ok")
