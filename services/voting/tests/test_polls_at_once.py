"""What happens to one poll at one moment, in sessions of their own: each waits until the other is done."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from chassis.clock import utc_now
from chassis.resources import Resources
from chassis.testing import Answer
from voting.main import service
from voting.recent import RECENT

WAITING = """
select count(distinct pid) from pg_locks join pg_stat_activity using (pid)
where datname = current_database() and not granted
"""


@pytest.fixture
async def held(town: Any) -> AsyncIterator[Resources]:
    resources = Resources.of(town.visitor.settings)
    yield resources
    await resources.engine.dispose()


@asynccontextmanager
async def holding(town: Any, poll_id: str) -> AsyncIterator[Callable[[int], Awaitable[None]]]:
    """Holds a poll for a block, in which it gives a way to wait until so many others wait for it."""

    async def until_waiting(others: int) -> None:
        watcher = await asyncpg.connect(str(town.visitor.settings.migration_database_url).replace("+asyncpg", ""))
        async with asyncio.timeout(8):
            while await watcher.fetchval(WAITING) < others:  # outside of a transaction, which would see no change
                pass
        await watcher.close()

    async with town.owner.transaction():
        await town.owner.execute("select 1 from polls where id = $1 for update", UUID(poll_id))
        yield until_waiting


async def timers_of(town: Any, poll_id: str) -> dict[str, datetime]:
    rows = await town.owner.fetch("select kind, due_at from due where subject = $1", UUID(poll_id))
    return {row["kind"]: row["due_at"] for row in rows}


def asking(town: Any, poll_id: str, action: str) -> "asyncio.Task[Answer]":
    body = None if action == "publish" else {"reason": town.reason}
    if action == "extend":
        body = {"reason": town.reason, "closes_at": town.moment(hours=9)}
    return asyncio.create_task(town.act(poll_id, action, body))


@pytest.mark.parametrize(
    ("action", "status", "code"),
    [
        ("extend", 409, "poll_not_running"),
        ("close", 409, "poll_not_open"),
        ("cancel", 409, "poll_not_running"),
        ("publish", 200, None),
    ],
)
async def test_a_poll_whose_closing_time_passed_while_an_official_waited_has_closed(
    town: Any, action: str, status: int, code: str | None
) -> None:
    poll_id = await town.announced()
    async with holding(town, poll_id) as until_waiting:
        asked = asking(town, poll_id, action)
        await until_waiting(1)
        await town.owner.execute("update polls set closes_at = clock_timestamp() where id = $1", UUID(poll_id))
        RECENT.clear()
    answer = await asked
    assert (answer.status, answer.json.get("code")) == (status, code), answer.json


@pytest.mark.parametrize(
    ("action", "timers"), [("extend", {"close_poll"}), ("close", {"forget_voters"}), ("cancel", {"forget_voters"})]
)
async def test_an_official_who_is_there_before_the_closing_timer_is_obeyed_and_neither_waits_forever(
    town: Any, held: Resources, caplog: pytest.LogCaptureFixture, action: str, timers: set[str]
) -> None:
    poll_id = await town.announced()
    async with holding(town, poll_id) as until_waiting:
        asked = asking(town, poll_id, action)
        await until_waiting(1)
        # an hour and a second from now the poll, which closes in an hour, is to be closed
        timer = asyncio.create_task(service.timers.run_next(held.sessions, utc_now() + timedelta(seconds=3601)))
        await until_waiting(2)
    answer = await asked
    assert answer.status == 200, answer.json
    assert await timer is True
    assert not [record for record in caplog.records if record.name == "chassis.due"], "the timer did not fail"
    left = await timers_of(town, poll_id)
    assert set(left) == timers
    if action == "extend":
        assert left["close_poll"] == datetime.fromisoformat(answer.json["closes_at"])
    assert (await town.poll(poll_id)).json["version"] == answer.json["version"], "the timer changed nothing"


async def test_the_opening_and_the_closing_of_a_poll_that_come_late_and_at_once_do_not_wait_for_one_another(
    town: Any, held: Resources, caplog: pytest.LogCaptureFixture
) -> None:
    poll_id = await town.announced(**town.window(opens=3600, closes=7200))
    later = utc_now() + timedelta(hours=3)
    async with holding(town, poll_id) as until_waiting:
        both = [asyncio.create_task(service.timers.run_next(held.sessions, later)) for _ in range(2)]
        await until_waiting(2)
    assert await asyncio.gather(*both) == [True, True]
    assert not [record for record in caplog.records if record.name == "chassis.due"], "neither failed"
    assert set(await timers_of(town, poll_id)) == {"forget_voters"}
    assert await town.events() == ["poll_scheduled", "poll_closed"]
