"""Graded ballots as histograms: how many ballots give each option each grade. Both rules on grades need no more."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from voting.rules.ballots import Ballot
from voting.rules.terms import GRADES, LOWEST_GRADE

Histogram = tuple[int, ...]
"""The number of ballots that give each grade, the lowest grade first: six numbers."""

Run = tuple[int, int]
"""A grade, and how many ballots in a row give it."""


@dataclass(frozen=True, slots=True)
class Grades:
    """The histogram of each option over the `marked` ballots. An option that such a ballot leaves out has grade 0."""

    histograms: Mapping[int, Histogram]
    marked: int
    blank: int

    @classmethod
    def of(cls, ballots: Mapping[Ballot, int], options: Sequence[int]) -> "Grades":
        """Check and count ballots. ValueError: an unknown option or grade, an option twice, a negative count."""
        counts = {option: [0] * len(GRADES) for option in options}
        if not counts or len(counts) < len(options):
            raise ValueError("options are distinct, and there is at least one")
        marked = 0
        for ballot, times in ballots.items():
            if times < 0:
                raise ValueError("a ballot is never cast a negative number of times")
            for option, grade in _pairs(ballot):
                if option not in counts:
                    raise ValueError(f"no option has the number {option}")
                if grade not in GRADES:
                    raise ValueError(f"option {option} has no grade from {GRADES[0]} to {GRADES[-1]}, but {grade}")
                counts[option][grade] += times
            marked += times if ballot else 0
        for of_option in counts.values():
            of_option[LOWEST_GRADE] += marked - sum(of_option)
        return cls({option: tuple(each) for option, each in counts.items()}, marked, ballots.get((), 0))

    @property
    def options(self) -> tuple[int, ...]:
        """The options in the order in which they were given."""
        return tuple(self.histograms)

    @property
    def cast(self) -> int:
        """All ballots, blank ones included."""
        return self.marked + self.blank


def _pairs(ballot: Ballot) -> Iterable[tuple[int, int]]:
    if any(len(group) != 2 for group in ballot):  # noqa: PLR2004 - an option and its grade
        raise ValueError("on a graded ballot each option has one grade")
    pairs = [(group[0], group[1]) for group in ballot]
    if len({option for option, _ in pairs}) < len(pairs):
        raise ValueError("an option stands twice on one ballot")
    return pairs


def lowest(histogram: Histogram, many: int) -> list[Run]:
    """The lowest `many` grades of an option, in ascending runs."""
    return _first(((grade, histogram[grade]) for grade in GRADES), many)


def highest(histogram: Histogram, many: int) -> list[Run]:
    """The highest `many` grades of an option, in descending runs."""
    return _first(((grade, histogram[grade]) for grade in reversed(GRADES)), many)


def _first(runs: Iterable[Run], many: int) -> list[Run]:
    taken = []
    for grade, times in runs:
        if many and times:
            taken.append((grade, min(times, many)))
            many -= taken[-1][1]
    return taken
