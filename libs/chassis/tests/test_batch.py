import asyncio
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from chassis.batch import BATCH_ROWS, SHED, Batcher
from chassis.db import create_engine, session_maker
from chassis.refusals import Refused
from chassis.testing import Database
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from libs.chassis.tests import entries as program
from libs.chassis.tests.entries import GENT, LEUVEN, Entry, Put, Writer

SLOW_ROWS = (  # so that two statements are under way at once
    "create function slow() returns trigger language plpgsql as 'begin perform pg_sleep(0.002); return new; end'",
    "create trigger slow before insert on entries for each row execute function slow()",
)


@pytest.fixture
async def engine(entries: Database) -> AsyncIterator[AsyncEngine]:
    made = create_engine(entries.url, pool=5)
    yield made
    await made.dispose()


@pytest.fixture
def writer(engine: AsyncEngine) -> Writer:
    return Writer(session_maker(engine))


async def begun(*coroutines: Coroutine[Any, Any, None]) -> list[asyncio.Task[None]]:
    """The coroutines as tasks that ran until their first wait, in this order."""
    tasks = [asyncio.create_task(coroutine) for coroutine in coroutines]
    await asyncio.sleep(0)
    return tasks


async def outcomes(tasks: list[asyncio.Task[None]]) -> list[BaseException | None]:
    return await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 20)


async def test_rows_that_arrive_while_a_batch_is_written_are_written_together(writer: Writer) -> None:
    batcher = Batcher("together", writer, writers=1)
    tasks = await begun(*(batcher.put(Put(number)) for number in range(50)))
    writer.go_on.set()
    assert await outcomes(tasks) == [None] * 50
    assert [len(batch) for batch in writer.batches] == [1, 49]
    assert len(await writer.stored()) == 50


async def test_each_is_answered_only_after_the_commit(writer: Writer) -> None:
    batcher = Batcher("after the commit", writer)
    writer.go_on.set()

    async def put_and_look(number: int) -> bool:
        await batcher.put(Put(number))
        return number in await writer.stored()

    assert all(await asyncio.gather(*(put_and_look(number) for number in range(20))))


async def test_the_last_write_of_a_key_wins_and_everyone_who_wrote_it_is_answered(writer: Writer) -> None:
    batcher = Batcher("last write", writer, writers=1)
    tasks = await begun(batcher.put(Put(0)), *(batcher.put(Put(7, value)) for value in (1, 2, 3)))
    writer.go_on.set()
    assert await outcomes(tasks) == [None] * 4
    assert writer.batches[1] == [Put(7, 3)]
    assert await writer.stored() == {0: 0, 7: 3}


async def test_rows_are_written_in_the_order_of_their_keys(writer: Writer) -> None:
    batcher = Batcher("sorted", writer, writers=1)
    tasks = await begun(*(batcher.put(Put(number, tenant=tenant)) for number in (9, 3, 5) for tenant in (GENT, LEUVEN)))
    writer.go_on.set()
    await outcomes(tasks)
    assert [row.key for row in writer.batches[1]] == [(LEUVEN, 3), (LEUVEN, 5), (LEUVEN, 9), (GENT, 3), (GENT, 5)]
    assert len(await writer.stored(LEUVEN, GENT)) == 3


@pytest.mark.parametrize(
    "bad",
    [Put(500, -1), Put(500, 2**31), Put(500, note="a zero byte: \0"), Put(500, note="half a pair: \ud800")],
    ids=["a broken constraint", "too large", "a zero byte", "no text"],
)
async def test_a_row_that_the_database_refuses_fails_alone(writer: Writer, bad: Put) -> None:
    batcher = Batcher("bad row", writer, writers=1)
    tasks = await begun(*(batcher.put(Put(number)) for number in range(21)), batcher.put(bad))
    writer.go_on.set()
    *good, failed = await outcomes(tasks)
    assert good == [None] * 21
    assert isinstance(failed, DBAPIError)
    assert sorted(await writer.stored()) == list(range(21))
    assert len(writer.batches) < 2 * 10, "halves, not one by one"


