"""The Schulze method, against its definition: all simple paths, one by one."""

from collections import Counter
from itertools import combinations, pairwise, permutations
from random import Random

from hypothesis import given
from hypothesis import strategies as st
from voting.rules.ballots import Ballot
from voting.rules.counting import tally
from voting.rules.result import Fact

Levels = list[int]
"""One ballot: the rank of each option (0 is best); the options of the highest rank are not on the ballot."""


@st.composite
def ballots_by_level(draw: st.DrawFn, most_options: int = 5, most_ballots: int = 10) -> tuple[int, list[Levels]]:
    options = draw(st.integers(1, most_options))
    levels = st.lists(st.integers(0, options), min_size=options, max_size=options)
    return options, draw(st.lists(levels, min_size=1, max_size=most_ballots))


def counted(ballots: list[Levels]) -> Counter[Ballot]:
    counts: Counter[Ballot] = Counter()
    for levels in ballots:
        ranks = [tuple(o for o, level in enumerate(levels, 1) if level == rank) for rank in range(len(levels))]
        counts[tuple(rank for rank in ranks if rank)] += 1
    return counts


def prefer(ballots: list[Levels], one: int, other: int) -> int:
    return sum(levels[one - 1] < levels[other - 1] for levels in ballots)


def strongest(ballots: list[Levels], options: int, start: int, end: int) -> int:
    """The best of all simple paths, a path being as strong as its weakest link (0: there is none)."""
    between = [o for o in range(1, options + 1) if o not in {start, end}]
    best = 0
    for length in range(len(between) + 1):
        for middle in permutations(between, length):
            links = [(prefer(ballots, a, b), prefer(ballots, b, a)) for a, b in pairwise((start, *middle, end))]
            if all(ahead > back for ahead, back in links):
                best = max(best, min(ahead for ahead, _ in links))
    return best


@given(ballots_by_level(most_options=4))
def test_matrix_and_paths_are_those_of_the_definition(cast: tuple[int, list[Levels]]) -> None:
    options, ballots = cast
    result = tally("schulze", counted(ballots), range(1, options + 1))
    everybody = range(1, options + 1)
    assert result.pairwise == {a: {b: prefer(ballots, a, b) for b in everybody if b != a} for a in everybody}
    assert result.strongest_paths == {
        a: {b: strongest(ballots, options, a, b) for b in everybody if b != a} for a in everybody
    }


def test_hundreds_of_options_are_compared_each_with_each() -> None:
    options, dice = range(1, 601), Random(7)
    orders = [dice.sample(options, len(options)) for _ in range(3)]
    result = tally("schulze", Counter(tuple((option,) for option in order) for order in orders), options)
    assert sorted(option for group in result.ranking for option in group) == list(options)
    assert len(result.ranking) > 1


@given(ballots_by_level())
def test_the_ranking_never_contradicts_the_paths_and_the_winners_are_unbeaten(cast: tuple[int, list[Levels]]) -> None:
    options, ballots = cast
    result = tally("schulze", counted(ballots), range(1, options + 1))
    everybody = range(1, options + 1)
    path = {(a, b): strongest(ballots, options, a, b) for a in everybody for b in everybody if a != b}
    place = {option: number for number, group in enumerate(result.ranking) for option in group}
    assert sorted(place) == list(everybody)
    for (a, b), strength in path.items():
        if strength > path[b, a]:
            assert place[a] < place[b]
    unbeaten = tuple(a for a in everybody if all(path[a, b] >= path[b, a] for b in everybody if b != a))
    assert result.ranking[0] == unbeaten
    marked = any(min(levels) < options for levels in ballots)
    assert result.winners == (unbeaten if marked else ())


