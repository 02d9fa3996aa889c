from datetime import UTC, datetime

import pytest
from chassis.local_time import moment

NOW = datetime(2026, 11, 23, tzinfo=UTC)


@pytest.mark.parametrize(
    ("at", "language", "shown"),
    [
        (datetime(2026, 12, 6, 19, tzinfo=UTC), "nl", "zondag 6 december om 20.00 uur"),
        (datetime(2026, 12, 6, 19, tzinfo=UTC), "fr", "dimanche 6 décembre à 20h00"),
        (datetime(2026, 7, 5, 18, tzinfo=UTC), "de", "Sonntag, 5. Juli um 20.00 Uhr"),
        (datetime(2026, 7, 5, 18, tzinfo=UTC), "en", "Sunday 5 July at 20:00"),
        (datetime(2027, 7, 5, 18, tzinfo=UTC), "nl", "maandag 5 juli 2027 om 20.00 uur"),
        (datetime(2026, 12, 31, 23, 30, tzinfo=UTC), "nl", "vrijdag 1 januari 2027 om 00.30 uur"),
    ],
)
def test_a_moment_is_told_in_belgian_time_with_the_year_when_it_is_not_this_one(
    at: datetime, language: str, shown: str
) -> None:
    assert moment(at, language, now=NOW) == shown
