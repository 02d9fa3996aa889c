"""Wall clock and instants: what an official types is Belgian time, what is stored and compared is UTC."""

from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo

from chassis.refusals import Refused

BRUSSELS: Final = ZoneInfo("Europe/Brussels")


def to_instant(local: datetime, *, zone: ZoneInfo = BRUSSELS) -> datetime:
    """The instant (UTC) at which the clocks on the wall show `local`, a datetime without a zone.

    Refused with status 422: `local_time_does_not_exist` (the clocks skip it in spring; fact `instead`: the time as far
    after the gap), `local_time_is_ambiguous` (the clocks show it twice in autumn; facts `first` and `second`: the two
    instants, which are to be chosen from), `time_out_of_range`.
    """
    if local.tzinfo is not None:
        raise ValueError("a time on the wall has no zone")
    try:
        first, second = _instant(local, 0, zone), _instant(local, 1, zone)
    except OverflowError as error:
        raise Refused("time_out_of_range", status=422, local=local.isoformat()) from error
    if first == second:
        return first
    if (shown := to_wall(first, zone=zone)) != local:
        raise Refused("local_time_does_not_exist", status=422, local=local.isoformat(), instead=shown.isoformat())
    raise Refused(
        "local_time_is_ambiguous",
        status=422,
        local=local.isoformat(),
        first=first.isoformat(),
        second=second.isoformat(),
    )


def to_wall(instant: datetime, *, zone: ZoneInfo = BRUSSELS) -> datetime:
    """What the clocks on the wall show at an instant (aware), as a datetime without a zone."""
    if instant.tzinfo is None:
        raise ValueError("an instant has a zone")
    return instant.astimezone(zone).replace(tzinfo=None, fold=0)


def _instant(local: datetime, fold: int, zone: ZoneInfo) -> datetime:
    return local.replace(tzinfo=zone, fold=fold).astimezone(UTC)
