"""The listeners: bounds, draining, the command."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from chassis.testing import INTERNAL_KEY
from gateway.server import LONGEST_HEAD

VOTE = b"/api/v1/polls/0196b1f2-0000-7000-8000-000000000001/vote"
CHUNKED = b"POST /nl/ HTTP/1.1\r\nhost: leuven.localhost\r\nexpect: 100-continue\r\ntransfer-encoding: chunked\r\n\r\n"
GATEWAY = Path(sys.executable).with_name("gateway")


async def test_headers_without_end_are_cut_off(world: Any) -> None:
    received = await world.raw(b"GET / HTTP/1.1\r\nhost: leuven.localhost\r\nx: " + b"y" * 100_000)
    assert received.startswith(b"HTTP/1.1 431 ")


async def test_a_head_that_comes_in_one_piece_has_the_same_bound(world: Any) -> None:
    head = b"GET /api/v1/polls HTTP/1.1\r\nhost: leuven.localhost\r\nx: %b\r\n\r\n"
    assert (await world.raw(head % (b"y" * 30_000))).startswith(b"HTTP/1.1 200 ")
    assert (await world.raw(head % (b"y" * 40_000))).startswith(b"HTTP/1.1 431 ")
    assert len(world.peers["voting"].got) == 1


async def test_a_body_in_the_same_piece_does_not_count_as_head(world: Any) -> None:
    head = b"PUT %b HTTP/1.1\r\nhost: leuven.localhost\r\nauthorization: %b\r\ncontent-length: 50000\r\n\r\n"
    token = world.bearer()["authorization"].encode()
    assert (await world.raw(head % (VOTE, token) + b"x" * 50_000)).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("begin", [b"0;x", b"0\r\nx: "])
@pytest.mark.parametrize("piece", [1024, LONGEST_HEAD])
async def test_what_follows_a_body_without_end_is_cut_off(world: Any, begin: bytes, piece: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", world.running.public_port)
    writer.write(CHUNKED)
    await reader.readuntil(b"\r\n\r\n")  # 100: the head was read by itself
    writer.write(begin)
    for _ in range(LONGEST_HEAD // piece):
        writer.write(b"y" * piece)
        await asyncio.sleep(0)
    async with asyncio.timeout(10):
        received = await reader.read()
    assert received.startswith(b"HTTP/1.1 400 ")
    assert received.count(b"HTTP/1.1") == 1
    assert not world.peers["web"].got
    writer.close()
    await writer.wait_closed()


async def test_a_head_that_does_not_come_closes_the_connection(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.server.HEAD_WITHIN", 0.5)
    for data in (b"", b"GET / HTTP/1.1\r\nhost: leu"):
        reader, writer = await asyncio.open_connection("127.0.0.1", world.running.public_port)
        writer.write(data)
        async with asyncio.timeout(10):
            assert await reader.read() == b""
        writer.close()
        await writer.wait_closed()


async def test_there_are_never_more_connections_than_there_may_be(start: Any) -> None:
    world = await start(connections=16)
    held = [await asyncio.open_connection("127.0.0.1", world.running.public_port) for _ in range(16)]
    received = await world.raw(b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n")
    assert received.startswith(b"HTTP/1.1 503 ")
    assert b"retry-after" in received
    for _, writer in held:
        writer.close()
        await writer.wait_closed()


async def test_silent_connections_to_services_are_given_up(world: Any, eventually: Any) -> None:
    await world.ask("GET", "/api/v1/polls?1", headers=world.bearer())
    pool = world.gateway.public_services["voting"].pool
    assert pool.open == 1
    pool.reap(1e12)
    await eventually(lambda: pool.open == 0)


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def environment(world: Any, redis_url: str, **more: str) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "INSPRAAK_ENVIRONMENT": "test",
        "INSPRAAK_PORT": str(free_port()),
        "INSPRAAK_INTERNAL_PORT": str(free_port()),
        "INSPRAAK_REDIS_URL": redis_url,
        "INSPRAAK_INTERNAL_KEY": INTERNAL_KEY,
        "INSPRAAK_SERVICE_URLS": json.dumps(world.gateway._settings.service_urls),
        **more,
    }


async def test_the_process_finishes_what_is_under_way_and_ends(
    world: Any, redis_url: str, reply: Any, eventually: Any
) -> None:
    settings = environment(world, redis_url)
    port, internal = settings["INSPRAAK_PORT"], settings["INSPRAAK_INTERNAL_PORT"]
    process = await asyncio.create_subprocess_exec(GATEWAY, "api", env=settings, stderr=subprocess.PIPE)
    try:

        async def ready() -> bool:
            try:
                return bool((await world._ask("GET", f"http://127.0.0.1:{internal}/readyz", {}, None)).status == 200)
            except OSError:
                return False

        await eventually(ready)
        begun = asyncio.Event()

        async def handler(_: Any) -> Any:
            begun.set()
            await asyncio.sleep(1)
            return reply(b"finished")

        world.peers["voting"].handler = handler
        headers = world.bearer() | {"host": "leuven.localhost"}
        asked = asyncio.create_task(world._ask("GET", f"http://127.0.0.1:{port}/api/v1/polls?drain", headers, None))
        await begun.wait()
        process.send_signal(signal.SIGTERM)
        assert (await asked).body == b"finished"
        assert await asyncio.wait_for(process.wait(), 15) == 0
    finally:
        if process.returncode is None:
            process.kill()
        _, errors = await process.communicate()
    for line in errors.decode().splitlines():
        assert json.loads(line)["level"] == "info", line


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"INSPRAAK_INTERNAL_KEY": "short"}, "INSPRAAK_INTERNAL_KEY: a key "),
        ({"INSPRAAK_SERVICE_URLS": "{}"}, "INSPRAAK_SERVICE_URLS names no address for"),
        ({"INSPRAAK_SERVICE_URLS": '{"voting": "https://x"}'}, "https://x is not http://host:port"),
    ],
)
async def test_a_process_that_cannot_work_says_why(world: Any, redis_url: str, more: dict[str, str], says: str) -> None:
    settings = environment(world, redis_url, **more)
    process = await asyncio.create_subprocess_exec(GATEWAY, "api", env=settings, stderr=subprocess.PIPE)
    _, errors = await asyncio.wait_for(process.communicate(), 20)
    assert process.returncode == 1
    assert "Traceback" not in errors.decode()
    assert says in errors.decode()


async def test_a_port_in_use_is_told(world: Any, redis_url: str) -> None:
    settings = environment(world, redis_url, INSPRAAK_PORT=str(world.running.public_port))
    process = await asyncio.create_subprocess_exec(GATEWAY, "api", env=settings, stderr=subprocess.PIPE)
    _, errors = await asyncio.wait_for(process.communicate(), 20)
    assert process.returncode == 1
    assert str(world.running.public_port) in errors.decode().splitlines()[-1]


async def test_the_command_merges_documents(tmp_path: Path) -> None:
    operation = {"operationId": "get_me", "responses": {"200": {"description": "ok"}}}
    document = tmp_path / "identity.json"
    document.write_text(json.dumps({"paths": {"/api/v1/me": {"get": operation}}}))
    process = await asyncio.create_subprocess_exec(
        GATEWAY, "openapi", f"identity={document}", stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    output, _ = await process.communicate()
    assert list(json.loads(output)["paths"]) == ["/api/v1/me"]
