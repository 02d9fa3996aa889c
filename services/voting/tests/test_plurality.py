from collections import Counter
from fractions import Fraction
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from voting.rules.ballots import Ballot, ballot_from_json
from voting.rules.counting import tally
from voting.rules.result import Fact
from voting.rules.terms import Form, Rule


@st.composite
def approvals(draw: st.DrawFn) -> tuple[int, list[set[int]]]:
    """A number of options, and what each voter approves."""
    options = draw(st.integers(1, 5))
    return options, draw(st.lists(st.sets(st.integers(1, options)), max_size=12))


def counted(ballots: list[set[int]]) -> dict[Ballot, int]:
    distinct: dict[Ballot, int] = {}
    for approved in ballots:
        ballot = ballot_from_json(sorted(approved), Form.SET)
        distinct[ballot] = distinct.get(ballot, 0) + 1
    return distinct


@given(approvals())
def test_approval_gives_each_option_as_many_votes_as_ballots_name_it(cast: tuple[int, list[set[int]]]) -> None:
    options, ballots = cast
    result = tally("approval", counted(ballots), range(1, options + 1))
    expected = {option: sum(option in approved for approved in ballots) for option in range(1, options + 1)}
    most = max(expected.values())
    assert result.rounds[0].totals == expected
    assert result.winners == tuple(option for option in expected if expected[option] == most > 0)
    assert (result.ballots, result.blank) == (len(ballots), ballots.count(set()))


@given(approvals(), st.integers(1, 5))
def test_one_more_approval_never_makes_a_winner_lose(cast: tuple[int, list[set[int]]], chosen: int) -> None:
    options, ballots = cast
    before = tally("approval", counted(ballots), range(1, options + 1)).winners
    if chosen in before:
        assert tally("approval", counted([*ballots, {chosen}]), range(1, options + 1)).winners == (chosen,)


@st.composite
def levels(draw: st.DrawFn) -> tuple[int, list[list[int]]]:
    """A number of options, and the rank that each voter gives each of them; the highest is: not on the ballot."""
    options = draw(st.integers(1, 5))
    ranks = st.lists(st.integers(0, options), min_size=options, max_size=options)
    return options, draw(st.lists(ranks, max_size=10))


def ranked(ballots: list[list[int]]) -> Counter[Ballot]:
    counts: Counter[Ballot] = Counter()
    for ranks in ballots:
        groups = [tuple(o for o, rank in enumerate(ranks, 1) if rank == level) for level in range(len(ranks))]
        counts[tuple(group for group in groups if group)] += 1
    return counts


@given(levels(), st.randoms(use_true_random=False), st.sampled_from([Rule.SINGLE, Rule.APPROVAL]))
def test_neither_the_order_of_ballots_nor_the_numbers_of_options_decide(
    cast: tuple[int, list[list[int]]], rng: Random, rule: Rule
) -> None:
    options, ballots = cast
    old = rng.sample(range(1, options + 1), options)  # the option that is now i was old[i - 1]
    new = {before: now for now, before in enumerate(old, 1)}
    renumbered = [[ranks[before - 1] for before in old] for ranks in ballots]
    rng.shuffle(renumbered)
    result = tally(rule, ranked(ballots), range(1, options + 1))
    again = tally(rule, ranked(renumbered), rng.sample(range(1, options + 1), options))
    assert again.winners == tuple(sorted(new[option] for option in result.winners))
    assert again.ranking == tuple(tuple(sorted(new[option] for option in group)) for group in result.ranking)
    assert again.rounds[0].totals == {new[option]: votes for option, votes in result.rounds[0].totals.items()}


@given(st.lists(st.sampled_from([(), ((1,),), ((2,),)])), st.randoms(use_true_random=False))
def test_yes_and_no_change_places_with_those_who_say_them(ballots: list[Ballot], rng: Random) -> None:
    other: dict[Ballot, Ballot] = {(): (), ((1,),): ((2,),), ((2,),): ((1,),)}
    turned = [other[ballot] for ballot in ballots]
    rng.shuffle(turned)
    before, after = tally("yes_no", Counter(ballots), [1, 2]), tally("yes_no", Counter(turned), [1, 2])
    assert after.winners == tuple(sorted(3 - option for option in before.winners))
    assert (after.ballots, after.blank) == (before.ballots, before.blank)


def test_equal_first_ranks_share_a_ballot_exactly() -> None:
    result = tally("single", {((1, 2, 3),): 1, ((3,), (1,)): 1}, [1, 2, 3])
    third = Fraction(1, 3)
    assert result.rounds[0].totals == {1: third, 2: third, 3: 1 + third}
    assert result.as_json()["rounds"][0]["totals"] == {"1": "1/3", "2": "1/3", "3": "4/3"}


