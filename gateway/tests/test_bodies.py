"""Requests' bodies: framed, streamed, capped."""

import asyncio
import io
from collections.abc import AsyncIterator
from typing import Any

import pytest

VOTE = "/api/v1/polls/0196b1f2-0000-7000-8000-000000000001/vote"
BALLOT = b'{"choices":[1]}'
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


async def test_a_body_over_the_cap_is_refused_before_any_of_it_is_read(world: Any) -> None:
    answer = await world.ask("POST", "/api/v1/sign-in", data=b"x" * 5000)
    assert (answer.status, answer.code, answer.json["body_cap"]) == (413, "too_large", 4096)
    assert "sign-in" not in "".join(got.path for got in world.peers["identity"].got)


@pytest.mark.parametrize("size", [5_000, 3_000_000])
async def test_a_body_of_unknown_length_is_cut_at_the_cap(world: Any, size: int) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(size // 1000):
            yield b"x" * 1000

    answer = await world.ask("POST", "/api/v1/sign-in", data=pieces())
    assert (answer.status, answer.code) == (413, "too_large")
    assert "sign-in" not in "".join(got.path for got in world.peers["identity"].got)


@pytest.mark.parametrize("chunked", [True, False])
async def test_a_large_body_goes_on_while_it_comes_in(world: Any, chunked: bool) -> None:
    body = bytes(range(256)) * 2048

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(body), 50_000):
            yield body[start : start + 50_000]

    answer = await world.ask("POST", "/api/v1/polls", headers=world.bearer(), data=pieces() if chunked else body)
    assert answer.status == 200
    got = world.peers["voting"].got[-1]
    assert got.body == body
    assert (got.header("transfer-encoding") == "chunked") is chunked


async def test_a_large_body_over_the_cap_never_looks_whole_to_the_service(world: Any) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(30):
            yield b"x" * 50_000

    answer = await world.ask("POST", "/api/v1/polls", headers=world.bearer(), data=pieces())
    assert (answer.status, answer.code) == (413, "too_large")
    assert not world.peers["voting"].got


@pytest.mark.parametrize("chunked", [True, False])
async def test_a_long_form_arrives_whole(world: Any, chunked: bool) -> None:
    body = b"names=" + b"%C3%A9" * 150_000

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(body), 50_000):
            yield body[start : start + 50_000]

    answer = await world.ask("POST", "/nl/manage/polls/new", data=pieces() if chunked else body)
    assert answer.status == 200
    assert world.peers["web"].got[-1].body == body
    too_long = await world.ask("POST", "/nl/manage/polls/new", data=io.BytesIO(b"x" * 1_048_577))
    assert (too_long.status, too_long.code) == (413, "too_large")


async def test_strangers_who_send_long_forms_slowly_keep_no_place_from_anybody_else(world: Any) -> None:
    head = b"POST /nl/manage/polls/new HTTP/1.1\r\nhost: leuven.localhost\r\ncontent-length: 900000\r\n\r\n"
    slow = [await asyncio.open_connection("127.0.0.1", world.running.public_port) for _ in range(60)]
    for _, writer in slow:
        writer.write(head + b"x" * 100_000)
        await writer.drain()
    shed = [asyncio.create_task(reader.readuntil(b"\r\n\r\n")) for reader, _ in slow]
    done, _ = await asyncio.wait(shed, timeout=10, return_when=asyncio.FIRST_COMPLETED)
    assert all(task.result().startswith(b"HTTP/1.1 503") for task in done)
    assert done, "only so many large bodies are held at once"
    assert not world.peers["web"].got, "no service is asked before a body is whole"
    assert (await world.ask("POST", "/nl/polls", data=b"x" * 60_000)).status == 200
    assert (await world.ask("GET", "/nl/")).status == 200
    for task in shed:
        task.cancel()
    for _, writer in slow:
        writer.close()
    for _ in range(100):  # the places come back when those who held them are gone
        answer = await world.ask("POST", "/nl/polls", data=b"x" * 100_000)
        if answer.status == 200:
            break
    assert answer.status == 200


async def test_a_client_that_waits_for_100_continue_gets_it_or_the_refusal(world: Any) -> None:
    head = (
        b"POST /api/v1/sign-in HTTP/1.1\r\nhost: leuven.localhost\r\nexpect: 100-continue\r\ncontent-length: %d\r\n\r\n"
    )
    reader, writer = await asyncio.open_connection("127.0.0.1", world.running.public_port)
    writer.write(head % 2)
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 100")
    writer.write(b"{}")
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
    writer.close()
    await writer.wait_closed()
    assert (await world.raw(head % 9_000_000)).startswith(b"HTTP/1.1 413")
