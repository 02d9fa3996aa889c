"""GCRA in this process's memory: the token bucket as one number a key, the time at which it is full again."""

from collections.abc import Hashable

from gateway.routes import Limit

REMEMBERED = 20_000


class Bucket:
    """One limit, or a share of one, for many keys. At most `remembered` keys; the one that came first goes first."""

    def __init__(self, limit: Limit, *, share: float = 1.0, remembered: int = REMEMBERED) -> None:
        self._interval = limit.interval / share
        self._room = max(1, int(limit.burst * share)) * self._interval
        self._remembered = remembered
        self._arrivals: dict[Hashable, float] = {}

    def take(self, key: Hashable, now: float) -> float:
        """0 when the key may go on, else the seconds until it may."""
        arrival = max(self._arrivals.pop(key, now), now)
        wait = arrival - now - (self._room - self._interval)  # in this order it is exact where the room is one
        if wait <= 0:
            arrival += self._interval
            wait = 0.0
        self._arrivals[key] = arrival
        if len(self._arrivals) > self._remembered:
            del self._arrivals[next(iter(self._arrivals))]
        return wait

    def __len__(self) -> int:
        return len(self._arrivals)