async def test_every_row_of_a_batch_may_be_bad(writer: Writer) -> None:
    batcher = Batcher("all bad", writer, writers=1)
    tasks = await begun(*(batcher.put(Put(number, -1)) for number in range(9)))
    writer.go_on.set()
    assert all(isinstance(outcome, DBAPIError) for outcome in await outcomes(tasks))
    assert await writer.stored() == {}


async def test_a_refusal_is_of_its_own_row_only(writer: Writer) -> None:
    batcher = Batcher("refusals", writer, writers=1)
    writer.closed.add(2)
    tasks = await begun(*(batcher.put(Put(number)) for number in (1, 2, 3, 2)))
    writer.go_on.set()
    first, second, third, fourth = await outcomes(tasks)
    assert (first, third) == (None, None)
    assert isinstance(second, Refused)
    assert isinstance(fourth, Refused)
    assert second.facts == fourth.facts == {"number": 2}
    assert await writer.stored() == {1: 0, 3: 0}


async def test_a_full_queue_sheds_with_503_and_takes_again_once_there_is_room(writer: Writer) -> None:
    batcher = Batcher("full", writer, writers=1, queue=4)
    tasks = await begun(*(batcher.put(Put(number)) for number in range(4)))
    for number in (4, 0):  # also for a key that waits already: its answer has to wait too
        with pytest.raises(Refused) as shed:
            await batcher.put(Put(number))
        assert (shed.value.code, shed.value.status) == ("overloaded", 503)
    writer.go_on.set()
    assert await outcomes(tasks) == [None] * 4
    await batcher.put(Put(4))
    assert sorted(await writer.stored()) == [0, 1, 2, 3, 4]
    assert SHED.labels("full")._value.get() == 2


async def test_those_who_put_and_go_away_do_not_fill_the_memory(writer: Writer) -> None:
    batcher = Batcher("gone", writer, writers=1, queue=4)
    held = await begun(batcher.put(Put(0)))
    for number in range(1, 5):
        (task,) = await begun(batcher.put(Put(number)))
        task.cancel()
        await outcomes([task])
    with pytest.raises(Refused, match="overloaded"):
        await batcher.put(Put(5))
    writer.go_on.set()
    await outcomes(held)
    await batcher.drain()  # the rows of those who have gone


async def test_one_who_goes_away_spoils_nothing_for_the_others(writer: Writer) -> None:
    batcher = Batcher("cancelled", writer, writers=1)
    tasks = await begun(*(batcher.put(Put(number, value)) for number, value in ((0, 0), (1, 1), (1, 2), (2, 0))))
    for gone in (tasks[0], tasks[2]):  # one whose row is being written, one whose row waits
        gone.cancel()
    writer.go_on.set()
    given_up = [isinstance(outcome, asyncio.CancelledError) for outcome in await outcomes(tasks)]
    assert given_up == [True, False, True, False]
    await batcher.drain()
    assert await writer.stored() == {0: 0, 1: 2, 2: 0}


async def test_a_lost_connection_reaches_all_who_wait_for_it_and_the_batcher_goes_on(
    writer: Writer, engine: AsyncEngine
) -> None:
    batcher = Batcher("connection lost", writer, writers=1)
    writer.go_on.set()
    async with engine.begin() as blocking, engine.connect() as watching:
        await blocking.execute(text("lock table entries in share mode"))
        tasks = await begun(*(batcher.put(Put(number)) for number in (1, 2, 2)))
        await _end_the_one_who_waits(watching)
    lost = await outcomes(tasks)
    assert isinstance(lost[0], DBAPIError)
    assert lost[0].connection_invalidated
    assert lost[1:] == [None, None], "the next batch has a connection of its own"
    assert await writer.stored() == {2: 0}


async def _end_the_one_who_waits(connection: Any) -> None:
    """End the connection of the batch, once it waits for the lock."""
    statement = text("select pg_terminate_backend(pid) from pg_locks where not granted")
    async with asyncio.timeout(10):
        while not (await connection.execute(statement)).all():
            await connection.rollback()
            await asyncio.sleep(0.01)


