from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from chassis.refusals import Refused
from hypothesis import given
from hypothesis import strategies as st
from voting.rules.wall_clock import BRUSSELS, to_instant, to_wall


def test_belgian_wall_time_is_one_hour_ahead_in_winter_and_two_in_summer() -> None:
    assert to_instant(datetime(2026, 12, 1, 9)) == datetime(2026, 12, 1, 8, tzinfo=UTC)  # noqa: DTZ001 - wall time
    assert to_instant(datetime(2026, 7, 1, 9)) == datetime(2026, 7, 1, 7, tzinfo=UTC)  # noqa: DTZ001 - wall time


def test_a_time_that_the_clocks_skip_in_spring_is_refused() -> None:
    with pytest.raises(Refused) as refused:
        to_instant(datetime(2027, 3, 28, 2, 30))  # noqa: DTZ001 - wall time
    assert (refused.value.code, refused.value.status) == ("local_time_does_not_exist", 422)
    assert refused.value.facts == {"local": "2027-03-28T02:30:00", "instead": "2027-03-28T03:30:00"}


def test_the_edges_of_the_gap_in_spring_exist() -> None:
    assert to_instant(datetime(2027, 3, 28, 1, 59, 59)) == datetime(2027, 3, 28, 0, 59, 59, tzinfo=UTC)  # noqa: DTZ001
    assert to_instant(datetime(2027, 3, 28, 3)) == datetime(2027, 3, 28, 1, tzinfo=UTC)  # noqa: DTZ001 - wall time


def test_a_time_that_the_clocks_show_twice_in_autumn_needs_to_be_told_apart() -> None:
    twice = datetime(2027, 10, 31, 2, 30)  # noqa: DTZ001 - wall time
    with pytest.raises(Refused) as refused:
        to_instant(twice)
    assert (refused.value.code, refused.value.status) == ("local_time_is_ambiguous", 422)
    first, second = datetime(2027, 10, 31, 0, 30, tzinfo=UTC), datetime(2027, 10, 31, 1, 30, tzinfo=UTC)
    assert refused.value.facts["first"] == first.isoformat()
    assert refused.value.facts["second"] == second.isoformat()
    assert to_wall(first) == to_wall(second) == twice


def test_a_poll_over_the_change_of_clocks_in_spring_is_an_hour_shorter() -> None:
    opens = to_instant(datetime(2027, 3, 27, 20))  # noqa: DTZ001 - wall time
    closes = to_instant(datetime(2027, 3, 28, 20))  # noqa: DTZ001 - wall time
    assert (closes - opens).total_seconds() == 23 * 3600


def instants(local: datetime) -> list[str]:
    """The one or two instants at which the clocks show this."""
    try:
        return [to_instant(local).isoformat()]
    except Refused as refusal:
        return [refusal.facts["first"], refusal.facts["second"]]


@given(st.datetimes(min_value=datetime(1950, 1, 1), max_value=datetime(2100, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001
def test_every_instant_is_found_again_from_the_clock_on_the_wall(instant: datetime) -> None:
    assert instant.isoformat() in instants(to_wall(instant))


@pytest.mark.parametrize(
    ("local", "zone"),
    [(datetime.min, BRUSSELS), (datetime.max, ZoneInfo("America/New_York"))],  # noqa: DTZ901 - the very edges
)
def test_a_time_at_the_edge_of_the_calendar_is_refused(local: datetime, zone: ZoneInfo) -> None:
    with pytest.raises(Refused, match="time_out_of_range"):
        to_instant(local, zone=zone)


def test_instants_and_wall_times_are_never_mixed_up() -> None:
    with pytest.raises(ValueError, match="no zone"):
        to_instant(datetime(2026, 1, 1, tzinfo=UTC))
    with pytest.raises(ValueError, match="has a zone"):
        to_wall(datetime(2026, 1, 1))  # noqa: DTZ001 - wall time
