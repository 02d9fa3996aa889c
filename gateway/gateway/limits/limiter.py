"""Who may go on, asked of Redis only when this process alone cannot say yes.

Each process lets a small share of every limit through by itself and tells Redis the number when it next asks about that
key, so an ordinary voter costs no round trip and no key in Redis. Questions that arise together travel together.
"""

import asyncio
import logging
import math
import time
from pathlib import Path

from chassis.refusals import Refused
from redis.asyncio import Redis
from redis.exceptions import RedisError

from gateway.limits.bucket import REMEMBERED, Bucket
from gateway.routes import Limit
from gateway.telemetry import LIMITED, LIMITS_ALONE, LIMITS_ASKED

SHARE = 0.1  # of a limit that one process gives without asking
ANSWER_WITHIN = 0.25
ALONE_FOR = 1.0  # after Redis failed, before it is asked again
AT_ONCE = 200
SCRIPT = Path(__file__).with_name("take.lua").read_text(encoding="utf-8")
logger = logging.getLogger("gateway.limits")


class _Rule:
    """One limit with what this process keeps for it."""

    def __init__(self, name: str, limit: Limit) -> None:
        self.name = name
        self.interval = limit.interval
        self.burst = limit.burst
        # An address stands for many: each of its requests is counted where all processes count.
        self.share = Bucket(limit, share=SHARE) if limit.by == "account" else None
        self.alone = Bucket(limit)
        self.debts: dict[int | str, int] = {}
        self.limited = LIMITED.labels(name)
        self.asked = LIMITS_ASKED.labels(name)


_Question = tuple[_Rule, int | str, asyncio.Future[float]]


class Limiter:
    """Enforces the table's limits."""

    def __init__(self, limits: dict[str, Limit], redis: "Redis | None") -> None:
        self._rules = {name: _Rule(name, limit) for name, limit in limits.items()}
        self._script = redis.register_script(SCRIPT) if redis is not None else None
        self._alone_until = 0.0
        self._questions: list[_Question] = []
        self._asking: asyncio.Task[None] | None = None

    def go_on(self, name: str, key: int | str) -> bool:
        """Whether this process can say by itself that the key may go on. If not, ask `check`."""
        rule = self._rules[name]
        if rule.share is None or rule.share.take(key, time.monotonic()):
            return False
        debts = rule.debts
        debts[key] = debts.pop(key, 0) + 1
        if len(debts) > REMEMBERED:
            del debts[next(iter(debts))]
        return True

    async def check(self, name: str, key: int | str) -> None:
        """Let the key go on or refuse it, as Redis says; as this process says while Redis does not answer.

        Raises:
            Refused: 429 `too_many_requests` with `retry_after` in seconds.
        """
        rule = self._rules[name]
        wait = await self._ask(rule, key)
        if wait > 0:
            rule.limited.inc()
            raise Refused("too_many_requests", status=429, limit=name, retry_after=math.ceil(wait))

    async def _ask(self, rule: _Rule, key: int | str) -> float:
        if self._script is None or time.monotonic() < self._alone_until:
            return rule.alone.take(key, time.monotonic())
        rule.asked.inc()
        answer: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self._questions.append((rule, key, answer))
        if self._asking is None:
            self._asking = asyncio.create_task(self._travel())
        return await answer

    async def _travel(self) -> None:
        """Ask Redis what there is to ask, and then what was asked meanwhile."""
        try:
            while self._questions:
                questions, self._questions = self._questions[:AT_ONCE], self._questions[AT_ONCE:]
                await self._ask_together(questions)
        finally:
            self._asking = None

    async def _ask_together(self, questions: list[_Question]) -> None:
        waits = await self._redis_says(questions)
        now = time.monotonic()
        for index, (rule, key, answer) in enumerate(questions):
            wait = rule.alone.take(key, now) if waits is None else waits[index] / 1e6
            if not answer.done():
                answer.set_result(wait)

    async def _redis_says(self, questions: list[_Question]) -> list[int] | None:
        if self._script is None:
            return None
        keys = [f"limit:{rule.name}:{key}" for rule, key, _ in questions]
        arguments = [
            fact
            for rule, key, _ in questions
            for fact in (round(rule.interval * 1e6), rule.burst, rule.debts.pop(key, 0))
        ]
        try:
            async with asyncio.timeout(ANSWER_WITHIN):
                waits: list[int] = await self._script(keys=keys, args=arguments)
        except (RedisError, OSError) as error:
            self._alone_until = time.monotonic() + ALONE_FOR
            LIMITS_ALONE.set(1)
            logger.warning("Redis does not answer, this process limits alone: %s", type(error).__name__)
            return None
        LIMITS_ALONE.set(0)
        return waits
