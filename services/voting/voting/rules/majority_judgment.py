"""Majority judgment: the best middle grade wins, and ties of it are broken by the grades around the middle.

The *majority grade* of an option is its (lower) median: more than half of the ballots give it at least that, and at
least half give it at most that. Where options share it, one such grade is taken away from each and the next medians are
compared, and so on: the sequence of these medians is the *majority value*. Only equal histograms have equal values.

Source: M. Balinski and R. Laraki, "A theory of measuring, electing, and ranking", PNAS 104 (2007), 8720-8725, and
"Majority Judgment: Measuring, Ranking, and Electing", MIT Press (2010).

The medians come from the middle outwards in turns: below, above, below, ... So the value of any number of ballots is
a few *blocks*: a pair of grades (below and above the middle), and how often it comes. With an odd number the grade in
the middle comes first, once, as a pair with itself.
"""

from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from functools import cmp_to_key
from typing import TypeVar

from voting.rules.grades import Grades, Histogram, highest, lowest
from voting.rules.result import Fact, Ranking, Result
from voting.rules.terms import Rule

One = TypeVar("One")
Other = TypeVar("Other")
Block = tuple[tuple[int, int], int]
Value = list[Block]
"""A majority value, as blocks."""


def majority_judgment(grades: Grades) -> Result:
    """Rank the options by their majority values."""
    options = tuple(sorted(grades.options))
    ranking = _ranking(grades) if grades.marked else (options,)
    winners = ranking[0] if grades.marked else ()
    return Result(
        rule=Rule.MAJORITY_JUDGMENT,
        ballots=grades.cast,
        blank=grades.blank,
        winners=winners,
        ranking=ranking,
        grades=grades.histograms,
        majority_grades={option: majority_grade(grades.histograms[option]) for option in options if grades.marked},
        facts=_why(grades, ranking) if winners else (Fact(code="no_votes"),),
    )


def majority_grade(histogram: Histogram) -> int:
    """The median of the grades, of an even number the lower one of the two in the middle."""
    return lowest(histogram, (sum(histogram) + 1) // 2)[-1][0]


def majority_value(histogram: Histogram) -> Value:
    """The medians in the order in which they are taken away, as blocks."""
    half, odd = divmod(sum(histogram), 2)
    middle = [((majority_grade(histogram),) * 2, 1)] if odd else []
    below, above = reversed(lowest(histogram, half)), reversed(highest(histogram, half))
    return middle + [((low, high), times) for low, high, times in _in_step(below, above)]


def _in_step(ones: Iterable[tuple[One, int]], others: Iterable[tuple[Other, int]]) -> Iterator[tuple[One, Other, int]]:
    """Two sequences in runs, read side by side: what stands in each, and for how long both stay."""
    rest = iter(others)
    left = 0
    for one, times in ones:
        while times:
            if not left:
                other, left = next(rest)
            both = min(times, left)
            yield one, other, both
            times, left = times - both, left - both  # noqa: PLW2901 - what is left of the run


def _difference(one: Value, other: Value) -> tuple[int, int]:
    """The first medians that differ; (0, 0) where none does."""
    for (my_low, my_high), (their_low, their_high), _ in _in_step(one, other):
        if my_low != their_low:
            return my_low, their_low
        if my_high != their_high:
            return my_high, their_high
    return 0, 0


def _compare(one: Value, other: Value) -> int:
    mine, theirs = _difference(one, other)
    return mine - theirs


def _ranking(grades: Grades) -> Ranking:
    """Options by majority value, best first; equal values share a place."""
    values = {option: majority_value(histogram) for option, histogram in grades.histograms.items()}
    worse_first = cmp_to_key(_compare)
    best_first = sorted(values, key=lambda option: worse_first(values[option]), reverse=True)
    groups: list[list[int]] = []
    for option in best_first:
        if groups and values[groups[-1][0]] == values[option]:
            groups[-1].append(option)
        else:
            groups.append([option])
    return tuple(tuple(sorted(group)) for group in groups)


def _why(grades: Grades, ranking: Ranking) -> tuple[Fact, ...]:
    winners = ranking[0]
    grade = majority_grade(grades.histograms[winners[0]])
    if len(winners) > 1:
        return (Fact(code="tie", options=winners, grades=(grade,)),)
    rivals = [group for group in ranking[1:] if majority_grade(grades.histograms[group[0]]) == grade]
    at_least = sum(grades.histograms[winners[0]][grade:])
    votes = Fraction(at_least), Fraction(grades.marked)
    alone = Fact(code="majority_grade", options=winners, grades=(grade,), votes=votes)
    return (alone, _tie_break(grades, winners[0], rivals[0], grade)) if rivals else (alone,)


def _tie_break(grades: Grades, winner: int, rivals: Sequence[int], grade: int) -> Fact:
    """What put the winner before those who come next and have the same majority grade.

    Whose medians leave that grade first, upwards, has more ballots above it; who stays when the others' go down has
    fewer below it. Else both leave it at once, and medians further on decide.
    """
    mine, theirs = grades.histograms[winner], grades.histograms[rivals[0]]
    ahead, behind = _difference(majority_value(mine), majority_value(theirs))
    options = (winner, *rivals)
    if behind == grade:
        votes = sum(mine[grade + 1 :]), sum(theirs[grade + 1 :])
        return Fact(code="more_above", options=options, grades=(grade,), votes=tuple(map(Fraction, votes)))
    if ahead == grade:
        votes = sum(mine[:grade]), sum(theirs[:grade])
        return Fact(code="fewer_below", options=options, grades=(grade,), votes=tuple(map(Fraction, votes)))
    return Fact(code="further_medians", options=options, grades=(grade, ahead, behind))
