"""Limits: the bucket by itself, the script in a real Redis, and both together behind the gateway."""

import asyncio
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest
from chassis.refusals import Refused
from gateway.exchange import shared_address
from gateway.limits import Limiter
from gateway.limits.bucket import Bucket
from gateway.limits.limiter import SHARE
from gateway.routes import Limit
from hypothesis import given
from hypothesis import strategies as st

VOTE = "/api/v1/polls/0196b1f2-0000-7000-8000-000000000001/vote"


def limit(burst: int, per_minute: float, by: str = "account") -> Limit:
    return Limit.model_validate({"by": by, "per_minute": per_minute, "burst": burst})


gaps = st.lists(st.floats(min_value=0, max_value=30), min_size=1, max_size=60)


@given(st.integers(1, 20), st.floats(1, 600), gaps)
def test_a_bucket_never_gives_more_than_its_burst_and_its_rate(
    burst: int, per_minute: float, pauses: list[float]
) -> None:
    bucket, now, given_at = Bucket(limit(burst, per_minute)), 1000.0, []
    for pause in pauses:
        now += pause
        if bucket.take("x", now) == 0:
            given_at.append(now)
    for first, start in enumerate(given_at):
        for last in range(first, len(given_at)):
            assert last - first + 1 <= burst + (given_at[last] - start) * per_minute / 60 + 1e-6


@given(st.integers(1, 20), st.floats(1, 600), gaps)
def test_who_waits_as_long_as_told_goes_on(burst: int, per_minute: float, pauses: list[float]) -> None:
    bucket, now = Bucket(limit(burst, per_minute)), 1000.0
    for pause in pauses:
        now += pause
        wait = bucket.take("x", now)
        if wait:
            now += wait + 1e-6
            assert bucket.take("x", now) == 0


def test_a_bucket_forgets_who_came_first_when_it_is_full() -> None:
    bucket = Bucket(limit(1, 1), remembered=10)
    for key in range(100):
        assert bucket.take(key, 1.0) == 0
    assert len(bucket) == 10


async def tries(limiter: Limiter, name: str, key: str, times: int) -> int:
    """How many of so many requests went on."""
    passed = 0
    for _ in range(times):
        refusal = None
        if not limiter.go_on(name, key):
            try:
                await limiter.check(name, key)
            except Refused as refused:
                refusal = refused
        if refusal is None:
            passed += 1
        else:
            assert refusal.status == 429
            assert refusal.facts["retry_after"] >= 1
    return passed


async def test_redis_gives_the_burst_and_no_more(redis: Any) -> None:
    limiter = Limiter({"codes": limit(30, 1, "address")}, redis)
    assert await tries(limiter, "codes", "198.51.100.1", 100) == 30
    assert await tries(limiter, "codes", "198.51.100.2", 10) == 10


async def test_redis_gives_back_at_the_rate(redis: Any) -> None:
    limiter = Limiter({"codes": limit(5, 1200, "address")}, redis)
    started = time.monotonic()
    passed = await tries(limiter, "codes", "x", 400)
    most = 5 + (time.monotonic() - started) * 20 + 1
    assert 5 <= passed <= most


async def test_what_a_process_gave_without_asking_counts(redis: Any) -> None:
    limiter = Limiter({"votes": limit(60, 1)}, redis)
    assert await tries(limiter, "votes", "x", 200) == 60


async def test_processes_together_give_little_more_than_one(redis: Any) -> None:
    limiters = [Limiter({"votes": limit(60, 1)}, redis) for _ in range(4)]
    passed = sum(await asyncio.gather(*(tries(each, "votes", "x", 100) for each in limiters)))
    assert 60 <= passed <= 60 + len(limiters) * 60 * SHARE


async def test_an_ordinary_voter_costs_redis_nothing(redis: Any) -> None:
    limiter = Limiter({"votes": limit(60, 60)}, redis)
    for voter in range(100):
        assert await tries(limiter, "votes", str(voter), 3) == 3
    assert await redis.dbsize() == 0


