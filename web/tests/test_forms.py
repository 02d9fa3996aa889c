from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from web.i18n import language

from web import api, forms

DUTCH = language("nl")


def poll(rule="single", options=4, **more):
    return api.Poll(
        poll_id=UUID(int=1),
        status="open",
        titles={"nl": "Plein"},
        rule=rule,
        options=[api.Option(number=number, labels={"nl": f"antwoord {number}"}) for number in range(1, options + 1)],
        opens_at=datetime(2027, 1, 1, tzinfo=UTC),
        closes_at=datetime(2027, 2, 1, tzinfo=UTC),
        **more,
    )


@pytest.mark.parametrize(
    ("rule", "compared", "kind"),
    [
        ("yes_no", [], "one"),
        ("single", [], "one"),
        ("single", ["irv"], "ranking"),
        ("approval", [], "set"),
        ("irv", [], "ranking"),
        ("schulze", ["single"], "ranking"),
        ("score", [], "grades"),
        ("majority_judgment", ["score"], "grades"),
    ],
)
def test_the_form_is_the_simplest_that_all_rules_can_count(rule, compared, kind):
    assert forms.kind_of(poll(rule, compared_with=compared)) == kind


def test_one_choice_is_read():
    assert forms.read(poll(), {"choice": ["3"]}, DUTCH).choices == [3]


@pytest.mark.parametrize("sent", [{}, {"choice": []}, {"choice": ["9"]}, {"choice": ["x"]}, {"choice": ["1", "2"]}])
def test_no_choice_an_unknown_one_or_two_are_a_mistake_that_leads_to_the_first_answer(sent):
    outcome = forms.read(poll(), sent, DUTCH)
    assert outcome.choices is None
    assert outcome.mistake.message == "Kies een antwoord"
    assert outcome.mistake.target == "choice-1"


def test_blank_is_a_choice_of_its_own_in_a_yes_no_poll_only():
    assert forms.read(poll("yes_no", 2), {"choice": ["blank"]}, DUTCH).choices == []
    assert forms.read(poll("yes_no", 2), {}, DUTCH).mistake.message == "Kies een antwoord, of kies “Blanco”"
    assert forms.read(poll(), {"choice": ["blank"]}, DUTCH).choices is None


def test_approvals_are_read_in_ascending_order_and_limited():
    assert forms.read(poll("approval"), {"choice": ["4", "1"]}, DUTCH).choices == [1, 4]
    outcome = forms.read(poll("approval", max_choices=1), {"choice": ["4", "1"]}, DUTCH)
    assert outcome.mistake.message == "Kies hoogstens 1 antwoord; u hebt er 2 gekozen"
    assert outcome.filled.chosen == {1, 4}, "what was ticked stays ticked"


def test_places_become_a_ranking_without_gaps_and_equal_places_share_one():
    sent = {"rank-1": ["5"], "rank-2": ["1"], "rank-3": ["4"], "rank-4": ["4"], "rank-9": ["1"]}
    assert forms.read(poll("irv", 5), sent, DUTCH).choices == [2, [3, 4], 1]
    assert forms.read(poll("irv", 4), {"rank-1": ["4"], "rank-2": [""]}, DUTCH).choices == [1]


@pytest.mark.parametrize("sent", [{}, {"rank-1": [""]}, {"rank-1": ["0"]}, {"rank-1": ["5"]}, {"rank-1": ["first"]}])
def test_a_ranking_without_any_place_is_a_mistake(sent):
    outcome = forms.read(poll("irv", 4), sent, DUTCH)
    assert outcome.mistake.message == "Geef minstens één antwoord een plaats"
    assert outcome.mistake.target == "rank-1"


@given(st.dictionaries(st.integers(1, 8), st.integers(1, 8), min_size=1))
def test_a_ranking_fills_the_form_so_that_it_reads_the_same_again(places):
    ballot = poll("schulze", 8)
    choices = forms.read(ballot, {f"rank-{number}": [str(place)] for number, place in places.items()}, DUTCH).choices
    filled = forms.fill(ballot, choices)
    again = forms.read(ballot, {f"rank-{number}": [str(place)] for number, place in filled.places.items()}, DUTCH)
    assert again.choices == choices
    assert forms.unpack(forms.pack(choices)) == choices


def test_grades_become_pairs_in_the_order_of_the_options_and_those_left_open_none():
    sent = {"grade-3": ["0"], "grade-1": ["5"], "grade-2": [""], "grade-4": ["6"], "grade-9": ["1"]}
    assert forms.read(poll("score"), sent, DUTCH).choices == [[1, 5], [3, 0]]


@pytest.mark.parametrize(
    ("rule", "message", "target"),
    [
        ("score", "Geef minstens één antwoord punten", "grade-1-0"),
        ("majority_judgment", "Geef minstens één antwoord een oordeel", "grade-1-5"),
    ],
)
@pytest.mark.parametrize("sent", [{}, {"grade-1": [""]}, {"grade-1": ["6"]}, {"grade-1": ["-1"]}, {"choice": ["1"]}])
def test_a_ballot_without_any_grade_is_a_mistake_that_leads_to_the_first_grade(rule, message, target, sent):
    outcome = forms.read(poll(rule), sent, DUTCH)
    assert outcome.choices is None
    assert (outcome.mistake.message, outcome.mistake.target) == (message, target)


@given(st.dictionaries(st.integers(1, 8), st.integers(0, 5), min_size=1))
def test_grades_fill_the_form_so_that_it_reads_the_same_again(grades):
    ballot = poll("majority_judgment", 8)
    choices = forms.read(ballot, {f"grade-{number}": [str(grade)] for number, grade in grades.items()}, DUTCH).choices
    filled = forms.fill(ballot, choices)
    assert filled.grades == grades
    assert forms.unpack(forms.pack(choices)) == choices


@given(st.lists(st.integers(-1, 9) | st.lists(st.integers(-1, 9), max_size=3), max_size=4))
def test_whatever_choices_wait_in_a_cookie_fill_a_form_of_grades(choices):
    assert set(forms.fill(poll("score"), choices).grades.values()) <= set(range(6))


@given(
    st.dictionaries(st.text(max_size=8), st.lists(st.text(max_size=8))),
    st.sampled_from(["single", "approval", "irv", "score"]),
)
def test_whatever_is_sent_gives_choices_or_a_mistake(sent, rule):
    outcome = forms.read(poll(rule), sent, DUTCH)
    assert (outcome.choices is None) == (outcome.mistake is not None)


@given(st.text() | st.none())
def test_a_hidden_field_holds_choices_or_nothing(text):
    choices = forms.unpack(text)
    assert choices is None or forms.are_choices(choices)


@pytest.mark.parametrize(
    "text", ["[true]", "{}", "[[[1]]]", "[1.5]", '["1"]', "1", "null", "[1", "[" + "1," * 3000 + "1]"]
)
def test_what_has_not_the_form_of_choices_is_none(text):
    assert forms.unpack(text) is None


def test_an_empty_list_is_a_blank_vote():
    assert forms.unpack("[]") == []
    assert forms.fill(poll(), []).blank
    assert forms.fill(poll("score"), []).blank
