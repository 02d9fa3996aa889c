"""Score voting and majority judgment, against their definitions written out: every grade of every ballot in a list."""

from collections import Counter
from fractions import Fraction
from random import Random
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st
from voting.rules.ballots import Ballot
from voting.rules.counting import tally
from voting.rules.majority_judgment import majority_value
from voting.rules.result import Fact, Result
from voting.rules.terms import Rule

BOTH = [Rule.SCORE, Rule.MAJORITY_JUDGMENT]
Paper = dict[int, int]
"""One ballot paper: some options and their grades."""


@st.composite
def papers(draw: st.DrawFn, most_options: int = 4, most_ballots: int = 9) -> tuple[int, list[Paper]]:
    """A number of options, and ballots; some leave options out, some are blank."""
    options = draw(st.integers(1, most_options))
    paper = st.dictionaries(st.integers(1, options), st.integers(0, 5), max_size=options)
    return options, draw(st.lists(paper, max_size=most_ballots))


def counted(ballots: list[Paper]) -> Counter[Ballot]:
    return Counter(tuple(sorted(paper.items())) for paper in ballots)


def grades_of(ballots: list[Paper], option: int) -> list[int]:
    """By hand: a ballot that is not blank gives the lowest grade to what it leaves out."""
    return sorted(paper.get(option, 0) for paper in ballots if paper)