async def test_a_mistake_of_the_writer_is_everybodys_error_and_nobody_waits_for_ever() -> None:
    async def says_too_little(_rows: Any) -> list[None]:
        return [None]

    async def falls(_rows: Any) -> list[None]:
        raise ZeroDivisionError

    for write, error in ((says_too_little, ValueError), (falls, ZeroDivisionError)):
        batcher: Batcher[Put] = Batcher("mistake", write, writers=1)
        tasks = await begun(*(batcher.put(Put(number)) for number in range(3)))
        assert [type(outcome) for outcome in await outcomes(tasks)][1:] == [error, error]


async def test_draining_waits_until_everything_is_written(writer: Writer) -> None:
    batcher = Batcher("drain", writer, writers=2, most=3)
    tasks = await begun(*(batcher.put(Put(number)) for number in range(20)))
    draining = asyncio.create_task(batcher.drain())
    await asyncio.sleep(0)
    assert not draining.done()
    writer.go_on.set()
    await asyncio.wait_for(draining, 20)
    assert all(task.done() for task in tasks)
    assert len(await writer.stored()) == 20
    await batcher.drain()  # nothing to do


async def test_who_waits_is_told_when_the_writing_is_cut_off(writer: Writer) -> None:
    batcher = Batcher("cut off", writer, writers=1)
    tasks = await begun(batcher.put(Put(1)))
    (writing,) = batcher._tasks
    writing.cancel()
    assert [type(outcome) for outcome in await outcomes(tasks)] == [ConnectionAbortedError]


async def test_the_sizes_of_batches_are_measured(writer: Writer) -> None:
    batcher = Batcher("measured", writer, writers=1)
    tasks = await begun(*(batcher.put(Put(number)) for number in range(5)))
    writer.go_on.set()
    await outcomes(tasks)
    assert BATCH_ROWS.labels("measured")._sum.get() == 5


puts = st.lists(st.builds(Put, number=st.integers(0, 5), value=st.integers(-1, 9)), min_size=1, max_size=40)


@given(puts=puts, waits=st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=25)
async def test_two_batches_never_write_the_same_key_at_once_and_the_last_good_write_stays(
    engine: AsyncEngine, puts: list[Put], waits: st.DataObject
) -> None:
    writer = Writer(session_maker(engine))  # which asserts it
    writer.go_on.set()
    async with engine.begin() as connection:
        await connection.execute(text("select set_config('app.tenant_ids', :t, true)"), {"t": str(LEUVEN)})
        await connection.execute(text("delete from entries"))
    batcher = Batcher("at once", writer, writers=3, most=2)
    tasks = []
    for row in puts:
        tasks.append(asyncio.create_task(batcher.put(row)))
        if waits.draw(st.booleans()):
            await asyncio.sleep(0)
    for task, outcome in zip(tasks, await outcomes(tasks), strict=True):
        assert outcome is None or isinstance(outcome, DBAPIError), task
    assert all(value >= 0 for value in (await writer.stored()).values())
    last = {row.number: row.value for row in puts}
    stored = await writer.stored()
    assert all(stored[number] == value for number, value in last.items() if value >= 0)


async def test_two_processes_that_write_the_same_keys_never_deadlock(
    tables: Callable[..., Awaitable[Database]],
) -> None:
    database = await tables(Entry)
    owner = create_engine(database.owner_url, pool=2)
    async with owner.begin() as connection:
        for statement in SLOW_ROWS:
            await connection.execute(text(statement))
    await owner.dispose()
    both = [
        await asyncio.create_subprocess_exec(
            sys.executable, str(Path(program.__file__)), database.url, order, stdin=PIPE, stdout=PIPE
        )
        for order in ("ascending", "descending")
    ]
    for process in both:
        assert process.stdout
        assert await process.stdout.readline() == b"ready\n"
    said = await asyncio.gather(*(process.communicate(b"go\n") for process in both))
    assert [out for out, _ in said] == [b"180 written\n"] * 2
    engine = create_engine(database.url, pool=2)
    assert len(await Writer(session_maker(engine)).stored()) == program.KEYS
    await engine.dispose()
