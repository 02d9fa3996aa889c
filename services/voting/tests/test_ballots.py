from datetime import UTC, datetime
from random import Random
from typing import Any

import pytest
from chassis.refusals import Refused
from hypothesis import given
from hypothesis import strategies as st
from voting.rules.ballots import ballot_from_json, ballot_to_json, check_choices
from voting.rules.counting import tally
from voting.rules.terms import Form, Rule, Status, Terms, form_of

MONDAY = datetime(2026, 11, 23, tzinfo=UTC)
TUESDAY = datetime(2026, 11, 24, tzinfo=UTC)


def terms(rule: Rule, options: int = 4, **more: Any) -> Terms:
    return Terms(status=Status.OPEN, rule=rule, options=options, opens_at=MONDAY, closes_at=TUESDAY, **more)


@pytest.mark.parametrize(
    ("rule", "choices", "ballot"),
    [
        (Rule.SINGLE, [3], ((3,),)),
        (Rule.YES_NO, [2], ((2,),)),
        (Rule.APPROVAL, [4, 1], ((1,), (4,))),
        (Rule.IRV, [3, [2, 1], 4], ((3,), (1, 2), (4,))),
        (Rule.SCHULZE, [[4, 1]], ((1, 4),)),
        (Rule.SCHULZE, [[2]], ((2,),)),
        (Rule.SCORE, [[3, 1], [1, 5], [2, 2]], ((1, 5), (2, 2), (3, 1))),
        (Rule.MAJORITY_JUDGMENT, [[4, 0]], ((4, 0),)),
    ],
)
def test_choices_become_one_canonical_ballot(rule: Rule, choices: list[Any], ballot: tuple[tuple[int, ...]]) -> None:
    assert check_choices(terms(rule, options=2 if rule is Rule.YES_NO else 4), choices) == ballot


@pytest.mark.parametrize("rule", list(Rule))
def test_an_empty_list_is_a_blank_ballot(rule: Rule) -> None:
    options = 2 if rule is Rule.YES_NO else 4
    assert check_choices(terms(rule, options), []) == ()


@pytest.mark.parametrize(
    ("rule", "choices", "code", "facts"),
    [
        (Rule.SINGLE, [1, 2], "wrong_number_of_choices", {"chosen": 2, "allowed": 1}),
        (Rule.SINGLE, [5], "unknown_option", {"options": [5], "highest": 4}),
        (Rule.SINGLE, [[1, 2]], "equal_ranks_not_allowed", {"rule": "single"}),
        (Rule.APPROVAL, [1, 2, 3], "wrong_number_of_choices", {"chosen": 3, "allowed": 2}),
        (Rule.APPROVAL, [2, 2], "option_twice", {"options": [2]}),
        (Rule.APPROVAL, [[1, 2]], "equal_ranks_not_allowed", {"rule": "approval"}),
        (Rule.IRV, [1, [2, 1]], "option_twice", {"options": [1]}),
        (Rule.IRV, [[3, 3]], "option_twice", {"options": [3]}),
        (Rule.SCHULZE, [0, -1, 9], "unknown_option", {"options": [-1, 0, 9], "highest": 4}),
        (Rule.SCORE, [[5, 1], [0, 9]], "unknown_option", {"options": [0, 5], "highest": 4}),
        (Rule.SCORE, [[2, 3], [1, 0], [2, 3]], "option_twice", {"options": [2]}),
        (
            Rule.MAJORITY_JUDGMENT,
            [[3, 6], [1, -1], [2, 5]],
            "unknown_grade",
            {"options": [3, 1], "grades": [6, -1], "lowest": 0, "highest": 5},
        ),
    ],
)
def test_a_ballot_that_the_terms_do_not_allow_is_refused_with_the_facts(
    rule: Rule, choices: list[Any], code: str, facts: dict[str, Any]
) -> None:
    with pytest.raises(Refused) as refused:
        check_choices(terms(rule, max_choices=2 if rule is Rule.APPROVAL else None), choices)
    assert (refused.value.code, refused.value.status, refused.value.facts) == (code, 409, facts)


@pytest.mark.parametrize(
    ("choices", "facts"),
    [
        (None, {"reason": "not_a_list"}),
        ("1", {"reason": "not_a_list"}),
        ({"1": 1}, {"reason": "not_a_list"}),
        (3, {"reason": "not_a_list"}),
        ([1, "2"], {"reason": "not_a_number", "position": 1}),
        ([1.0], {"reason": "not_a_number", "position": 0}),
        ([True], {"reason": "not_a_number", "position": 0}),
        ([None], {"reason": "not_a_number", "position": 0}),
        ([1, [2, [3]]], {"reason": "not_a_number", "position": 1}),
        ([[1, False]], {"reason": "not_a_number", "position": 0}),
        ([1, []], {"reason": "empty_rank", "position": 1}),
    ],
)
@pytest.mark.parametrize("rule", [Rule.SINGLE, Rule.APPROVAL, Rule.SCHULZE])
def test_choices_of_another_shape_are_not_valid(rule: Rule, choices: object, facts: dict[str, Any]) -> None:
    with pytest.raises(Refused) as refused:
        check_choices(terms(rule), choices)
    assert (refused.value.code, refused.value.status, refused.value.facts) == ("malformed_choices", 422, facts)


