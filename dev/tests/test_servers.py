"""Servers of our own, on this machine: private, durable, killed and restarted by name, gone afterwards."""

import os
import re
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import aio_pika
import asyncpg
import pytest
from aiormq.exceptions import ChannelAccessRefused
from chassis import parked
from chassis.bus import Publisher
from inspraak_dev.stack import Stack, StackError, containers, processes, servers
from inspraak_dev.stack.places import place_of
from inspraak_dev.stack.postgres import Postgres
from inspraak_dev.stack.rabbitmq import VHOST, RabbitMq
from inspraak_dev.stack.redis import Redis
from inspraak_dev.stack.stack import ADDRESSES
from inspraak_dev.topology import permissions, topologies
from redis.asyncio import Redis as RedisClient

pytestmark = [
    pytest.mark.fault,
    pytest.mark.skipif(
        containers.engine() is not None, reason="a container engine answers: the servers are containers"
    ),
]


@pytest.fixture(scope="module")
def own() -> Iterator[Stack]:
    """Servers that this module may kill."""
    given = {name: os.environ.pop(name) for name in ADDRESSES.values() if name in os.environ}
    try:
        with servers(f"own-{uuid4().hex[:8]}") as stack:
            yield stack
    finally:
        os.environ.update(given)


async def test_what_postgresql_committed_is_there_after_a_crash(own: Stack) -> None:
    before = await asyncpg.connect(own.urls()["INSPRAAK_POSTGRES_URL"])
    await before.execute("CREATE TABLE kept AS SELECT 7 AS number")
    before.terminate()
    own.kill_server("postgres")
    own.start_server("postgres")
    own.wait_ready("postgres")
    after = await asyncpg.connect(own.urls()["INSPRAAK_POSTGRES_URL"])
    assert await after.fetchval("SELECT number FROM kept") == 7
    await after.close()


async def test_postgresql_is_as_durable_as_in_production(own: Stack) -> None:
    connection = await asyncpg.connect(own.urls()["INSPRAAK_POSTGRES_URL"])
    settings = {name: await connection.fetchval(f"SHOW {name}") for name in ("fsync", "synchronous_commit")}
    assert settings == {"fsync": "on", "synchronous_commit": "on"}
    await connection.close()


async def test_a_service_s_user_may_do_what_its_worker_does_and_make_nothing(own: Stack) -> None:
    """The permissions that `deploy/k8s` gives, on a real broker."""
    url = own.urls()["INSPRAAK_AMQP_URL"]
    wanted = next(one for one in topologies() if one.service == "notifications")
    maker = Publisher(url, wanted)
    await maker.ready()
    await maker.close()
    rights = permissions(wanted)
    broker = own._own("rabbitmq")
    assert isinstance(broker, RabbitMq)
    broker.control("add_user", "limited", "limited")
    broker.control("set_permissions", "-p", VHOST, "limited", rights["configure"], rights["write"], rights["read"])
    limited = re.sub("//.*@", "//limited:limited@", url)
    given = replace(wanted, given=True)
    publisher, key = Publisher(limited, given), wanted.queues[1].bindings[0][1]
    message = aio_pika.Message(b"{}", message_id="1", delivery_mode=aio_pika.DeliveryMode.PERSISTENT)
    for exchange, to in (("events", key), ("", given.parked), *(("", wait) for wait in given.waits)):
        await publisher.publish((exchange, to, message))
    assert [sent.id for sent in await parked.replay(limited, given, publisher)] == ["1"]
    connection = await aio_pika.connect(limited)
    channel = await connection.channel()
    got = await (await channel.get_queue(given.service)).get()
    assert got is not None
    await got.ack()
    for forbidden in (channel.declare_queue("mine", durable=True), channel.declare_queue(given.service, durable=True)):
        with pytest.raises(ChannelAccessRefused):
            await forbidden
        await channel.reopen()
    with pytest.raises(ChannelAccessRefused):
        await (await channel.get_queue("unrouted")).get()
    await connection.close()
    await publisher.close()


