from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from web.dates import moment, time_left
from web.i18n import LANGUAGES, language

NOW = datetime(2027, 6, 15, 10, 0, tzinfo=UTC)
CLOSES = datetime(2027, 6, 27, 18, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("tag", "text"),
    [
        ("nl", "zondag 27 juni om 20.00 uur"),
        ("fr", "dimanche 27 juin à 20h00"),
        ("de", "Sonntag, 27. Juni um 20.00 Uhr"),
        ("en", "Sunday 27 June at 20:00"),
    ],
)
def test_a_moment_has_its_weekday_and_its_hour_in_brussels(tag, text):
    shown = moment(CLOSES, language(tag), now=NOW)
    assert shown.text == text
    assert shown.machine == "2027-06-27T20:00:00+02:00"


def test_a_moment_of_another_year_says_which():
    assert moment(CLOSES, language("nl"), now=NOW + timedelta(days=365)).text == "zondag 27 juni 2027 om 20.00 uur"


def test_the_hour_follows_daylight_saving():
    winter, summer = datetime(2027, 3, 28, 0, 59, tzinfo=UTC), datetime(2027, 3, 28, 1, 0, tzinfo=UTC)
    shown = [moment(at, language("nl"), now=NOW) for at in (winter, summer)]
    assert [each.text[-9:] for each in shown] == ["01.59 uur", "03.00 uur"]
    assert [each.machine[-6:] for each in shown] == ["+01:00", "+02:00"]


@pytest.mark.parametrize(
    ("left", "text"),
    [
        (timedelta(days=12, hours=8), "nog 12 dagen"),
        (timedelta(days=2), "nog 2 dagen"),
        (timedelta(days=2) - timedelta(seconds=1), "nog 47 uur"),
        (timedelta(hours=1), "nog 1 uur"),
        (timedelta(minutes=59, seconds=59), "nog 59 minuten"),
        (timedelta(minutes=1), "nog 1 minuut"),
        (timedelta(seconds=59), "nog minder dan een minuut"),
        (timedelta(0), ""),
        (timedelta(days=-1), ""),
    ],
)
def test_the_time_left_is_told_in_days_then_hours_then_minutes(left, text):
    assert time_left(NOW + left, language("nl"), now=NOW) == text


@given(st.timedeltas(timedelta(0), timedelta(days=400)), st.sampled_from(LANGUAGES))
def test_the_time_left_is_said_in_every_language(left, tag):
    text = time_left(NOW + left, language(tag), now=NOW)
    assert (left == timedelta(0)) == (text == "")
    assert "%" not in text
