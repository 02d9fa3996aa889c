"""Deadlines and clients that leave, for all requests under way by one look every tenth of a second.

A timer for each request would cost five microseconds of each; a look at all of them costs less than one.
"""

import asyncio
from time import monotonic
from typing import Protocol

from gateway.telemetry import GONE

EVERY = 0.1
LISTEN_AFTER = 0.25  # seconds before it is worth asking whether the client is still there
GONE_AWAY = "gone"
TIMED_OUT = "timed out"


class Watched(Protocol):
    """A request under way, as the watch sees it."""

    task: "asyncio.Task[object]"
    started: float
    deadline: float
    verdict: str | None
    stoppable: bool  # whether its client's leaving ends it: only where nothing changes
    listener: "asyncio.Task[None] | None"

    async def gone(self) -> None:
        """Return when the client has left."""


class Watch:
    """The requests under way. A verdict cancels the task, which then reads it to know why."""

    def __init__(self) -> None:
        self._watched: set[Watched] = set()

    def add(self, request: Watched) -> None:
        """From here on the request's deadline counts."""
        self._watched.add(request)

    def remove(self, request: Watched) -> None:
        """The request is answered; nobody need listen for its client."""
        self._watched.discard(request)
        if request.listener is not None:
            request.listener.cancel()

    async def run(self) -> None:
        """Look at all until cancelled."""
        while True:
            await asyncio.sleep(EVERY)
            now = monotonic()
            for request in list(self._watched):
                self._look_at(request, now)

    def _look_at(self, request: Watched, now: float) -> None:
        if now > request.deadline:
            self._end(request, TIMED_OUT)
        elif request.stoppable and request.listener is None and now - request.started > LISTEN_AFTER:
            request.listener = asyncio.create_task(self._listen(request))

    async def _listen(self, request: Watched) -> None:
        await request.gone()
        if request in self._watched:
            GONE.inc()
            self._end(request, GONE_AWAY)

    def _end(self, request: Watched, verdict: str) -> None:
        if request.verdict is None:
            request.verdict = verdict
            request.task.cancel()
