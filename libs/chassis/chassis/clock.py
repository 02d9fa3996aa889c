"""Time and identifiers as arguments: nothing below a route or a worker loop asks the machine for the time."""

import secrets
import time
from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from fastapi import Depends

VERSION_AND_VARIANT = (0x7 << 76) | (0b10 << 62)


def utc_now() -> datetime:
    """The time, aware, in UTC."""
    return datetime.now(UTC)


async def _now() -> datetime:
    return utc_now()


Now = Annotated[datetime, Depends(_now)]


def uuid7() -> UUID:
    """A time-ordered UUID (RFC 9562 §5.7): milliseconds in the first 48 bits, 74 random bits behind them."""
    milliseconds = time.time_ns() // 1_000_000
    random_a, random_b = secrets.randbits(12), secrets.randbits(62)
    return UUID(int=(milliseconds << 80) | VERSION_AND_VARIANT | (random_a << 64) | random_b)
