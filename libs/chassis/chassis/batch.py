"""Group commit for hot paths: requests that arrive together are written by one statement in one transaction.

Each is answered only after that commit. On the measured machine this is the difference between 1,500 and 13,000 durable
votes a second. What is fixed here: the last write of a key wins and every writer of it is answered; rows are sorted by
key, since unsorted upserts deadlock; a batch that the database refuses for its data is split until the bad row fails
alone; the queue is bounded and sheds with 503. What was put is written, also when the one who asked has gone.
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any, Generic, Protocol, TypeVar

from prometheus_client import Counter, Histogram

from chassis.errors import about_values
from chassis.refusals import Refused

BATCH_ROWS = Histogram("batch_rows", "Rows written together", ("batch",), buckets=(1, 2, 5, 10, 20, 50, 100, 200, 500))
SHED = Counter("batch_shed_total", "Writes refused because the queue was full", ("batch",))


class Row(Protocol):
    """A row to write: its key is unique, sortable and decides which of two writes is the same fact."""

    @property
    def key(self) -> Hashable: ...


R = TypeVar("R", bound=Row)
Outcome = Refused | None
Write = Callable[[Sequence[R]], Awaitable[Sequence[Outcome]]]


@dataclass(slots=True)
class _Waiting(Generic[R]):
    row: R
    answers: "list[asyncio.Future[None]]"


class Batcher(Generic[R]):
    """Collects rows while the last batch commits, then writes them together.

    `write` gets rows with distinct keys in ascending order, writes them in one transaction that it commits, and returns
    for each row nothing (written) or a refusal. Several batches may be under way at once, on connections of their own.
    """

    def __init__(self, name: str, write: Write[R], *, most: int = 256, queue: int = 4096, writers: int = 2) -> None:
        """`most` rows a batch, `queue` rows waiting at the most, `writers` batches at once."""
        self._write = write
        self._most = most
        self._queue = queue
        self._free = writers
        self._pending: dict[Any, _Waiting[R]] = {}
        self._waiters = 0
        self._busy: set[Any] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._rows = BATCH_ROWS.labels(name)
        self._shed = SHED.labels(name)

    async def put(self, row: R) -> None:
        """Write a row; returns once it is committed.

        Raises:
            Refused: what `write` said of this row, or 503 `overloaded` when too many wait already.
            Exception: whatever else `write` raised; if the connection broke, nobody knows whether the row is written.
        """
        if max(self._waiters, len(self._pending)) >= self._queue:  # those who have gone left their rows behind
            self._shed.inc()
            raise Refused("overloaded", status=503)
        answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiting = self._pending.get(row.key)
        if waiting is None:
            self._pending[row.key] = _Waiting(row, [answer])
        else:
            waiting.row = row
            waiting.answers.append(answer)
        self._waiters += 1
        try:
            self._start()
            await answer
        finally:
            self._waiters -= 1

    async def drain(self) -> None:
        """Wait until everything that was put is written or refused."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    def _start(self) -> None:
        while self._free and (batch := self._take()):
            self._free -= 1
            self._rows.observe(len(batch))
            task = asyncio.get_running_loop().create_task(self._write_or_split(batch))
            self._tasks.add(task)
            task.add_done_callback(partial(self._finish, batch))

    def _take(self) -> list[_Waiting[R]]:
        """The next rows, none of whose keys is being written right now: two batches never race for one fact."""
        keys = sorted(islice((key for key in self._pending if key not in self._busy), self._most))
        self._busy.update(keys)
        return [self._pending.pop(key) for key in keys]

    def _finish(self, batch: list[_Waiting[R]], task: asyncio.Task[None]) -> None:
        if task.cancelled():  # the process ends without having drained
            _fail(batch, ConnectionAbortedError("the writing was cut off"))
        self._tasks.discard(task)
        self._busy.difference_update(waiting.row.key for waiting in batch)
        self._free += 1
        self._start()

    async def _write_or_split(self, batch: Sequence[_Waiting[R]]) -> None:
        error = await self._attempt(batch)
        if error is None:
            return
        if len(batch) > 1 and about_values(error):
            middle = len(batch) // 2
            await self._write_or_split(batch[:middle])
            await self._write_or_split(batch[middle:])
        else:
            _fail(batch, error)

    async def _attempt(self, batch: Sequence[_Waiting[R]]) -> Exception | None:
        """Write a batch and answer it, or say what went wrong."""
        try:
            outcomes = await self._write([waiting.row for waiting in batch])
            answered = list(zip(batch, outcomes, strict=True))
        except Exception as error:  # noqa: BLE001 - each writer gets it raised in its own request
            return error
        for waiting, outcome in answered:
            _settle(waiting, outcome)
        return None


def _fail(batch: Sequence[_Waiting[Any]], error: Exception) -> None:
    for waiting in batch:
        _settle(waiting, error)


def _settle(waiting: _Waiting[Any], outcome: Exception | None) -> None:
    for answer in waiting.answers:
        if answer.done():  # the one who asked has gone, or was answered before the rest was cut off
            continue
        if outcome is None:
            answer.set_result(None)
        else:
            answer.set_exception(outcome)
