"""Wall clock and instants: officials type Belgian time, the API takes and gives instants.

The last Sunday of March lacks an hour, that of October has one twice: both have to be told apart from a slip.
"""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Literal

from chassis.local_time import BRUSSELS

ISO_DAY = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})")
BELGIAN_DAY = re.compile(r"(\d{1,2})[-/. ](\d{1,2})[-/. ](\d{4})")  # where a browser has no field for dates
HOUR = re.compile(r"(\d{1,2})(?:\s*[:.hHuU]\s*(\d{2})?)?(?::\d{2})?\s*(?:uur|h|Uhr)?")
Turn = Literal["first", "second"]


@dataclass(frozen=True, slots=True)
class Skipped:
    """The clocks never show this time; `instead` is what they show as long after the gap."""

    instead: datetime


@dataclass(frozen=True, slots=True)
class Twice:
    """The clocks show this time twice, an hour apart."""

    first: datetime
    second: datetime


def instant(local: datetime) -> datetime | Skipped | Twice:
    """The instant (UTC) at which clocks in Belgium show `local`, a datetime without a zone."""
    first, second = (local.replace(tzinfo=BRUSSELS, fold=fold).astimezone(UTC) for fold in (0, 1))
    if first == second:
        return first
    shown = on_the_wall(first)
    return Twice(first, second) if shown == local else Skipped(shown)


def on_the_wall(at: datetime) -> datetime:
    """What clocks in Belgium show at an instant, without a zone."""
    return at.astimezone(BRUSSELS).replace(tzinfo=None, fold=0)


def turn(at: datetime) -> Turn | None:
    """Of an instant whose time comes twice, which of the two it is."""
    both = instant(on_the_wall(at))
    if not isinstance(both, Twice):
        return None
    return "first" if at == both.first else "second"


def day(text: str) -> date | None:
    """The day that somebody typed: as a browser's date field sends it, or as 27/6/2027."""
    if found := ISO_DAY.fullmatch(text.strip()):
        year, month, number = map(int, found.groups())
    elif found := BELGIAN_DAY.fullmatch(text.strip()):
        number, month, year = map(int, found.groups())
    else:
        return None
    try:
        return date(year, month, number)
    except ValueError:
        return None


def hour(text: str) -> time | None:
    """The time that somebody typed: 20:00, 20.00, 20u, 20h30."""
    found = HOUR.fullmatch(text.strip())
    if not found:
        return None
    try:
        return time(int(found[1]), int(found[2] or 0))
    except ValueError:
        return None