async def test_questions_that_arise_together_travel_together(redis: Any) -> None:
    limiter = Limiter({"codes": limit(5, 1, "address")}, redis)
    before = (await redis.info("commandstats")).get("cmdstat_evalsha", {}).get("calls", 0)
    outcomes = await asyncio.gather(
        *(limiter.check("codes", str(number % 20)) for number in range(200)), return_exceptions=True
    )
    asked = (await redis.info("commandstats"))["cmdstat_evalsha"]["calls"] - before
    assert sum(outcome is None for outcome in outcomes) == 100
    assert asked < 20


async def test_keys_go_when_they_no_longer_matter(redis: Any) -> None:
    limiter = Limiter({"codes": limit(5, 60, "address")}, redis)
    await tries(limiter, "codes", "x", 5)
    keys = await redis.keys("limit:*")
    assert len(keys) == 1
    assert 0 < await redis.pttl(keys[0]) <= 5000


@dataclass
class OwnRedis:
    """A Redis that a test may kill."""

    port: int
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        command = ["redis-server", "--port", str(self.port), "--save", "", "--appendonly", "no", "--bind", "127.0.0.1"]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL)  # noqa: S603
        deadline = time.monotonic() + 10
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            assert time.monotonic() < deadline
            time.sleep(0.02)

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


@pytest.fixture
def own_redis() -> Iterator[OwnRedis]:
    """A Redis of the test's own."""
    if shutil.which("redis-server") is None:
        pytest.skip("needs redis-server on this machine")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        mine = OwnRedis(free.getsockname()[1])
    mine.start()
    yield mine
    mine.kill()


async def test_without_redis_each_process_limits_alone_and_asks_again_when_it_is_back(
    start: Any, own_redis: OwnRedis, eventually: Any
) -> None:
    world = await start(redis_url=own_redis.url)

    async def codes(times: int) -> list[int]:
        return [(await world.ask("POST", "/api/v1/sign-in/codes", data=b"{}")).status for _ in range(times)]

    assert set(await codes(3)) == {200}
    own_redis.kill()
    during = await codes(200)
    assert set(during) == {200, 429}
    assert during.count(200) <= 125
    assert await world.metric("gateway_limits_alone") == 1
    await asyncio.to_thread(own_redis.start)

    async def asked_again() -> bool:
        await codes(1)
        return bool(await world.metric("gateway_limits_alone") == 0)

    await eventually(asked_again)


async def test_an_account_has_its_limit_wherever_it_comes_from_and_no_other_account_pays(world: Any) -> None:
    eager, other = world.bearer(uuid4()), world.bearer(uuid4())
    answers = [await world.ask("PUT", VOTE, headers=eager, data=b"{}") for _ in range(70)]
    statuses = [answer.status for answer in answers]
    assert statuses[:60] == [200] * 60
    assert 429 in statuses
    refused = answers[statuses.index(429)]
    assert refused.code == "too_many_requests"
    assert int(refused.headers["retry-after"]) >= 1
    assert (await world.ask("PUT", VOTE, headers=other, data=b"{}")).status == 200


async def test_a_school_signs_in_from_one_address(world: Any) -> None:
    statuses = [(await world.ask("POST", "/api/v1/sign-in/codes", data=b"{}")).status for _ in range(100)]
    assert set(statuses) == {200}


async def test_web_asks_for_each_client_by_its_own_address(world: Any) -> None:
    async def codes(client: str, times: int) -> list[int]:
        headers = {"x-inspraak-client": client}
        return [
            (await world.ask_within("POST", "/api/v1/sign-in/codes", headers=headers, data=b"{}")).status
            for _ in range(times)
        ]

    assert 429 in await codes("203.0.113.1", 130)
    assert await codes("203.0.113.2", 1) == [200]


@pytest.mark.parametrize(
    ("address", "shared"),
    [
        (b"203.0.113.1", "203.0.113.1"),
        (b"2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        (b"::ffff:203.0.113.1", "203.0.113.1"),
        (b"unix:", "unix:"),
    ],
)
def test_one_ipv6_subscriber_is_one_client(address: bytes, shared: str) -> None:
    assert shared_address(address) == shared
