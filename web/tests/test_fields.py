"""Forms of officials' pages: what is typed is read or gets a sentence, and is never lost."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from web.fields import Form, moment_of, texts_of
from web.gateway import RefusedError
from web.i18n import LANGUAGES, language
from web.wall_clock import Skipped, Twice

from web import refusals, wall_clock

NL = language("nl")
MOMENTS = st.datetimes(datetime(2000, 1, 2), datetime(2199, 12, 30)).map(  # noqa: DTZ001 - made aware here
    lambda at: at.replace(second=0, microsecond=0, tzinfo=UTC)
)
TYPED = st.dictionaries(
    st.sampled_from(["when-date", "when-time", "when-turn"]), st.text(max_size=12).map(lambda t: [t])
)


def sent(**fields):
    return Form(NL, {name.replace("_", "-"): [text] for name, text in fields.items()})


# Belgian clocks


@given(MOMENTS)
def test_every_instant_survives_being_shown_and_sent_back(at):
    form = Form.filled(NL, moment_of("when", at))
    assert form.moment("when", "Wanneer") == at
    assert form.ok


def test_a_time_that_the_clocks_skip_is_named_with_one_that_exists():
    form = sent(when_date="2027-03-28", when_time="02:30")
    assert form.moment("when", "Opent") is None
    (mistake,) = form.mistakes
    assert mistake.target == "when-time"
    assert "03:30" in mistake.message
    assert isinstance(wall_clock.instant(datetime(2027, 3, 28, 2, 30)), Skipped)  # noqa: DTZ001 - a time on the wall


def test_a_time_that_comes_twice_is_asked_for_and_then_taken():
    form = sent(when_date="2027-10-31", when_time="02:30")
    assert form.moment("when", "Opent") is None
    assert form.mistakes[0].target == "when-turn-first"
    assert form.twice == {"when"}
    first = sent(when_date="2027-10-31", when_time="02:30", when_turn="first").moment("when", "Opent")
    second = sent(when_date="2027-10-31", when_time="02:30", when_turn="second").moment("when", "Opent")
    assert second - first == timedelta(hours=1)
    assert isinstance(wall_clock.instant(datetime(2027, 10, 31, 2, 30)), Twice)  # noqa: DTZ001


@pytest.mark.parametrize("day", ["2027-06-07", "7/6/2027", "07.06.2027", "7-6-2027"])
@pytest.mark.parametrize("hour", ["09:30", "9.30", "9u30", "9h30", "9:30 uur"])
def test_days_and_times_are_read_as_people_type_them(day, hour):
    form = sent(when_date=day, when_time=hour)
    assert form.moment("when", "Opent") == datetime(2027, 6, 7, 7, 30, tzinfo=UTC)


@given(TYPED)
def test_whatever_is_typed_as_a_moment_is_read_or_gets_a_sentence_and_stays(typed):
    form = Form(NL, typed)
    read = form.moment("when", "Opent", required=True)
    assert (read is None) == bool(form.mistakes)
    for name, (text,) in typed.items():
        assert form.value(name) == text.replace("\r\n", "\n")


@pytest.mark.parametrize("tag", LANGUAGES)
@pytest.mark.parametrize("fields", [("", ""), ("31/2/2027", "20:00"), ("2027-01-01", "25:00"), ("1-1-1826", "9:00")])
def test_a_bad_moment_gets_a_sentence_in_each_language(tag, fields):
    form = Form(language(tag), {"when-date": [fields[0]], "when-time": [fields[1]]})
    assert form.moment("when", "X", required=True) is None
    assert all(re.match(r"X\s?:", mistake.message) for mistake in form.mistakes)
    if tag != "en":
        english = Form(language("en"), {"when-date": [fields[0]], "when-time": [fields[1]]})
        english.moment("when", "X", required=True)
        assert {m.message for m in form.mistakes}.isdisjoint(m.message for m in english.mistakes)


# Texts, numbers, choices


def test_texts_are_read_by_language_without_the_empty_ones():
    form = Form.filled(NL, texts_of("titles", {"nl": " Plein ", "fr": " "}))
    assert form.texts("titles", "Titel", ["nl", "fr"], required=True) == {"nl": "Plein"}
    assert form.ok
    assert form.value("titles-nl") == " Plein "


def test_a_text_that_is_missing_in_every_language_is_a_mistake_at_the_first():
    form = sent()
    form.texts("titles", "Titel", ["nl", "fr"], required=True)
    assert [mistake.target for mistake in form.mistakes] == ["titles-nl"]


def test_a_text_that_is_missing_in_one_language_is_a_mistake_where_all_are_needed():
    form = sent(reason_nl="Storm")
    form.all_texts("reason", "Reden", ["nl", "fr"])
    assert [mistake.target for mistake in form.mistakes] == ["reason-fr"]
    assert "Frans" in form.mistakes[0].message


def test_a_text_that_is_too_long_says_by_how_much_and_stays():
    form = sent(titles_nl="x" * 301)
    form.texts("titles", "Titel", ["nl"])
    assert "301" in form.mistakes[0].message
    assert form.value("titles-nl") == "x" * 301


@pytest.mark.parametrize(("text", "number"), [("", None), (" 3 ", 3), ("1", 1), ("5", 5)])
def test_a_number_is_read(text, number):
    form = sent(max_choices=text)
    assert form.number("max-choices", "Hoogstens", least=1, most=5) == number
    assert form.ok


@pytest.mark.parametrize("text", ["0", "6", "-1", "1.5", "drie", "٣", "9" * 400])
def test_what_is_no_number_of_the_range_is_a_mistake(text):
    form = sent(most=text)
    assert form.number("most", "Hoogstens", least=1, most=5) is None
    assert form.mistakes[0].target == "most"


def test_a_choice_that_is_not_offered_is_a_mistake_at_the_first():
    form = sent(rule="dice")
    assert form.choice("rule", "Methode", ["yes_no", "single"]) == ""
    assert form.mistakes[0].target == "rule-yes_no"


def test_a_form_keeps_the_key_that_makes_it_create_once():
    form = sent()
    again = Form(NL, {"key": [form.key]})
    assert again.key == form.key
    assert Form(NL, {"key": ["../../x"]}).key != "../../x"
    again.new_key()
    assert again.key != form.key


# What the API refuses


def invalid(pointer, kind):
    return RefusedError(422, "invalid", {"errors": [{"pointer": pointer, "message": "English", "kind": kind}]})


def test_the_api_s_pointers_lead_to_the_controls():
    form = Form(NL, {"options-2-labels-fr": ["x"]})
    form.refused(invalid("/options/2/labels/fr", "string_too_long"), {"": "titles-nl"})
    form.refused(invalid("/closes_at", "datetime_parsing"), {"closes_at": "closes_at-date", "": "titles-nl"})
    form.refused(invalid("/level", "greater_than"), {"": "titles-nl"})
    assert [mistake.target for mistake in form.mistakes] == ["options-2-labels-fr", "closes_at-date", "titles-nl"]
    assert not any("English" in mistake.message for mistake in form.mistakes)


@pytest.mark.parametrize("code", [*refusals.TERMS, *refusals.TIMES, *refusals.REASONS])
def test_every_refusal_of_a_form_has_a_sentence_in_each_language(code):
    told = {refusals.told(code, {"languages": ["nl"]}, language(tag)).sentence for tag in LANGUAGES}
    assert len(told) == len(LANGUAGES)


def test_a_refusal_without_a_sentence_is_not_swallowed():
    form = sent()
    with pytest.raises(RefusedError):
        form.refused(RefusedError(409, "something_new"), {"": "titles-nl"})