@pytest.mark.parametrize("choices", [[1], [[1, 2, 3]], [[1]], [[]], [[1, "5"]], [[1, True]], [[1, 2.0]], [[[1], 2]]])
def test_a_graded_option_is_a_pair_of_numbers(choices: object) -> None:
    with pytest.raises(Refused) as refused:
        check_choices(terms(Rule.SCORE), choices)
    facts = {"reason": "not_an_option_and_a_grade", "position": 0}
    assert (refused.value.code, refused.value.status, refused.value.facts) == ("malformed_choices", 422, facts)


def test_a_pair_of_option_and_grade_stays_a_pair_in_its_order() -> None:
    ballot = check_choices(terms(Rule.SCORE), [[2, 1], [1, 5]])
    assert ballot_to_json(ballot) == [[1, 5], [2, 1]]
    assert ballot_from_json([[2, 1], [1, 5]], Form.GRADES) == ballot
    assert ballot_from_json([[2, 1], 3], Form.RANKING) == ((1, 2), (3,))


@given(st.dictionaries(st.integers(1, 4), st.integers(0, 5)), st.randoms(use_true_random=False))
def test_a_graded_ballot_is_the_same_in_whatever_order_its_options_stand(grades: dict[int, int], rng: Random) -> None:
    pairs = [[option, grade] for option, grade in grades.items()]
    rng.shuffle(pairs)
    assert check_choices(terms(Rule.SCORE), pairs) == tuple(sorted(grades.items()))


def test_max_choices_limits_approvals_only_where_it_is_set() -> None:
    assert check_choices(terms(Rule.APPROVAL), [1, 2, 3, 4]) == ((1,), (2,), (3,), (4,))
    assert check_choices(terms(Rule.APPROVAL, max_choices=3), [1, 2, 3]) == ((1,), (2,), (3,))


json_like = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 6) | st.floats(allow_nan=False) | st.text(max_size=2),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=1), inner, max_size=2),
    max_leaves=8,
)


@given(st.sampled_from(Rule), json_like)
def test_whatever_arrives_is_refused_or_can_be_counted(rule: Rule, choices: object) -> None:
    poll = terms(rule, options=2 if rule is Rule.YES_NO else 4)
    try:
        ballot = check_choices(poll, choices)
    except Refused:
        return
    assert ballot_from_json(ballot_to_json(ballot), poll.form) == ballot
    result = tally(rule, {ballot: 1}, range(1, poll.options + 1))
    assert result.ballots == 1
    assert bool(result.winners) == bool(choices)


@given(st.permutations([1, 2, 3, 4]), st.integers(0, 4))
def test_an_approval_ballot_is_the_same_in_whatever_order_its_options_stand(order: list[int], many: int) -> None:
    chosen = order[:many]
    assert check_choices(terms(Rule.APPROVAL), chosen) == check_choices(terms(Rule.APPROVAL), sorted(chosen))


@pytest.mark.parametrize(
    ("rule", "compared_with", "form"),
    [
        (Rule.SINGLE, (), Form.ONE),
        (Rule.YES_NO, (), Form.ONE),
        (Rule.APPROVAL, (), Form.SET),
        (Rule.SCHULZE, (), Form.RANKING),
        (Rule.IRV, (Rule.SINGLE, Rule.SCHULZE), Form.RANKING),
        (Rule.SINGLE, (Rule.IRV,), Form.RANKING),
        (Rule.SCORE, (), Form.GRADES),
        (Rule.MAJORITY_JUDGMENT, (Rule.SCORE,), Form.GRADES),
    ],
)
def test_compared_rules_read_the_same_ballots(rule: Rule, compared_with: tuple[Rule, ...], form: Form) -> None:
    assert form_of(rule, compared_with) is form


@pytest.mark.parametrize(
    ("rule", "compared_with"),
    [
        (Rule.SCORE, (Rule.APPROVAL,)),
        (Rule.APPROVAL, (Rule.IRV,)),
        (Rule.YES_NO, (Rule.SCHULZE,)),
        (Rule.IRV, (Rule.APPROVAL,)),
    ],
)
def test_rules_that_read_different_ballots_are_never_compared(rule: Rule, compared_with: tuple[Rule, ...]) -> None:
    with pytest.raises(Refused, match="rules_read_different_ballots"):
        form_of(rule, compared_with)


@pytest.mark.parametrize("compared_with", [(Rule.IRV,), (Rule.SINGLE, Rule.SINGLE)])
def test_a_rule_is_compared_with_once(compared_with: tuple[Rule, ...]) -> None:
    with pytest.raises(Refused, match="rule_compared_twice"):
        form_of(Rule.IRV, compared_with)


def test_plurality_on_a_poll_compared_with_ranked_rules_takes_rankings() -> None:
    poll = terms(Rule.SINGLE, compared_with=(Rule.SCHULZE,))
    assert check_choices(poll, [2, [1, 3]]) == ((2,), (1, 3))