async def test_what_rabbitmq_confirmed_is_there_after_a_crash(own: Stack) -> None:
    url = own.urls()["INSPRAAK_AMQP_URL"]
    arguments: dict[str, Any] = {"x-queue-type": "quorum"}
    first = await aio_pika.connect(url)
    await (await first.channel()).declare_queue("kept", durable=True, arguments=arguments)
    await first.close()
    own.end({"rabbitmq"})  # RabbitMQ 3.10 loses a quorum queue itself that was declared in the second before a crash
    own.start_servers()
    before = await aio_pika.connect(url)
    channel = await before.channel(publisher_confirms=True)
    await channel.default_exchange.publish(aio_pika.Message(b"7", delivery_mode=2), "kept")
    await before.close()
    own.kill_server("rabbitmq")
    own.start_server("rabbitmq")
    own.wait_ready("rabbitmq")
    after = await aio_pika.connect(url)
    queue = await (await after.channel()).declare_queue("kept", durable=True, arguments=arguments)
    async with queue.iterator(timeout=30) as messages:
        async for message in messages:
            assert message.body == b"7"
            await message.ack()
            break
    await after.close()


def test_helpers_of_a_server_that_runs_are_not_taken_for_strays(own: Stack) -> None:
    helpers = processes.strays(own.place.folder, [])
    assert helpers  # RabbitMQ's, sessions of their own
    assert processes.strays(own.place.folder, own.state.processes.values()) == []


async def test_redis_comes_back_empty_after_a_crash(own: Stack) -> None:
    url = own.urls()["INSPRAAK_REDIS_URL"]
    async with RedisClient.from_url(url) as before:
        await before.set("lost", 1)
    own.kill_server("redis")
    own.start_server("redis")
    own.wait_ready("redis")
    async with RedisClient.from_url(url) as after:
        assert await after.get("lost") is None


async def test_redis_and_postgresql_ask_for_their_passwords(own: Stack) -> None:
    urls = {name: urlsplit(url) for name, url in own.urls().items()}
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(host="127.0.0.1", port=urls["INSPRAAK_POSTGRES_URL"].port, user="postgres", password="no")
    redis = RedisClient.from_url(f"redis://:no@127.0.0.1:{urls['INSPRAAK_REDIS_URL'].port}")
    with pytest.raises(Exception, match=r"invalid username-password|WRONGPASS|Authentication"):
        await redis.ping()
    await redis.aclose()


def listeners() -> dict[int, set[str]]:
    """Local addresses (hexadecimal, as in proc(5)) on which somebody listens, by port."""
    found: dict[int, set[str]] = {}
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for fields in map(str.split, Path(table).read_text().splitlines()[1:]):
            if fields[3] == "0A":
                address, _, port = fields[1].partition(":")
                found.setdefault(int(port, 16), set()).add(address)
    return found


def test_every_server_listens_on_loopback_only(own: Stack) -> None:
    ours = {name: listeners()[port] for name, port in own.state.ports.items()}
    assert set(ours) == {"postgres", "rabbitmq", "rabbitmq_distribution", "epmd", "redis"}
    loopback = {"0100007F", "00000000000000000000000001000000"}  # 127.0.0.1 and ::1, words in this machine's order
    assert {address for addresses in ours.values() for address in addresses} <= loopback


@pytest.mark.skipif(os.geteuid() != 0, reason="only root starts servers as other users")
def test_no_server_runs_as_root(own: Stack) -> None:
    assert {Path(f"/proc/{one.pid}").stat().st_uid for one in own.state.processes.values()}.isdisjoint({0})


def test_nobody_else_reads_what_the_servers_say(own: Stack) -> None:
    folder = own.place.log("").parent
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(log.stat().st_mode) for log in folder.iterdir()} == {0o600}
    for name in ("postgres", "rabbitmq"):
        assert own.place.log(name).stat().st_size


