"""Polls that were read within the last second: while thousands look at one poll, it is read once a second a process.

What changes a poll in this process forgets it at the commit; another process shows what it knew a second ago at most.
Opening and closing need no forgetting: they are what the clock says of the remembered times. No vote comes from here.
"""

import time
from collections import OrderedDict
from collections.abc import Callable
from uuid import UUID

from voting.models import Poll

SECONDS = 1.0
MOST = 10_000
Key = tuple[UUID, UUID]  # tenant, poll


class RecentPolls:
    """Announced polls with their options, as they were read; only for reading."""

    def __init__(
        self, *, seconds: float = SECONDS, most: int = MOST, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._seconds, self._most, self._clock = seconds, most, clock
        self._polls: OrderedDict[Key, tuple[float, Poll]] = OrderedDict()

    def get(self, key: Key) -> Poll | None:
        """The poll, if it was read just now."""
        known = self._polls.get(key)
        if known is None or known[0] <= self._clock():
            return None
        return known[1]

    def put(self, key: Key, poll: Poll) -> None:
        """Remember a poll for a moment."""
        self._polls.pop(key, None)
        self._polls[key] = (self._clock() + self._seconds, poll)
        if len(self._polls) > self._most:
            self._polls.popitem(last=False)

    def forget(self, key: Key) -> None:
        """The poll has changed."""
        self._polls.pop(key, None)

    def clear(self) -> None:
        """Forget everything."""
        self._polls.clear()


RECENT = RecentPolls()
