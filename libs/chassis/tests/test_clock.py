import time
from datetime import UTC, datetime, timedelta
from uuid import RFC_4122

from chassis.clock import utc_now, uuid7


def test_the_time_is_aware_and_in_utc() -> None:
    assert utc_now().tzinfo is UTC
    assert abs(utc_now() - datetime.now(UTC)) < timedelta(seconds=5)


def test_identifiers_are_of_version_7_and_differ() -> None:
    made = [uuid7() for _ in range(5000)]
    assert len(set(made)) == 5000
    assert {(one.version, one.variant) for one in made} == {(7, RFC_4122)}


def test_identifiers_sort_by_the_millisecond_in_which_they_were_made() -> None:
    before = time.time_ns() // 1_000_000
    made = [uuid7() for _ in range(100)]
    after = time.time_ns() // 1_000_000
    moments = [one.int >> 80 for one in made]
    assert moments == sorted(moments)
    assert before <= moments[0] <= moments[-1] <= after
