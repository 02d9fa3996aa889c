"""People who vote through the gateway all the time, and the book of what was promised to them."""

import asyncio
import contextlib
import itertools
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.integration.platform import WITHIN, Answer, eventually
from tests.integration.world import Government, Person

AT_ONCE = 12
PACE = 0.03  # seconds between two votes of one connection: a crowd, and room for others on two cores
PATIENCE = 0.3  # seconds at the most before a vote that was put off is cast again, however long they were asked to wait


@dataclass(frozen=True)
class Cast:
    """One request to vote, and what became of it. Moments are seconds since the epoch."""

    person: Person
    option: int
    began: float
    answer: Answer


@dataclass
class Crowd:
    """Votes in one poll. Each person votes until they are told that it is stored, then the next one does."""

    government: Government
    poll: str
    options: int = 3
    casts: list[Cast] = field(default_factory=list)
    accepted: dict[Person, int] = field(default_factory=dict)

    async def cast(self, person: Person, option: int) -> Cast:
        """One request."""
        began = time.time()
        answer = await self.government.ask("PUT", self.path, {"choices": [option]}, by=person)
        self.casts.append(Cast(person, option, began, answer))
        if answer.status == 200:
            self.accepted[person] = option
        return self.casts[-1]

    @property
    def path(self) -> str:
        return f"/api/v1/polls/{self.poll}/vote"

    async def until_stored(self, person: Person, option: int) -> None:
        """As a person does: the same vote again until it is stored."""
        deadline = time.monotonic() + WITHIN
        while (cast := await self.cast(person, option)).answer.status != 200:
            assert time.monotonic() < deadline, f"a vote was not stored within {WITHIN:.0f} s: {cast.answer}"
            await asyncio.sleep(random.uniform(0.05, PATIENCE))

    @contextlib.asynccontextmanager
    async def voting(self, *, at_once: int = AT_ONCE) -> AsyncIterator["Crowd"]:
        """People vote, one after the other from several connections, for the length of a block."""
        people, stop = self.in_turn(), asyncio.Event()

        async def connection() -> None:
            while not stop.is_set():
                with next(people) as person:
                    await self.until_stored(person, random.randint(1, self.options))
                await asyncio.sleep(PACE)

        async with asyncio.TaskGroup() as connections:
            for _ in range(at_once):
                connections.create_task(connection())
            yield self
            stop.set()

    async def until_closed(self, *, at_once: int) -> None:
        """People vote from so many connections, without a pause, until each connection is told that it is over."""
        people = self.in_turn()

        async def connection() -> None:
            while True:
                with next(people) as person:
                    answer = (await self.cast(person, random.randint(1, self.options))).answer
                if answer.status != 200:
                    assert (answer.status, answer.json["code"]) == (409, "poll_not_open"), answer
                    return

        await asyncio.gather(*(connection() for _ in range(at_once)))

    def in_turn(self) -> Iterator[contextlib.AbstractContextManager[Person]]:
        """Everybody in turn, and then again to change their votes; nobody votes from two connections at once."""
        busy: set[Person] = set()

        @contextlib.contextmanager
        def at_the_ballot(person: Person) -> Iterator[Person]:
            busy.add(person)
            try:
                yield person
            finally:
                busy.discard(person)

        for person in itertools.cycle(self.government.people):
            if person not in busy:
                yield at_the_ballot(person)

    async def goes_on(self, votes: int = 40, within: float = 60.0) -> None:
        """Wait until so many more votes are stored: everything flows."""
        goal = self.statuses()[200] + votes

        async def reached() -> bool:
            return self.statuses()[200] >= goal

        await eventually(reached, within=within, what=f"{votes} more votes")

    async def asks_on(self, requests: int = 40, within: float = 60.0) -> None:
        """Wait until so many more requests are answered, whatever the answers are."""
        goal = len(self.casts) + requests

        async def reached() -> bool:
            return len(self.casts) >= goal

        await eventually(reached, within=within, what=f"{requests} more answers")

    # The book

    def statuses(self, since: float = 0.0) -> Counter[int]:
        """How often each status was answered to requests that began since then."""
        return Counter(cast.answer.status for cast in self.casts if cast.began >= since)

    def slowest(self) -> float:
        """The longest that anybody waited for an answer, in seconds."""
        return max(cast.answer.seconds for cast in self.casts)

    def put_off_without_a_time(self) -> list[Cast]:
        """Answers 503 or 429 that do not say when to come back."""
        put_off = (cast for cast in self.casts if cast.answer.status in (429, 503))
        return [cast for cast in put_off if not cast.answer.headers.get("retry-after", "").isdecimal()]

    def by_option(self) -> dict[int, int]:
        """How many people were told that their vote for an option is stored."""
        return dict(Counter(self.accepted.values()))

    async def stored(self) -> int:
        """How many votes the database holds."""
        query = "SELECT count(*) FROM votes WHERE poll_id = $1"
        return int(await self.government.platform.value("voting", query, self.poll))


def first_choices(result: dict[str, Any]) -> dict[int, int]:
    """The votes by option of a result by `single`; options without votes are left out."""
    (counted,) = (one for one in result["results"] if one["rule"] == "single")
    totals = counted["rounds"][0]["totals"] if counted["rounds"] else {}
    return {int(option): int(votes) for option, votes in totals.items() if votes != "0"}
