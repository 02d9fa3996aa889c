"""What graded ballots came to, as stacked bars and as a table with the same numbers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from web import api, figures
from web.grades import HIGHEST, LOWEST, Grade
from web.i18n import Language, Text
from web.polls import PollView

BEST_FIRST = range(HIGHEST, LOWEST - 1, -1)


@dataclass(frozen=True, slots=True)
class Segment:
    """One grade's part of a bar, in percent of its length."""

    grade: int
    start: float
    width: float


@dataclass(frozen=True, slots=True)
class Stack:
    """One option's bar: its grades, the best one first, and what they come to."""

    label: Text
    figure: str
    won: bool
    segments: Sequence[Segment]


def stacks(
    result: api.RuleResult, poll: PollView, ranked: Sequence[int], figure: Callable[[int], str]
) -> Sequence[Stack]:
    """The options by rank; none where no ballot gives a grade."""
    histograms = result.grades or {}
    return [
        Stack(poll.label(option), figure(option), option in result.winners, _segments(histograms[option]))
        for option in ranked
        if sum(histograms.get(option, ()))
    ]


def _segments(histogram: Sequence[int]) -> Sequence[Segment]:
    of, before, segments = sum(histogram), 0, []
    for grade in BEST_FIRST:
        if histogram[grade]:
            segments.append(Segment(grade, 100 * before / of, 100 * histogram[grade] / of))
        before += histogram[grade]
    return segments


def scale_of(rule: str, ballot: Sequence[Grade]) -> Sequence[Grade]:
    """The grades as a rule's result calls them: as the ballot did, but by score always as points."""
    if rule != "score" or any(grade.more for grade in ballot):
        return ballot
    return [Grade(grade.number, str(grade.number), grade.label) for grade in ballot]


def best_first(scale: Sequence[Grade]) -> Sequence[Grade]:
    """The same grades, the best one first."""
    return sorted(scale, key=lambda grade: -grade.number)


def columns(result: api.RuleResult, scale: Sequence[Grade], lang: Language) -> Sequence[str]:
    """What the table has for each option: the six grades, by score also what they come to."""
    more = [lang.gettext("Average"), lang.gettext("Median")] if result.means else []
    return [*(grade.label for grade in best_first(scale)), *more]


def numbers(result: api.RuleResult, option: int, lang: Language) -> Sequence[str]:
    """One option's line in that table."""
    counts = [figures.whole((result.grades or {})[option][grade], lang) for grade in BEST_FIRST]
    middles = [middle[option] for middle in (result.means, result.medians) if middle]
    return [*counts, *(figures.votes(middle, lang) for middle in middles)]