@given(ballots_by_level())
def test_an_option_that_majorities_prefer_to_each_other_one_wins_alone(cast: tuple[int, list[Levels]]) -> None:
    options, ballots = cast
    everybody = range(1, options + 1)
    result = tally("schulze", counted(ballots), everybody)
    for a in everybody:
        duels = [(prefer(ballots, a, b), prefer(ballots, b, a)) for b in everybody if b != a]
        if duels and all(ahead > back for ahead, back in duels):
            assert result.winners == (a,)
            assert result.facts == (Fact(code="condorcet_winner", options=(a,)),)
        if duels and all(ahead < back for ahead, back in duels):
            assert a not in result.winners


@given(ballots_by_level())
def test_turning_every_ballot_round_makes_the_only_winner_lose(cast: tuple[int, list[Levels]]) -> None:
    options, ballots = cast
    winners = tally("schulze", counted(ballots), range(1, options + 1)).winners
    turned = [[options - level for level in levels] for levels in ballots]
    if options > 1 and len(winners) == 1:
        assert winners[0] not in tally("schulze", counted(turned), range(1, options + 1)).winners


@given(ballots_by_level(), st.randoms(use_true_random=False))
def test_neither_the_order_of_ballots_nor_the_numbers_of_options_decide(
    cast: tuple[int, list[Levels]], rng: Random
) -> None:
    options, ballots = cast
    result = tally("schulze", counted(ballots), range(1, options + 1))
    old = list(range(1, options + 1))
    rng.shuffle(old)  # the option that is now i was old[i - 1]
    new = {before: now for now, before in enumerate(old, 1)}
    renumbered = [[levels[before - 1] for before in old] for levels in ballots]
    rng.shuffle(renumbered)
    again = tally("schulze", counted(renumbered), range(1, options + 1))
    assert again.winners == tuple(sorted(new[option] for option in result.winners))
    assert again.ranking == tuple(tuple(sorted(new[option] for option in group)) for group in result.ranking)


@given(ballots_by_level(most_options=4), st.data())
def test_ranking_a_winner_higher_on_a_ballot_never_makes_it_lose(
    cast: tuple[int, list[Levels]], data: st.DataObject
) -> None:
    options, ballots = cast
    result = tally("schulze", counted(ballots), range(1, options + 1))
    if not result.winners:
        return
    winner = data.draw(st.sampled_from(result.winners))
    which = data.draw(st.integers(0, len(ballots) - 1))
    raised = [list(levels) for levels in ballots]
    raised[which] = [2 * level for level in raised[which]]
    raised[which][winner - 1] -= data.draw(st.integers(0, 2 * options))
    # back to ranks from 0: those not on the ballot stay off it, unless it is the winner
    ranks = sorted({level for level in raised[which] if level < 2 * options})
    raised[which] = [ranks.index(level) if level < 2 * options else options for level in raised[which]]
    assert winner in tally("schulze", counted(raised), range(1, options + 1)).winners


def test_options_that_a_ballot_does_not_name_rank_together_below_those_it_names() -> None:
    result = tally("schulze", {((2,),): 3}, [1, 2, 3])
    assert result.pairwise == {1: {2: 0, 3: 0}, 2: {1: 3, 3: 3}, 3: {1: 0, 2: 0}}
    assert result.ranking == ((2,), (1, 3))


def test_equal_ranks_prefer_neither() -> None:
    result = tally("schulze", {((1, 2),): 4, ((3,), (1,)): 1}, [1, 2, 3])
    assert result.pairwise == {1: {2: 1, 3: 4}, 2: {1: 0, 3: 4}, 3: {1: 1, 2: 1}}


def test_a_single_option_wins_if_anybody_names_it() -> None:
    assert tally("schulze", {((1,),): 1}, [1]).winners == (1,)


def test_majorities_in_a_circle_of_equal_strength_are_a_tie() -> None:
    circle: dict[Ballot, int] = {tuple((o,) for o in order): 1 for order in [(1, 2, 3), (2, 3, 1), (3, 1, 2)]}
    result = tally("schulze", circle, [1, 2, 3])
    assert result.winners == (1, 2, 3)
    assert all(result.pairwise[a][b] != result.pairwise[b][a] for a, b in combinations((1, 2, 3), 2) if result.pairwise)