def test_no_secret_is_on_a_command_line(own: Stack) -> None:
    lines = [Path(f"/proc/{one.pid}/cmdline").read_text() for one in own.state.processes.values()]
    assert [secret for secret in own.state.secrets.values() for line in lines if secret in line] == []


def test_starting_what_runs_changes_nothing(own: Stack) -> None:
    before = {name: one.pid for name, one in own.state.processes.items()}
    own.start_servers()
    assert {name: one.pid for name, one in own.state.processes.items()} == before


def test_nothing_of_them_is_left_after_a_run_that_fails(own: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("INSPRAAK_POSTGRES_URL", "INSPRAAK_AMQP_URL"):
        monkeypatch.setenv(name, own.urls()[name])
    instance = f"failed-{uuid4().hex[:8]}"
    seen: list[processes.Running] = []

    def failing_test() -> None:
        with servers(instance) as stack:
            seen.append(stack.state.processes["redis"])
            assert seen[0].alive
            raise RuntimeError("a test failed")

    with pytest.raises(RuntimeError, match="a test failed"):
        failing_test()
    assert not seen[0].alive
    assert not place_of(instance).folder.exists()
    assert processes.strays(place_of(instance).folder, []) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="as an ordinary user the servers are our own")
def test_a_folder_that_the_servers_users_cannot_reach_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ADDRESSES.values():
        monkeypatch.delenv(name, raising=False)
    hidden = tmp_path / "hidden"
    hidden.mkdir(mode=0o700)
    monkeypatch.setenv("INSPRAAK_DATA_FOLDER", str(hidden))
    with pytest.raises(StackError, match="the user postgres cannot reach the data folder"), servers("hidden"):
        raise AssertionError("it must not come this far")


def test_data_of_another_postgresql_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INSPRAAK_DATA_FOLDER", str(tmp_path))
    stack = Stack("old")
    data = stack.place.data("postgres") / "data"
    data.mkdir(parents=True)
    (data / "PG_VERSION").write_text("9\n")
    with pytest.raises(StackError, match=r"made by PostgreSQL 9, installed is \d+.*make reset"):
        stack.start_server("postgres")


def can_run(python: str, environment: dict[str, str]) -> bool:
    """Whether an ordinary user can run this Python with our libraries."""
    try:
        command = [python, "-c", "import inspraak_dev.stack"]
        return subprocess.run(command, env=environment, user="nobody", check=False, capture_output=True).returncode == 0
    except PermissionError:
        return False


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may become another user")
def test_a_missing_server_is_told_with_the_line_to_run_by_who_is_not_root(open_folder: Path) -> None:
    tools, data = open_folder / "tools", open_folder / "data"
    tools.mkdir()
    for name in ("apt-get", "sh", "env"):
        (tools / name).symlink_to(str(shutil.which(name)))
    data.mkdir()
    data.chmod(0o777)
    environment = {"PATH": str(tools), "INSPRAAK_DATA_FOLDER": str(data), "HOME": str(open_folder)}
    environment["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    python = next((one for one in (sys.executable, "/usr/bin/python3") if can_run(one, environment)), None)
    if python is None:
        pytest.skip("the clone or its Python is in a folder that other users cannot reach")
    command = [python, "-c", "from inspraak_dev.cli import main; main()", "up", "--servers-only"]
    ran = subprocess.run(command, env=environment, user="nobody", capture_output=True, text=True, check=False)
    assert ran.returncode == 1, ran.stderr
    assert "missing programs (redis-server); run this once as root, then try again:" in ran.stderr
    assert "-m inspraak_dev.apt" in ran.stderr
    assert list(data.glob("*/*/state.json")) == []


def test_every_server_is_found_where_debian_puts_it() -> None:
    assert [kind.find() is not None for kind in (Postgres, RabbitMq, Redis)] == [True, True, True]
