"""How the worker's loops wait: bounded, spread out, and never past the moment they are told to stop."""

import asyncio
import random
from collections.abc import Awaitable, Callable


class Backoff:
    """Waits that double from `first` to `most` seconds, each shortened at random by up to half."""

    def __init__(self, *, first: float = 0.2, most: float = 5.0) -> None:
        self._first, self._most = first, most
        self._wait = first

    def next(self) -> float:
        """The seconds to wait after one more failure."""
        wait, self._wait = self._wait, min(2 * self._wait, self._most)
        return wait * random.uniform(0.5, 1)

    def reset(self) -> None:
        """Something worked: the next failure waits little again."""
        self._wait = self._first


async def pause(stop: asyncio.Event, seconds: float) -> None:
    """Wait so long, or until told to stop."""
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return


async def every(stop: asyncio.Event, seconds: float, act: Callable[[], Awaitable[None]]) -> None:
    """Do something at once and then again and again until told to stop."""
    while not stop.is_set():
        await act()
        await pause(stop, seconds)
