"""Nothing that could be two messages to somebody passes (RFC 9112 §11.2)."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

VOTE = "/api/v1/polls/0196b1f2-0000-7000-8000-000000000001/vote"
BALLOT = b'{"choices":[1]}'
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


@pytest.mark.parametrize(
    "headers",
    [
        b"content-length: 5\r\ntransfer-encoding: chunked\r\n",
        b"transfer-encoding: chunked\r\ncontent-length: 5\r\n",
        b"content-length: 5\r\ncontent-length: 6\r\n",
        b"content-length: +5\r\n",
        b"transfer-encoding: xchunked\r\n",
        b"transfer-encoding: chunked, identity\r\n",
        b"transfer-encoding : chunked\r\n",
        b"transfer-encoding:\x0bchunked\r\n",
        b"x: y\r\n transfer-encoding: chunked\r\n",
        b"host: evil.example\r\n",
    ],
)
async def test_a_request_of_two_readings_reaches_nobody(world: Any, headers: bytes) -> None:
    hidden = b"GET /api/v1/polls?hidden HTTP/1.1\r\nhost: leuven.localhost\r\n\r\n"
    request = b"POST /api/v1/sign-in HTTP/1.1\r\nhost: leuven.localhost\r\n" + headers + b"\r\n0\r\n\r\n" + hidden
    received = await world.raw(request)
    assert received.startswith(b"HTTP/1.1 400 ")
    assert b"\r\nconnection: close\r\n" in received.lower()
    assert received.count(b"HTTP/1.1") == 1
    assert not world.peers["voting"].got
    assert not [got for got in world.peers["identity"].got if "sign-in" in got.path]


async def test_chunks_are_not_of_http_1_0(world: Any) -> None:
    request = b"POST /nl/ HTTP/1.0\r\nhost: leuven.localhost\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"
    assert (await world.raw(request)).startswith(b"HTTP/1.1 400 ")
    assert not world.peers["web"].got


async def test_what_comes_after_a_body_signs_nobody_in(world: Any) -> None:
    head = f"PUT {VOTE} HTTP/1.1\r\nhost: leuven.localhost\r\ntransfer-encoding: chunked\r\n\r\n"
    trailer = f"authorization: {world.bearer()['authorization']}\r\n"
    received = await world.raw(f"{head}2\r\n{{}}\r\n0\r\n{trailer}\r\n".encode())
    assert received.startswith(b"HTTP/1.1 400 ")
    assert received.count(b"HTTP/1.1") == 1
    assert not world.peers["voting"].got


async def test_what_comes_after_a_body_chooses_no_government(world: Any) -> None:
    received = await world.raw(
        b"POST /nl/ HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n0\r\nhost: leuven.localhost\r\n\r\n"
    )
    assert received.startswith(b"HTTP/1.1 400 ")
    assert not world.peers["web"].got


async def test_what_cannot_be_read_takes_no_answer_from_the_request_before_it(world: Any, reply: Any) -> None:
    async def handler(_: Any) -> Any:
        await asyncio.sleep(0.1)
        return reply(b"whole")

    world.peers["voting"].handler = handler
    received = await world.raw(b"GET /api/v1/polls HTTP/1.1\r\nhost: leuven.localhost\r\n\r\nnonsense\r\n\r\n")
    assert received.startswith(b"HTTP/1.1 200 ")
    assert b"\r\nconnection: close\r\n" in received.lower()
    assert received.endswith(b"\r\n\r\nwhole")


async def test_pipelined_requests_are_answered_in_their_order(world: Any, reply: Any) -> None:
    async def handler(got: Any) -> Any:
        await asyncio.sleep(0.1 if got.query == "1" else 0)
        return reply(got.query.encode())

    world.peers["voting"].handler = handler
    one = b"GET /api/v1/polls?%d HTTP/1.1\r\nhost: leuven.localhost\r\n\r\n"
    received = await world.raw(one % 1 + one % 2)
    assert received.index(b"\r\n\r\n1") < received.index(b"\r\n\r\n2")


async def test_a_chunked_body_is_framed_anew(world: Any) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield BALLOT[:5]
        await asyncio.sleep(0.05)
        yield BALLOT[5:]

    answer = await world.ask("PUT", VOTE, headers=world.bearer(), data=pieces())
    assert answer.status == 200
    got = world.peers["voting"].got[-1]
    assert got.body == BALLOT
    assert got.header("transfer-encoding") is None


async def test_an_answer_that_nobody_asked_for_goes_to_nobody(start: Any, speaking: Any) -> None:
    async def act(line: Any) -> None:
        while True:
            await line.head()
            await line.send(OK + b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nstolen")

    async with speaking(act) as url:
        world = await start(urls={"voting": url})
        for _ in range(5):
            assert (await world.ask("GET", "/api/v1/polls", headers=world.bearer())).body == b"ok"
