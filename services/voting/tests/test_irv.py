"""Instant runoff, against counts that are written in another way and far too slow to use."""

from collections import Counter
from fractions import Fraction
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from voting.rules import irv
from voting.rules.ballots import Ballot
from voting.rules.counting import tally
from voting.rules.result import Because, Fact

Paper = list[set[int]]
"""One ballot paper: sets of options, best first."""


@st.composite
def papers(draw: st.DrawFn, most_options: int = 5, most_ballots: int = 10) -> tuple[int, list[Paper]]:
    """A number of options, and ballots with equal ranks, truncated ones and blank ones."""
    options = draw(st.integers(1, most_options))
    # each voter gives each option a rank; the last rank means: not on the ballot
    levels = st.lists(st.integers(0, options), min_size=options, max_size=options)
    ballots = []
    for given_levels in draw(st.lists(levels, max_size=most_ballots)):
        ranks = [{o + 1 for o, level in enumerate(given_levels) if level == rank} for rank in range(options)]
        ballots.append([rank for rank in ranks if rank])
    return options, ballots


def counted(ballots: list[Paper]) -> Counter[Ballot]:
    return Counter(tuple(tuple(sorted(rank)) for rank in ballot) for ballot in ballots)


def votes_by_hand(ballots: list[Paper], standing: set[int]) -> dict[int, Fraction]:
    """Paper by paper: find the best rank with somebody who stands, and cut the paper in equal parts."""
    votes = dict.fromkeys(standing, Fraction(0))
    for ballot in ballots:
        for rank in ballot:
            if rank & standing:
                for option in rank & standing:
                    votes[option] += Fraction(1, len(rank & standing))
                break
    return votes


def could_win(ballots: list[Paper], standing: set[int]) -> set[int]:
    """Who can be the last to stand, if any of those with fewest votes may be struck out at each turn."""
    if len(standing) == 1:
        return standing
    votes = votes_by_hand(ballots, standing)
    fewest = min(votes.values())
    return set().union(*(could_win(ballots, standing - {o}) for o in standing if votes[o] == fewest))


@given(papers(most_options=6))
def test_a_winner_is_always_somebody_who_can_stand_last(cast: tuple[int, list[Paper]]) -> None:
    options, ballots = cast
    everybody = set(range(1, options + 1))
    winners = set(tally("irv", counted(ballots), sorted(everybody)).winners)
    if not any(ballots):
        assert winners == set()
        return
    possible = could_win(ballots, everybody)
    assert winners
    assert winners <= possible
    if len(possible) == 1:
        assert winners == possible


@given(papers())
def test_each_round_counts_every_ballot_once_as_by_hand(cast: tuple[int, list[Paper]]) -> None:
    options, ballots = cast
    result = tally("irv", counted(ballots), range(1, options + 1))
    standing = set(range(1, options + 1))
    marked = sum(bool(ballot) for ballot in ballots)
    for number, each in enumerate(result.rounds, 1):
        assert each.number == number
        assert each.totals == votes_by_hand(ballots, standing)
        assert sum(each.totals.values()) + each.exhausted == marked
        assert each.because is Because.TIED_TOGETHER or len(each.eliminated) <= 1
        assert not each.eliminated or min(each.totals.values()) in {each.totals[o] for o in each.eliminated}
        standing -= set(each.eliminated)
    assert all(each.eliminated for each in result.rounds[:-1])
    assert all(not each.eliminated for each in result.rounds[-1:])


@given(papers())
def test_the_ranking_names_every_option_once_and_the_winners_first(cast: tuple[int, list[Paper]]) -> None:
    options, ballots = cast
    result = tally("irv", counted(ballots), range(1, options + 1))
    assert sorted(option for group in result.ranking for option in group) == list(range(1, options + 1))
    assert all(result.ranking)
    if result.winners:
        assert result.ranking[0] == result.winners


@given(papers(), st.randoms(use_true_random=False))
def test_neither_the_order_of_ballots_nor_the_numbers_of_options_decide(
    cast: tuple[int, list[Paper]], rng: Random
) -> None:
    options, ballots = cast
    result = tally("irv", counted(ballots), range(1, options + 1))
    new = list(range(1, options + 1))
    rng.shuffle(new)
    renumbered = [[{new[o - 1] for o in rank} for rank in ballot] for ballot in ballots]
    rng.shuffle(renumbered)
    again = tally("irv", counted(renumbered), range(1, options + 1))
    assert again.winners == tuple(sorted(new[o - 1] for o in result.winners))
    assert again.ranking == tuple(tuple(sorted(new[o - 1] for o in group)) for group in result.ranking)


@given(papers(), st.integers(2, 5))
def test_the_same_ballots_several_times_over_change_nothing(cast: tuple[int, list[Paper]], times: int) -> None:
    options, ballots = cast
    once = tally("irv", counted(ballots), range(1, options + 1))
    often = tally("irv", counted(ballots * times), range(1, options + 1))
    assert (often.winners, often.ranking) == (once.winners, once.ranking)
    assert [each.eliminated for each in often.rounds] == [each.eliminated for each in once.rounds]


