"""Dates as people say them in Belgium: weekday, day, hour, in Brussels' time, and how long there is still to go."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from chassis import local_time

from web.i18n import Language

MINUTE, HOUR_LENGTH, DAY_LENGTH = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Moment:
    """A point in time as it is shown: `text` for people, `machine` for `<time datetime>`."""

    text: str
    machine: str


def moment(at: datetime, lang: Language, *, now: datetime) -> Moment:
    """As in "zondag 27 juni om 20.00 uur"; with the year when it is not this one."""
    shown = local_time.moment(at, lang.spoken, now=now)
    return Moment(shown, at.astimezone(local_time.BRUSSELS).isoformat(timespec="seconds"))


def time_left(until: datetime, lang: Language, *, now: datetime) -> str:
    """As in "nog 12 dagen": whole days from two on, then hours, then minutes; empty when the time has come.

    Rounded down, so that nobody counts on time that there is not.
    """
    left = until - now
    if left <= timedelta(0):
        return ""
    days, hours, minutes = left // DAY_LENGTH, left // HOUR_LENGTH, left // MINUTE
    if days >= 2:  # noqa: PLR2004 - the last two days are told in hours
        return lang.ngettext("%(n)s day left", "%(n)s days left", days) % {"n": days}
    if hours >= 1:
        return lang.ngettext("%(n)s hour left", "%(n)s hours left", hours) % {"n": hours}
    if minutes >= 1:
        return lang.ngettext("%(n)s minute left", "%(n)s minutes left", minutes) % {"n": minutes}
    return lang.gettext("less than a minute left")
