"""A whole platform of one's own that tests may break: its servers and processes are killed and started by name."""

import asyncio
import contextlib
import dataclasses
import importlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import aio_pika
import aiohttp
import asyncpg
import pytest
from chassis.bus import topology
from chassis.parked import listed
from inspraak_dev.stack import Stack, StackError, lifecycle, probes, processes
from inspraak_dev.stack.server import HOST
from inspraak_dev.stack.stack import ADDRESSES
from inspraak_dev.stack.table import PUBLIC_PORT, TABLE, migration_settings, settings_of
from prometheus_client.parser import text_string_to_metric_families

WITHIN = 60.0  # seconds: two cores, busy with other tests
POLL = 0.05
ANSWER_WITHIN = 40.0  # more than any route's own deadline
PROGRAMS = Path(sys.executable).parent
VHOST = "inspraak"


async def eventually(check: Callable[[], Awaitable[Any]], *, within: float = WITHIN, what: str = "") -> Any:
    """What the check gives as soon as it gives something true."""
    deadline = time.monotonic() + within
    while not (found := await check()):
        assert time.monotonic() < deadline, f"not within {within:.0f} s: {what or check}"
        await asyncio.sleep(POLL)
    return found


@dataclasses.dataclass(frozen=True)
class Answer:
    """What came back, and after how many seconds."""

    status: int
    headers: Mapping[str, str]  # in any case
    body: bytes
    seconds: float

    @property
    def json(self) -> Any:
        """The body's JSON."""
        return json.loads(self.body)