def medians_taken_away(grades: list[int]) -> list[int]:
    """The definition of the majority value: note the lower median, strike one such grade out, and so on."""
    left, value = sorted(grades), []
    while left:
        value.append(left.pop((len(left) - 1) // 2))
    return value


def places(values: dict[int, object]) -> tuple[tuple[int, ...], ...]:
    """Options by a value that compares, best first; equal values share a place."""
    distinct = sorted(set(values.values()), reverse=True)  # type: ignore[type-var]
    return tuple(tuple(sorted(o for o in values if values[o] == value)) for value in distinct)


def without_names(result: Result) -> object:
    """What does not depend on how options are numbered: how many share each place, and every option's grades there."""
    assert result.grades is not None
    return [sorted(result.grades[option] for option in group) for group in result.ranking], len(result.winners)


@given(papers())
def test_majority_judgment_ranks_as_striking_out_one_median_after_another(cast: tuple[int, list[Paper]]) -> None:
    options, ballots = cast
    result = tally("majority_judgment", counted(ballots), range(1, options + 1))
    values = {option: tuple(medians_taken_away(grades_of(ballots, option))) for option in range(1, options + 1)}
    assert result.ranking == places(dict(values))
    assert result.winners == (result.ranking[0] if any(ballots) else ())
    assert result.majority_grades == {option: value[0] for option, value in values.items() if value}


@given(st.lists(st.integers(0, 5), max_size=30))
def test_the_blocks_of_a_majority_value_spell_the_medians_in_the_order_in_which_they_are_struck_out(
    grades: list[int],
) -> None:
    histogram = tuple(grades.count(grade) for grade in range(6))
    spelled = [each for pair, times in majority_value(histogram) if sum(histogram) for each in pair * times]
    if len(grades) % 2:
        del spelled[0]  # the one in the middle stands as a pair with itself
    assert spelled == medians_taken_away(grades)


@given(papers())
def test_score_adds_up_points_and_gives_exact_means_and_medians(cast: tuple[int, list[Paper]]) -> None:
    options, ballots = cast
    result = tally("score", counted(ballots), range(1, options + 1))
    by_hand = {option: grades_of(ballots, option) for option in range(1, options + 1)}
    points: dict[int, object] = {option: sum(grades) for option, grades in by_hand.items()}
    assert result.rounds[0].totals == points
    assert result.ranking == places(points)
    assert result.winners == (result.ranking[0] if any(ballots) else ())
    assert result.means == {o: Fraction(sum(grades), len(grades)) for o, grades in by_hand.items() if grades}
    assert result.medians == {o: Fraction(median(grades)) for o, grades in by_hand.items() if grades}


@pytest.mark.parametrize("rule", BOTH)
@given(cast=papers())
def test_histograms_count_every_ballot_that_is_not_blank_once_for_each_option(
    rule: Rule, cast: tuple[int, list[Paper]]
) -> None:
    options, ballots = cast
    result = tally(rule, counted(ballots), range(1, options + 1))
    expected = {o: tuple(grades_of(ballots, o).count(grade) for grade in range(6)) for o in range(1, options + 1)}
    assert result.grades == expected
    assert (result.ballots, result.blank) == (len(ballots), sum(not paper for paper in ballots))


@pytest.mark.parametrize("rule", BOTH)
@given(cast=papers(), rng=st.randoms(use_true_random=False))
def test_neither_the_order_of_ballots_nor_the_numbers_of_options_decide(
    rule: Rule, cast: tuple[int, list[Paper]], rng: Random
) -> None:
    options, ballots = cast
    result = tally(rule, counted(ballots), range(1, options + 1))
    new = list(range(1, options + 1))
    rng.shuffle(new)
    renumbered = [{new[option - 1]: grade for option, grade in paper.items()} for paper in ballots]
    rng.shuffle(renumbered)
    again = tally(rule, counted(renumbered), rng.sample(range(1, options + 1), options))
    assert again.winners == tuple(sorted(new[option - 1] for option in result.winners))
    assert again.ranking == tuple(tuple(sorted(new[option - 1] for option in group)) for group in result.ranking)
    assert without_names(again) == without_names(result)


@pytest.mark.parametrize("rule", BOTH)
@given(cast=papers(), data=st.data())
def test_a_better_grade_never_puts_an_option_further_down(
    rule: Rule, cast: tuple[int, list[Paper]], data: st.DataObject
) -> None:
    options, ballots = cast
    marked = [number for number, paper in enumerate(ballots) if paper]
    if not marked:
        return
    before = tally(rule, counted(ballots), range(1, options + 1))
    option, which = data.draw(st.integers(1, options)), data.draw(st.sampled_from(marked))
    grade = data.draw(st.integers(ballots[which].get(option, 0), 5))
    raised = [paper | {option: grade} if number == which else paper for number, paper in enumerate(ballots)]
    after = tally(rule, counted(raised), range(1, options + 1))
    for other in range(1, options + 1):
        if place(before, option) <= place(before, other):
            assert place(after, option) <= place(after, other)
        if grade > ballots[which].get(option, 0) and place(before, option) == place(before, other) and option != other:
            assert place(after, option) < place(after, other)


def place(result: Result, option: int) -> int:
    return next(number for number, group in enumerate(result.ranking) if option in group)


@pytest.mark.parametrize("rule", BOTH)
@given(cast=papers())
def test_a_million_voters_come_to_the_same_as_a_few(rule: Rule, cast: tuple[int, list[Paper]]) -> None:
    options, ballots = cast
    if not any(ballots):
        return
    few = tally(rule, counted(ballots * 2), range(1, options + 1))
    times = 1_000_000 // len(ballots)
    many = tally(rule, {ballot: 2 * times * n for ballot, n in counted(ballots).items()}, range(1, options + 1))
    assert (many.winners, many.ranking, many.means, many.medians) == (few.winners, few.ranking, few.means, few.medians)
    assert many.majority_grades == few.majority_grades
    assert [fact.code for fact in many.facts] == [fact.code for fact in few.facts]
    assert few.grades is not None
    assert many.grades == {option: tuple(times * n for n in counts) for option, counts in few.grades.items()}


@given(papers())
def test_majority_judgment_ties_options_only_where_their_grades_are_the_same(cast: tuple[int, list[Paper]]) -> None:
    options, ballots = cast
    result = tally("majority_judgment", counted(ballots), range(1, options + 1))
    assert result.grades is not None
    for group in result.ranking:
        assert len({result.grades[option] for option in group}) == 1
    if any(ballots):
        assert len({result.grades[group[0]] for group in result.ranking}) == len(result.ranking)


@given(papers())
def test_what_broke_a_tie_of_majority_grades_is_true_of_the_numbers(cast: tuple[int, list[Paper]]) -> None:
    options, ballots = cast
    result = tally("majority_judgment", counted(ballots), range(1, options + 1))
    if len(result.winners) != 1:
        return
    first, *more = result.facts
    assert (first.code, first.options) == ("majority_grade", result.winners)
    assert result.majority_grades is not None
    assert result.grades is not None
    assert first.grades == (result.majority_grades[result.winners[0]],)
    assert 2 * first.votes[0] > first.votes[1] == sum(bool(paper) for paper in ballots)
    rivals = [group for group in result.ranking[1:] if result.majority_grades[group[0]] == first.grades[0]]
    assert len(more) == bool(rivals)
    for fact in more:
        assert fact.options == (*result.winners, *rivals[0])
        mine, theirs = (result.grades[option] for option in (fact.options[0], fact.options[1]))
        grade = fact.grades[0]
        if fact.code == "more_above":
            assert fact.votes == (sum(mine[grade + 1 :]), sum(theirs[grade + 1 :]))
            assert fact.votes[0] > fact.votes[1]
        elif fact.code == "fewer_below":
            assert fact.votes == (sum(mine[:grade]), sum(theirs[:grade]))
            assert fact.votes[0] < fact.votes[1]
        else:
            one, other = (medians_taken_away(grades_of(ballots, o)) for o in fact.options[:2])
            assert fact.grades[1:] == next((a, b) for a, b in zip(one, other, strict=True) if a != b)


def histograms(*options: list[int]) -> dict[Ballot, int]:
    """Ballots on which each option gets so many of each grade, 0 first: the k-th ballot has the k-th grade of each."""
    columns = [[grade for grade, times in enumerate(counts) for _ in range(times)] for counts in options]
    return Counter(tuple(enumerate(row, 1)) for row in zip(*columns, strict=True))


def test_the_best_middle_grade_wins_though_another_has_more_points() -> None:
    ballots = histograms([0, 0, 0, 0, 10, 0], [0, 0, 4, 2, 0, 4], [0, 0, 0, 7, 0, 3])
    result = tally("majority_judgment", ballots, [1, 2, 3])
    assert result.ranking == ((1,), (3,), (2,))
    assert result.facts == (Fact(code="majority_grade", options=(1,), grades=(4,), votes=(Fraction(10), Fraction(10))),)


@pytest.mark.parametrize(
    ("one", "other", "fact"),
    [
        ([0, 0, 2, 4, 4, 0], [0, 0, 3, 4, 3, 0], Fact(code="more_above", votes=(Fraction(4), Fraction(3)))),
        ([0, 0, 3, 4, 3, 0], [0, 0, 4, 3, 3, 0], Fact(code="fewer_below", votes=(Fraction(3), Fraction(4)))),
        ([0, 0, 3, 4, 2, 1], [0, 3, 0, 4, 2, 1], Fact(code="further_medians", grades=(3, 2, 1))),
    ],
)
def test_a_tie_of_majority_grades_is_broken_by_the_grades_around_them(
    one: list[int], other: list[int], fact: Fact
) -> None:
    for numbers, (winner, next_one) in (((one, other), (1, 2)), ((other, one), (2, 1))):
        result = tally("majority_judgment", histograms(*numbers), [1, 2])
        why = result.facts[1]
        assert result.winners == (winner,)
        assert (why.code, why.options, why.votes) == (fact.code, (winner, next_one), fact.votes)
        assert why.grades == (fact.grades or (3,))


def test_equal_grades_are_a_tie_that_is_declared() -> None:
    ballots: dict[Ballot, int] = {((1, 5), (2, 1)): 1, ((1, 1), (2, 5)): 1, ((3, 1),): 1}
    judged = tally("majority_judgment", ballots, [1, 2, 3])
    assert (judged.winners, judged.tied) == ((1, 2), True)
    assert judged.facts == (Fact(code="tie", options=(1, 2), grades=(1,)),)
    scored = tally("score", ballots, [1, 2, 3])
    assert scored.facts == (Fact(code="tie", options=(1, 2), votes=(Fraction(6), Fraction(2))),)


def test_a_grade_that_was_not_given_counts_as_the_lowest_but_a_blank_ballot_gives_none() -> None:
    left_out: dict[Ballot, int] = {((1, 4),): 3, (): 5}
    written_out: dict[Ballot, int] = {((1, 4), (2, 0)): 3, (): 5}
    for rule in BOTH:
        assert tally(rule, left_out, [1, 2]) == tally(rule, written_out, [1, 2])
    assert tally("score", left_out, [1, 2]).grades == {1: (0, 0, 0, 0, 3, 0), 2: (3, 0, 0, 0, 0, 0)}


def test_results_in_grades_have_exact_json() -> None:
    ballots: dict[Ballot, int] = {((1, 5), (2, 2)): 1, ((1, 4),): 1, ((2, 1),): 1, (): 1}
    assert tally("score", ballots, [1, 2]).as_json() == {
        "rule": "score",
        "ballots": 4,
        "blank": 1,
        "winners": [1],
        "tied": False,
        "ranking": [[1], [2]],
        "rounds": [{"round": 1, "totals": {"1": "9", "2": "3"}, "exhausted": 0, "eliminated": []}],
        "grades": {"1": [1, 0, 0, 0, 1, 1], "2": [1, 1, 1, 0, 0, 0]},
        "means": {"1": "3", "2": "1"},
        "medians": {"1": "4", "2": "1"},
        "facts": [{"code": "most_points", "options": [1], "votes": ["9", "3"]}],
    }
    judged = tally("majority_judgment", {((1, 5), (2, 4)): 3, ((1, 3),): 1}, [1, 2]).as_json()
    assert (judged["rounds"], judged["grades"]) == ([], {"1": [0, 0, 0, 1, 0, 3], "2": [1, 0, 0, 0, 3, 0]})
    assert judged["majority_grades"] == {"1": 5, "2": 4}
    assert judged["facts"] == [{"code": "majority_grade", "options": [1], "votes": ["3", "4"], "grades": [5]}]
    assert not {"means", "medians"} & set(judged)


def test_half_points_of_a_median_are_exact() -> None:
    result = tally("score", {((1, 5),): 1, ((1, 4),): 1, ((1, 2),): 1}, [1]).as_json()
    assert (result["means"], result["medians"]) == ({"1": "11/3"}, {"1": "4"})
    assert tally("score", {((1, 5),): 1, ((1, 4),): 1}, [1]).as_json()["medians"] == {"1": "9/2"}


@pytest.mark.parametrize(
    ("ballots", "options"),
    [
        ({((3, 5),): 1}, [1, 2]),
        ({((1, 6),): 1}, [1, 2]),
        ({((1, -1),): 1}, [1, 2]),
        ({((1, 5), (1, 4)): 1}, [1, 2]),
        ({((1,),): 1}, [1, 2]),
        ({((1, 5), ()): 1}, [1, 2]),
        ({((1, 5),): -1}, [1, 2]),
        ({}, []),
        ({}, [1, 1]),
    ],
    ids=[
        "unknown option",
        "grade 6",
        "grade -1",
        "twice",
        "no grade",
        "empty",
        "negative",
        "no option",
        "listed twice",
    ],
)
@pytest.mark.parametrize("rule", BOTH)
def test_graded_ballots_that_no_voter_can_cast_are_an_error(
    rule: Rule, ballots: dict[Ballot, int], options: list[int]
) -> None:
    with pytest.raises(ValueError, match=r"option|negative|grade"):
        tally(rule, ballots, options)