@given(papers())
def test_who_has_more_than_half_of_the_first_preferences_wins_at_once(cast: tuple[int, list[Paper]]) -> None:
    options, ballots = cast
    result = tally("irv", counted([*ballots, *([[{1}]] * (len(ballots) + 1))]), range(1, options + 1))
    assert result.winners == (1,)
    assert len(result.rounds) == 1


def left_after(ballots: list[Paper], standing: set[int], leaving: int) -> set[frozenset[int]]:
    """Who may be left after so many have left, if any of those with fewest votes may be struck out at each turn."""
    if not leaving:
        return {frozenset(standing)}
    votes = votes_by_hand(ballots, standing)
    lowest = [o for o in standing if votes[o] == min(votes.values())]
    return set().union(*(left_after(ballots, standing - {o}, leaving - 1) for o in lowest))


@given(papers(most_options=6), st.data())
def test_options_that_leave_together_leave_first_in_every_order(
    cast: tuple[int, list[Paper]], data: st.DataObject
) -> None:
    options, ballots = cast
    favourites = data.draw(st.lists(st.integers(1, options), max_size=3)) * data.draw(st.integers(1, 8))
    ballots = [*ballots, *([{option}] for option in favourites)]
    standing = set(range(1, options + 1))
    for each in tally("irv", counted(ballots), range(1, options + 1)).rounds:
        if len(each.eliminated) > 1:
            assert left_after(ballots, standing, len(each.eliminated)) == {frozenset(standing - set(each.eliminated))}
        standing -= set(each.eliminated)


@given(papers(most_options=6))
def test_whoever_is_said_to_win_without_one_of_the_tied_can_then_stand_last(
    cast: tuple[int, list[Paper]],
) -> None:
    options, ballots = cast
    standing = set(range(1, options + 1))
    for each in tally("irv", counted(ballots), range(1, options + 1)).rounds:
        for leaving, winners in each.outcomes.items():
            assert winners
            assert set(winners) <= could_win(ballots, standing - {leaving})
        standing -= set(each.eliminated)


def test_a_dozen_options_without_a_chance_do_not_make_winners_of_everybody() -> None:
    votes = {1: 60, 2: 50, 3: 2} | dict.fromkeys(range(4, 18), 1)
    result = tally("irv", {((option,),): count for option, count in votes.items()}, range(1, 18))
    first, last = result.rounds
    assert result.winners == (1,)
    assert first.because is Because.TIED_TOGETHER
    assert (first.tied, first.eliminated) == (tuple(range(4, 18)), tuple(range(3, 18)))
    assert last.totals == {1: 60, 2: 50}
    assert result.ranking == ((1,), (2,), tuple(range(3, 18)))


def test_of_the_options_without_a_chance_no_more_leave_together_than_the_tie_takes() -> None:
    votes = {1: 60, 2: 55, 3: 9, 4: 2, 5: 1, 6: 1, 7: 1}
    result = tally("irv", {((option,),): count for option, count in votes.items()}, range(1, 8))
    assert [each.eliminated for each in result.rounds] == [(4, 5, 6, 7), (3,), ()]


def test_looking_back_tells_apart_before_options_leave_together_with_the_next() -> None:
    # after 6 has left, 4 and 5 tie, and with 3 they have fewer than 2; but round 1 tells 4 and 5 apart
    ballots: dict[Ballot, int] = {((1,),): 60, ((2,),): 50, ((3,),): 4, ((4,),): 3, ((5,),): 2, ((6,), (5,)): 1}
    second = tally("irv", ballots, range(1, 7)).rounds[1]
    assert (second.because, second.eliminated) == (Because.TIED_FEWER_EARLIER, (5,))


def test_options_without_a_chance_that_tie_leave_together() -> None:
    ballots: dict[Ballot, int] = {((1,),): 4, ((2,),): 5, ((3,), (1,)): 1, ((4,), (2,)): 1, ((5,), (1,)): 1}
    first, second = tally("irv", ballots, range(1, 6)).rounds
    assert first.eliminated == first.tied == (3, 4, 5)
    assert first.because is Because.TIED_TOGETHER
    assert second.totals == {1: 6, 2: 6}


def test_a_tie_for_the_fewest_votes_looks_back_to_the_latest_round_that_tells_them_apart() -> None:
    # 4 leaves first and gives 3 the vote that makes 2 and 3 equal; in round 1 option 3 had fewer, so that it leaves
    ballots: dict[Ballot, int] = {((1,),): 7, ((2,), (1,)): 4, ((3,), (2,)): 3, ((4,), (3,)): 1}
    result = tally("irv", ballots, range(1, 5))
    second = result.rounds[1]
    assert second.totals == {1: 7, 2: 4, 3: 4}
    assert second.because is Because.TIED_FEWER_EARLIER
    assert (second.tied, second.eliminated, second.earlier_round) == ((2, 3), (3,), 1)