class Platform:
    """Every server and every process of the platform, on ports and data of their own."""

    def __init__(self, stack: Stack, http: aiohttp.ClientSession) -> None:
        self.stack, self.http = stack, http
        self.port = stack.state.port(PUBLIC_PORT)
        self.gateway = f"http://{HOST}:{self.port}"
        self._altered: set[str] = set()  # processes that run in another role than their own
        self._beside: set[str] = set()

    def settings(self, name: str) -> dict[str, str]:
        """What a process is told, as environment variables, and for a service with a database its migrations too."""
        process = next(one for one in TABLE if one.name == name)
        told = settings_of(process, TABLE, self.stack.state, self.stack.urls())
        return told | (migration_settings(process, self.stack.state, self.stack.urls()) if process.database else {})

    # Asking

    async def ask(
        self, host: str, method: str, path: str, *, headers: Mapping[str, str] | None = None, **how: Any
    ) -> Answer:
        """One request at the public listener. An answer that does not come is a failure of the test."""
        began = time.monotonic()
        sent = {"host": f"{host}:{self.port}"} | dict(headers or {})
        how |= {"allow_redirects": False, "timeout": aiohttp.ClientTimeout(total=ANSWER_WITHIN)}
        async with self.http.request(method, self.gateway + path, headers=sent, **how) as answer:
            body = await answer.read()
            return Answer(answer.status, answer.headers, body, time.monotonic() - began)

    async def mails(self, to: str) -> list[dict[str, Any]]:
        """The mails that were caught for an address, newest first."""
        url = f"http://{HOST}:{self.stack.state.port('mail-catcher')}/api/mails"
        async with self.http.get(url, params={"to": to}) as answer:
            mails: list[dict[str, Any]] = (await answer.json())["mails"]
            return mails

    # Breaking and mending

    async def kill(self, name: str, number: signal.Signals = signal.SIGKILL) -> None:
        """Send a server or process a signal; with SIGKILL it is gone when this returns."""
        act = self.stack.kill_server if name in ADDRESSES else lambda *of: lifecycle.kill_process(self.stack, *of)
        await asyncio.to_thread(act, name, number)

    async def start(self, name: str, *, role: str | None = None) -> None:
        """Start a server or process that was killed, and wait until it answers and is ready."""
        with surroundings():
            await asyncio.to_thread(self._start, name, role)
        (self._altered.add if role else self._altered.discard)(name)

    def _start(self, name: str, role: str | None) -> None:
        if name in ADDRESSES:
            self.stack.start_server(name)
            self.stack.wait_ready(name)
        else:
            lifecycle.start_process(self.stack, name, role=role)
            lifecycle.wait_process(self.stack, name)

    async def restart(self, name: str) -> None:
        """Kill with -9 and start again."""
        await self.kill(name)
        await self.start(name)

    async def start_beside(self, name: str, role: str) -> str:
        """Another process of a service; gives its name."""
        with surroundings():
            beside = await asyncio.to_thread(lifecycle.start_beside, self.stack, name, role)
        self._beside.add(beside)
        await asyncio.to_thread(lifecycle.wait_process, self.stack, beside)
        return beside

    async def not_ready(self) -> dict[str, str]:
        """The processes that are not ready, with what they say."""

        def ask() -> dict[str, str]:
            ports = {process.name: process.ready_port(self.stack.state) for process in TABLE}
            ports |= {name: self.stack.state.port(name) for name in self._beside}
            return {name: said for name, port in ports.items() if (said := probes.ready(HOST, port))}

        return await asyncio.to_thread(ask)

    async def all_ready(self, within: float = WITHIN) -> None:
        """Wait until every process says that it is ready: nobody has to lend a hand."""
        deadline = time.monotonic() + within
        while said := await self.not_ready():
            assert time.monotonic() < deadline, f"not ready again after {within:.0f} s: {said}"
            await asyncio.sleep(POLL)

    async def mend(self) -> None:
        """After a test that failed half-way: everything runs again, in its own role, and nothing besides."""
        for name in self.stack.state.processes:
            with contextlib.suppress(StackError):
                await self.kill(name, signal.SIGCONT)
        await asyncio.to_thread(self.stack.end, self._altered | self._beside)
        self._altered.clear()
        self._beside.clear()
        with surroundings():
            await asyncio.to_thread(lifecycle.up, self.stack, tell=lambda _: None)

    # Looking inside, and commands

    @contextlib.asynccontextmanager
    async def owner(self, service: str) -> AsyncIterator[asyncpg.Connection]:
        """A service's database as its owner, whom no policy binds."""
        url = self.settings(service)["INSPRAAK_MIGRATION_DATABASE_URL"].replace("+asyncpg", "")
        connection = await asyncpg.connect(url, timeout=20)
        try:
            yield connection
        finally:
            await connection.close()

    async def rows(self, service: str, query: str, *values: Any) -> list[asyncpg.Record]:
        """Rows of a service's database."""
        async with self.owner(service) as connection:
            return list(await connection.fetch(query, *values))

    async def value(self, service: str, query: str, *values: Any) -> Any:
        """The first column of the first row."""
        async with self.owner(service) as connection:
            return await connection.fetchval(query, *values)

    async def waiting_for_locks(self, service: str) -> set[int]:
        """The connections of a service that wait for somebody else's lock, those of a killed process included."""
        return {row["pid"] for row in await self.transactions(service, "wait_event_type = 'Lock'")}

    async def transactions(self, service: str, condition: str) -> list[asyncpg.Record]:
        """A service's connections to its database that meet a condition, as the superuser sees them."""
        connection = await asyncpg.connect(self.stack.urls()["INSPRAAK_POSTGRES_URL"], timeout=20)
        try:
            query = f"SELECT * FROM pg_stat_activity WHERE usename = $1 AND datname = $1 AND {condition}"  # noqa: S608
            return list(await connection.fetch(query, service))
        finally:
            await connection.close()

    async def metric(self, name: str, metric: str, **labels: str) -> float:
        """A number that a process tells at /metrics; 0 before it is first counted."""
        port = next(one for one in TABLE if one.name == name).ready_port(self.stack.state)
        async with self.http.get(f"http://{HOST}:{port}/metrics") as answer:
            families = text_string_to_metric_families(await answer.text())
            samples = [sample for family in families for sample in family.samples if sample.name == metric]
        return sum(sample.value for sample in samples if labels.items() <= sample.labels.items())

    async def parked(self, service: str, text: str) -> list[str]:
        """The parked messages of a service that hold a text, as `<service> parked` lists them."""
        module = importlib.import_module(f"{service}.main").service
        wanted = topology(service, module.handlers.types)
        messages = map(str, await listed(self.stack.urls()["INSPRAAK_AMQP_URL"], wanted))
        return [line for line in messages if text in line]

    async def run(self, name: str, *arguments: str) -> tuple[int, str]:
        """A command of a service with the service's settings: its exit code and all that it said."""
        return await asyncio.to_thread(_run, [str(PROGRAMS / name), *arguments], self.settings(name))

    async def inspraak(self, *arguments: str) -> tuple[int, str]:
        """A command of `inspraak` on this stack, as `make` gives it."""
        command = [str(PROGRAMS / "inspraak"), "--instance", self.stack.place.instance, *arguments]
        return await asyncio.to_thread(_run, command, {})

    async def rabbitmqctl(self, *arguments: str) -> str:
        """What the broker's own tool says."""
        server: Any = self.stack.server("rabbitmq")
        said: str = await asyncio.to_thread(server.control, *arguments)
        return said

    @contextlib.asynccontextmanager
    async def policy(self, pattern: str, **definition: Any) -> AsyncIterator[None]:
        """A policy for queues at the broker, which takes the lower of its number and the queue's own."""
        arguments = ("-p", VHOST, "trial", pattern, json.dumps(definition), "--apply-to", "queues")
        await self.rabbitmqctl("set_policy", *arguments)
        try:
            yield
        finally:
            await self.rabbitmqctl("clear_policy", "-p", VHOST, "trial")

    @contextlib.asynccontextmanager
    async def channel(self) -> AsyncIterator[aio_pika.abc.AbstractChannel]:
        """A channel at the broker."""
        connection = await aio_pika.connect(self.stack.urls()["INSPRAAK_AMQP_URL"])
        try:
            yield await connection.channel()
        finally:
            await connection.close()

    async def publish(self, *messages: aio_pika.Message, queue: str | None = None) -> None:
        """Send messages to everybody who listens to their type, or to one queue; confirmed."""
        async with self.channel() as channel:
            events = await channel.get_exchange("events", ensure=False)
            for message in messages:
                exchange = channel.default_exchange if queue else events
                await exchange.publish(message, routing_key=queue or str(message.type), mandatory=True)

    @contextlib.asynccontextmanager
    async def tap(self, key: str) -> AsyncIterator[list[dict[str, Any]]]:
        """What is published under a routing key for the length of a block: the envelopes, one for each copy."""
        seen: list[dict[str, Any]] = []

        async def note(message: aio_pika.abc.AbstractIncomingMessage) -> None:
            seen.append(json.loads(message.body))

        async with self.channel() as channel:
            queue = await channel.declare_queue(exclusive=True)
            await queue.bind("events", key)
            await queue.consume(note, no_ack=True)
            yield seen


@contextlib.contextmanager
def surroundings() -> Iterator[None]:
    """The environment in which the stack is started: none of the servers that other tests use, few traces."""
    with pytest.MonkeyPatch.context() as patched:
        for variable in ADDRESSES.values():
            patched.delenv(variable, raising=False)
        patched.setenv("INSPRAAK_HTTP_PORT", "0")
        patched.setenv("INSPRAAK_TRACE_RATIO", "0.02")
        yield


def _run(command: list[str], settings: Mapping[str, str]) -> tuple[int, str]:
    kept = processes.base_environment()
    folder = {name: os.environ[name] for name in ("INSPRAAK_DATA_FOLDER", "XDG_STATE_HOME") if name in os.environ}
    done = subprocess.run(
        command, env={**kept, **folder, **settings}, capture_output=True, text=True, timeout=120, check=False
    )
    return done.returncode, done.stdout + done.stderr
