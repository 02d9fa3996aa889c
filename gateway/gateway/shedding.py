"""Shedding load: how many requests a service has at once, who waits, and who is sent away.

Every service has a gate of its own on each listener (a bulkhead), so that one that hangs takes no other's room. At a
gate the classes have their order: the less important one may fill only a part, and waits behind the more important.
"""

import asyncio
from collections import deque

from chassis.refusals import Refused

from gateway.routes import CLASSES
from gateway.telemetry import SHED

PATIENCE = 1.0  # seconds: who waited that long for a turn is better told to come back
SHARES = (1.0, 0.9, 0.85, 0.75)  # of the room, by class: votes always find a place that reads cannot take


class Gate:
    """Bounded room with bounded waiting."""

    def __init__(self, service: str, in_flight: int, waiting: int, *, patience: float = PATIENCE) -> None:
        self._service = service
        self._room = tuple(max(1, int(in_flight * share)) for share in SHARES)
        self._queues: tuple[deque[asyncio.Future[None]], ...] = tuple(deque() for _ in CLASSES)
        self._most_waiting = tuple(int(waiting * share) for share in SHARES)
        self._patience = patience
        self.inside = 0
        self.waiting = 0

    def try_enter(self, rank: int) -> bool:
        """Enter at once where there is room and nobody more or as important waits."""
        if self.inside >= self._room[rank] or (self.waiting and any(self._queues[: rank + 1])):
            return False
        self.inside += 1
        return True

    async def enter(self, rank: int) -> None:
        """Enter, waiting for a turn if need be. Who enters leaves by `leave`.

        Raises:
            Refused: 503 `overloaded`, when too many wait already or the turn did not come in time.
        """
        if self.try_enter(rank):
            return
        if self.waiting >= self._most_waiting[rank]:
            raise self._shed(rank)
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        queue = self._queues[rank]
        queue.append(turn)
        self.waiting += 1
        try:
            async with asyncio.timeout(self._patience):
                await turn
        except BaseException as error:
            if turn.done() and not turn.cancelled():
                self.leave()  # the turn came in the moment of giving up
            elif turn in queue:  # else it was called in that moment, in vain
                queue.remove(turn)
                self.waiting -= 1
            if isinstance(error, TimeoutError):
                raise self._shed(rank) from None
            raise

    def leave(self) -> None:
        """Give the place back, to the most important of those who wait."""
        self.inside -= 1
        if self.waiting:
            self._call()

    def _call(self) -> None:
        for rank, queue in enumerate(self._queues):
            while queue and self.inside < self._room[rank]:
                turn = queue.popleft()
                self.waiting -= 1
                if not turn.done():  # who gives up is heard of a moment later than its turn
                    self.inside += 1
                    turn.set_result(None)

    def _shed(self, rank: int) -> Refused:
        SHED.labels(self._service, CLASSES[rank]).inc()
        return Refused("overloaded", status=503)