def test_plurality_reads_only_the_first_preference_of_a_ranking() -> None:
    result = tally("single", {((2,), (1,), (3,)): 2, ((1,), (3,)): 1}, [1, 2, 3])
    assert result.rounds[0].totals == {1: 1, 2: 2, 3: 0}
    assert result.ranking == ((2,), (1,), (3,))


def test_options_with_equal_votes_are_declared_tied() -> None:
    result = tally("single", {((1,),): 5, ((2,),): 5, ((3,),): 4}, [1, 2, 3])
    assert result.winners == (1, 2)
    assert result.tied
    assert result.ranking == ((1, 2), (3,))
    assert result.facts == (Fact(code="tie", options=(1, 2), votes=(Fraction(5),)),)


@pytest.mark.parametrize(
    ("yes", "no", "winners", "code"), [(3, 2, (1,), "accepted"), (2, 3, (2,), "rejected"), (3, 3, (1, 2), "tie")]
)
def test_a_question_is_accepted_if_yes_has_more_votes_than_no(
    yes: int, no: int, winners: tuple[int, ...], code: str
) -> None:
    result = tally("yes_no", {((1,),): yes, ((2,),): no, (): 1000}, [1, 2])
    assert result.winners == winners
    assert result.facts[0].code == code


def test_a_majority_is_more_than_half_of_the_ballots_that_are_not_blank() -> None:
    result = tally("single", {((1,),): 3, ((2,),): 1, ((3,),): 1, (): 100}, [1, 2, 3])
    assert result.facts == (Fact(code="majority", options=(1,), votes=(Fraction(3), Fraction(5))),)
    half = tally("single", {((1,),): 2, ((2,),): 1, ((3,),): 1}, [1, 2, 3])
    assert half.facts == (Fact(code="most_votes", options=(1,), votes=(Fraction(2),)),)


def test_blank_ballots_count_for_the_turnout_only() -> None:
    result = tally("yes_no", {((1,),): 2, ((2,),): 1, (): 7}, [1, 2])
    assert (result.ballots, result.blank, result.winners) == (10, 7, (1,))
    assert result.rounds[0].totals == {1: 2, 2: 1}


@pytest.mark.parametrize("rule", list(Rule))
@pytest.mark.parametrize("ballots", [{}, {(): 3}], ids=["no ballot", "only blank ones"])
def test_nobody_wins_without_a_vote(rule: Rule, ballots: dict[Ballot, int]) -> None:
    result = tally(rule, ballots, [1, 2])
    assert result.winners == ()
    assert not result.tied
    assert result.ranking == ((1, 2),)
    assert [fact.code for fact in result.facts] == ["no_votes"]
    assert result.ballots == result.blank == sum(ballots.values())


@pytest.mark.parametrize(
    ("ballots", "options"),
    [
        ({((3,),): 1}, [1, 2]),
        ({((1,), (1,)): 1}, [1, 2]),
        ({((1, 1),): 1}, [1, 2]),
        ({((1,), ()): 1}, [1, 2]),
        ({((1,),): -1}, [1, 2]),
        ({}, []),
        ({}, [1, 1]),
    ],
    ids=["unknown option", "twice", "twice in a rank", "empty rank", "negative", "no option", "option listed twice"],
)
@pytest.mark.parametrize("rule", [Rule.SINGLE, Rule.APPROVAL, Rule.IRV, Rule.SCHULZE])
def test_ballots_that_no_voter_can_cast_are_an_error(
    rule: Rule, ballots: dict[Ballot, int], options: list[int]
) -> None:
    with pytest.raises(ValueError, match=r"option|negative"):
        tally(rule, ballots, options)


def test_an_unknown_rule_is_an_error() -> None:
    with pytest.raises(ValueError, match="borda"):
        tally("borda", {}, [1])


def test_a_yes_no_poll_has_two_fixed_options() -> None:
    with pytest.raises(ValueError, match="1 \\(yes\\) and 2 \\(no\\)"):
        tally("yes_no", {}, [1, 2, 3])


def test_numbers_stay_exact_however_many_ballots_there_are() -> None:
    many = 10**30
    result = tally("single", {((1, 2, 3),): many, ((1,),): 1}, [1, 2, 3])
    assert result.rounds[0].totals[1] - result.rounds[0].totals[2] == 1
    assert sum(result.rounds[0].totals.values()) == many + 1
    assert result.winners == (1,)