def test_looking_back_prefers_the_latest_round_to_an_earlier_one() -> None:
    # round 1: 2 behind 3; round 2: 3 behind 2; round 3: equal. The latest round that tells them apart is the second
    ballots: dict[Ballot, int] = {((1,),): 20, ((2,),): 6, ((3,),): 7}
    ballots |= {((4,), (2,)): 2, ((5,), (3,)): 3, ((5,), (2,)): 2}
    result = tally("irv", ballots, range(1, 6))
    assert [each.totals[2] for each in result.rounds[:3]] == [6, 8, 10]
    assert [each.totals[3] for each in result.rounds[:3]] == [7, 7, 10]
    third = result.rounds[2]
    assert (third.eliminated, third.earlier_round) == ((3,), 2)


def test_a_tie_that_decides_who_wins_is_declared_with_what_would_follow() -> None:
    result = tally("irv", {((1,),): 4, ((2,), (3,)): 3, ((3,), (1,)): 3}, [1, 2, 3])
    (only,) = result.rounds
    assert only.because is Because.TIED_DECISIVE
    assert (only.tied, only.eliminated) == ((2, 3), ())
    assert only.outcomes == {2: (3,), 3: (1,)}
    assert result.winners == (1, 3)
    assert result.ranking == ((1, 3), (2,))
    assert result.facts == (Fact(code="tie", options=(1, 3)),)


def test_a_tie_without_effect_on_who_wins_does_not_stop_the_count() -> None:
    result = tally("irv", {((1,),): 4, ((2,), (1,)): 3, ((3,), (1,)): 3}, [1, 2, 3])
    first, last = result.rounds
    assert first.because is Because.TIED_WITHOUT_EFFECT
    assert (first.tied, first.eliminated, first.outcomes) == ((2, 3), (2,), {2: (1,), 3: (1,)})
    assert last.totals == {1: 7, 3: 3}
    assert result.winners == (1,)
    assert result.ranking == ((1,), (2, 3))


def test_the_last_two_with_equal_votes_are_declared_tied() -> None:
    result = tally("irv", {((1,),): 3, ((2,),): 2, ((3,), (2,)): 1}, [1, 2, 3])
    assert result.rounds[-1].totals == {1: 3, 2: 3}
    assert result.winners == (1, 2)
    assert result.ranking == ((1, 2), (3,))
    assert result.facts == (Fact(code="tie", options=(1, 2), votes=(Fraction(3),)),)


def test_a_tie_of_too_many_to_try_every_order_is_undecided_and_makes_nobody_a_winner() -> None:
    everybody = tuple(range(1, 31))
    result = tally("irv", {((option,),): 1 for option in everybody}, everybody)
    assert (result.winners, result.tied) == ((), False)
    assert result.ranking == (everybody,)
    assert result.rounds[0].because is Because.TIED_UNDECIDED
    assert result.rounds[0].outcomes == {}
    assert result.facts == (Fact(code="undecided", options=everybody),)


def test_who_left_before_an_undecided_tie_is_not_among_those_it_lies_between() -> None:
    votes = dict.fromkeys(range(1, 31), 2) | {31: 1}
    result = tally("irv", {((option,),): count for option, count in votes.items()}, range(1, 32))
    assert result.ranking == (tuple(range(1, 31)), (31,))
    assert result.facts == (Fact(code="undecided", options=tuple(range(1, 31))),)


def test_the_more_ballots_there_are_to_read_the_fewer_possibilities_are_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    votes: dict[Ballot, int] = {((option,),): 1 for option in range(1, 6)}
    assert tally("irv", votes, range(1, 6)).winners == (1, 2, 3, 4, 5)
    monkeypatch.setattr(irv, "MOST_READINGS", 20)
    assert tally("irv", votes, range(1, 6)).facts[0].code == "undecided"


def test_a_ballot_that_ranks_nobody_left_is_exhausted() -> None:
    result = tally("irv", {((1,),): 4, ((2,),): 3, ((3,),): 2, (): 5}, [1, 2, 3])
    assert [each.exhausted for each in result.rounds] == [0, 2]
    assert (result.ballots, result.blank) == (14, 5)
    assert result.facts == (Fact(code="majority", options=(1,), votes=(Fraction(4), Fraction(7))),)


def test_equal_ranks_pass_on_whole_when_one_of_them_leaves() -> None:
    result = tally("irv", {((1, 2),): 3, ((1,),): 1, ((3,),): 3}, [1, 2, 3])
    assert result.rounds[0].totals == {1: Fraction(5, 2), 2: Fraction(3, 2), 3: 3}
    assert result.rounds[1].totals == {1: 4, 3: 3}
