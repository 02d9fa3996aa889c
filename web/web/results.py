"""A published result as pages show it: in a sentence, as bars, as tables with the exact numbers."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

from babel.lists import format_list
from markupsafe import Markup

from web import api, figures, graded_results
from web.grades import Grade
from web.i18n import Language, Text
from web.polls import PollView
from web.rules_explained import explain


@dataclass(frozen=True, slots=True)
class Bar:
    """One option's bar: `percent` of the longest possible one, the number beside it."""

    label: Text
    percent: float
    figure: str
    won: bool


@dataclass(frozen=True, slots=True)
class Row:
    """One option's line in the table."""

    place: str
    label: Text
    figure: str
    share: str
    won: bool
    undecided: bool


@dataclass(frozen=True, slots=True)
class Cell:
    """One number in a round or a pairwise comparison. `mark`: `out` (drops out here), `won` or nothing."""

    text: str
    mark: str = ""


@dataclass(frozen=True, slots=True)
class Grid:
    """A table with a line for each option."""

    columns: Sequence[Text]
    lines: Sequence[tuple[Text, Sequence[Cell]]]


class RuleView:
    """What one rule makes of the ballots."""

    def __init__(self, result: api.RuleResult, poll: PollView, lang: Language) -> None:
        self._result = result
        self._poll = poll
        self._lang = lang
        self.rule = result.rule
        self.tied = result.tied

    @property
    def name(self) -> str:
        return explain(self.rule, self._lang).name

    @property
    def method(self) -> str:
        """How the rule counts, in plain words."""
        return explain(self.rule, self._lang).citizens

    @property
    def sentences(self) -> Sequence[Markup]:
        """The outcome, and why."""
        return [said for fact in self._result.facts if (said := self._said(fact))]

    @property
    def figure_name(self) -> str:
        """What the bars and the table's numbers are."""
        gettext = self._lang.gettext
        if self.rule == "schulze":
            return gettext("Comparisons won")
        if self.rule == "score":
            return gettext("Points")
        if self.rule == "majority_judgment":
            return gettext("Majority grade")
        if self.rule == "irv" and len(self._result.rounds) > 1:
            return gettext("Votes in the last round")
        return gettext("Votes")

    @cached_property
    def bars(self) -> Sequence[Bar]:
        """The options by rank, each with its bar; where ballots give grades, `stacks` show more."""
        if self._result.grades is not None:
            return []
        longest = max((Fraction(number) for number in self._figures.values()), default=Fraction(0))
        return [
            Bar(
                self._poll.label(option),
                float(100 * Fraction(self._figures[option]) / longest) if longest else 0.0,
                figures.votes(self._figures[option], self._lang),
                option in self._result.winners,
            )
            for option in self._ranked
            if option in self._figures
        ]

    @cached_property
    def stacks(self) -> Sequence[graded_results.Stack]:
        """The options by rank, each with a bar of its grades."""
        return graded_results.stacks(self._result, self._poll, self._ranked, self._figure)

    @cached_property
    def scale(self) -> Sequence[Grade]:
        """The grades, the best one first."""
        return graded_results.best_first(graded_results.scale_of(self.rule, self._poll.scale))

    def _grade(self, number: int) -> str:
        return next(grade.label for grade in self.scale if grade.number == number)

    @cached_property
    def grades(self) -> Grid | None:
        """How many ballots give each option each grade."""
        if not self.stacks:
            return None
        result, lang = self._result, self._lang
        columns = [self._text(text) for text in graded_results.columns(result, self.scale, lang)]
        lines = [
            (self._poll.label(option), [Cell(text) for text in graded_results.numbers(result, option, lang)])
            for option in self._ranked
        ]
        return Grid(columns, lines)

    @cached_property
    def rows(self) -> Sequence[Row]:
        """All options by rank."""
        total = sum((Fraction(number) for number in self._figures.values()), Fraction(0))
        return [self._row(option, total) for option in self._ranked]

    @property
    def with_shares(self) -> bool:
        """Whether a share of the total means something: not where a ballot counts more than once, or only pairs."""
        return self.rule in {"yes_no", "single", "irv"}

    @cached_property
    def rounds(self) -> Grid | None:
        """Instant runoff: each option's votes round by round."""
        if self.rule != "irv" or not self._result.rounds:
            return None
        numbers = range(1, len(self._result.rounds) + 1)
        columns = [self._text(self._lang.gettext("Round %(n)s") % {"n": number}) for number in numbers]
        lines = [(self._poll.label(option), self._votes_by_round(option)) for option in self._ranked]
        return Grid(columns, [*lines, (self._text(self._lang.gettext("Exhausted ballots")), self._exhausted())])

    @property
    def round_notes(self) -> Sequence[Markup]:
        """What ties in a round came to."""
        return [
            said
            for number, each in enumerate(self._result.rounds, start=1)
            if (said := self._said_of_round(number, each))
        ]

    @cached_property
    def pairwise(self) -> Grid | None:
        """Schulze: how many voters place the option of the line above that of the column."""
        matrix = self._result.pairwise
        if matrix is None:
            return None
        lines = [
            (self._poll.label(one), [self._pair(matrix, one, other) for other in self._ranked]) for one in self._ranked
        ]
        return Grid([self._poll.label(option) for option in self._ranked], lines)

    @cached_property
    def _ranked(self) -> Sequence[int]:
        return [option for group in self._result.ranking for option in group]

    @cached_property
    def _figures(self) -> Mapping[int, str]:
        if self._result.pairwise is not None:
            matrix = self._result.pairwise
            return {one: str(sum(_beats(matrix, one, other) for other in row)) for one, row in matrix.items()}
        return self._result.rounds[-1].totals if self._result.rounds else {}

    def _row(self, option: int, total: Fraction) -> Row:
        number = self._figures.get(option)
        return Row(
            self._place(option),
            self._poll.label(option),
            self._figure(option),
            figures.share(Fraction(number), total, self._lang) if number is not None else "–",
            option in self._result.winners,
            option in self._undecided,
        )

    def _figure(self, option: int) -> str:
        """What an option has: votes, points, comparisons won, or a grade."""
        grade = self._result.majority_grades.get(option)
        if grade is not None:
            return self._grade(grade)
        number = self._figures.get(option)
        return figures.votes(number, self._lang) if number is not None else "–"

    @cached_property
    def _undecided(self) -> Collection[int]:
        """Between whom it is not known who wins: they tie for no place."""
        return {option for fact in self._result.facts if fact.code == "undecided" for option in fact.options}

    def _place(self, option: int) -> str:
        if option in self._undecided:
            return "–"
        ahead = 0
        for group in self._result.ranking:
            if option in group:
                text = str(ahead + 1)
                return text if len(group) == 1 else self._lang.gettext("%(place)s (shared)") % {"place": text}
            ahead += len(group)
        return "–"

    def _votes_by_round(self, option: int) -> Sequence[Cell]:
        cells = []
        for number, each in enumerate(self._result.rounds, start=1):
            if option not in each.totals:
                cells.append(Cell("–"))
                continue
            last = number == len(self._result.rounds)
            mark = "out" if option in each.eliminated else "won" if last and option in self._result.winners else ""
            cells.append(Cell(figures.votes(each.totals[option], self._lang), mark))
        return cells

    def _exhausted(self) -> Sequence[Cell]:
        return [Cell(figures.whole(each.exhausted, self._lang)) for each in self._result.rounds]

    def _pair(self, matrix: api.Matrix, one: int, other: int) -> Cell:
        if one == other:
            return Cell("–")
        return Cell(figures.whole(matrix[one][other], self._lang), "won" if _beats(matrix, one, other) else "")

    def _said(self, fact: api.Fact) -> Markup | None:
        gettext, ngettext = self._lang.gettext, self._lang.ngettext
        number = _one_or_many(fact.votes[:1])
        sentences = {
            "no_votes": gettext("Nobody chose an answer."),
            "accepted": ngettext(
                "Accepted: %(first)s vote for yes and %(second)s for no.",
                "Accepted: %(first)s votes for yes and %(second)s for no.",
                number,
            ),
            "rejected": ngettext(
                "Rejected: %(first)s vote for yes and %(second)s for no.",
                "Rejected: %(first)s votes for yes and %(second)s for no.",
                number,
            ),
            "majority": ngettext(
                "%(names)s wins with %(first)s of %(second)s vote: more than half.",
                "%(names)s wins with %(first)s of %(second)s votes: more than half.",
                _one_or_many(fact.votes[1:2]),
            ),
            "most_votes": ngettext(
                "%(names)s wins with %(first)s vote: the most, though not more than half.",
                "%(names)s wins with %(first)s votes: the most, though not more than half.",
                number,
            ),
            "condorcet_winner": gettext(
                "%(names)s wins: in each comparison more voters prefer it to the other answer."
            ),
            "no_condorcet_winner": gettext("No answer wins each comparison with the others."),
            "strongest_paths": gettext("%(names)s wins by the strongest chains of comparisons."),
            "undecided": gettext(
                "Undecided between %(names)s: the tied answers could drop out in too many orders to know who wins."
            ),
            "tie": gettext("A tie between %(names)s: they did equally well, and no lot was drawn."),
            "most_points": ngettext(
                "%(names)s wins with %(first)s point: %(second)s on average.",
                "%(names)s wins with %(first)s points: %(second)s on average.",
                number,
            ),
        }
        if self.rule == "approval":
            sentences["majority"] = ngettext(
                "%(names)s wins: %(first)s of %(second)s voters agrees with it.",
                "%(names)s wins: %(first)s of %(second)s voters agree with it.",
                number,
            )
            sentences["most_votes"] = ngettext(
                "%(names)s wins: %(first)s voter agrees with it, more than with any other.",
                "%(names)s wins: %(first)s voters agree with it, more than with any other.",
                number,
            )
        sentence = sentences.get(fact.code) or self._judged(fact.code, number)
        return None if sentence is None else self._filled(sentence, fact)

    def _judged(self, code: str, number: int) -> str | None:
        """Why an option wins by majority judgment; `number` is of the voters that the sentence begins with."""
        gettext, ngettext = self._lang.gettext, self._lang.ngettext
        return {
            "majority_grade": ngettext(
                "%(one)s wins with the majority grade “%(grade)s”: %(first)s of %(second)s voters gives it that grade "
                "or a better one.",
                "%(one)s wins with the majority grade “%(grade)s”: %(first)s of %(second)s voters give it that grade "
                "or a better one.",
                number,
            ),
            "more_above": gettext(
                "%(others)s: the same majority grade. %(one)s ranks higher because more voters give it a better grade: "
                "%(first)s, against %(second)s."
            ),
            "fewer_below": gettext(
                "%(others)s: the same majority grade. %(one)s ranks higher because fewer voters give it a worse grade: "
                "%(first)s, against %(second)s."
            ),
            "further_medians": gettext(
                "%(others)s: the same majority grade. When that grade is taken away from each, as often from one as "
                "from the other, the next middle grade of %(one)s is better: “%(ahead)s”, against “%(behind)s”."
            ),
        }.get(code)

    def _said_of_round(self, number: int, each: api.Round) -> Markup | None:
        gettext = self._lang.gettext
        sentence = {
            "tied_together": gettext("Round %(n)s: %(out)s drop out together; all their votes are still the fewest."),
            "tied_fewer_earlier": gettext(
                "Round %(n)s: %(tied)s had equally few votes; %(out)s drops out, with the fewest in round %(earlier)s."
            ),
            "tied_without_effect": gettext(
                "Round %(n)s: %(tied)s had equally few votes; whichever drops out, the same answer wins."
            ),
            "tied_decisive": gettext(
                "Round %(n)s: %(tied)s had equally few votes, and who drops out decides who wins: "
                "the count ends in a tie."
            ),
            "tied_undecided": gettext(
                "Round %(n)s: %(tied)s had equally few votes, and could drop out in too many orders: "
                "the count ends undecided."
            ),
        }.get(each.because or "")
        if sentence is None:
            return None
        facts = {"n": number, "earlier": each.earlier_round or "", "out": self._names(each.eliminated)}
        return Markup(sentence) % (facts | {"tied": self._names(each.tied or each.eliminated)})  # noqa: S704 - ours

    def _filled(self, sentence: str, fact: api.Fact) -> Markup:
        shown = [figures.votes(number, self._lang) for number in fact.votes] + ["", ""]
        grades = [self._grade(number) for number in fact.grades] + ["", "", ""]
        facts = {"names": self._names(fact.options), "first": shown[0], "second": shown[1]}
        facts |= {"one": self._names(fact.options[:1]), "others": self._names(fact.options[1:])}
        facts |= {"grade": grades[0], "ahead": grades[1], "behind": grades[2]}
        return Markup(sentence) % facts  # noqa: S704 - the sentence is ours; what is put into it gets escaped

    def _names(self, options: Sequence[int]) -> Markup:
        """As in "A, B and C", each in its own language."""
        names = [self._poll.label(option) for option in options]
        marked = [str(Markup('<strong lang="{}">{}</strong>').format(name.lang, name.text)) for name in names]
        return Markup(format_list(marked, locale=self._lang.babel)) if marked else Markup("")  # noqa: S704 - escaped above

    def _text(self, text: str) -> Text:
        return Text(text, self._lang.tag)


class ResultView:
    """A poll's result: its own rule first, then the rules that it was compared with."""

    def __init__(self, result: api.Result, poll: PollView, lang: Language) -> None:
        self.ballots = result.ballots
        self.blank = result.blank
        self.rules = [RuleView(each, poll, lang) for each in result.results]
        self.differ = len({tuple(sorted(each.winners)) for each in result.results}) > 1

    @property
    def own(self) -> RuleView:
        return self.rules[0]

    @property
    def compared(self) -> Sequence[RuleView]:
        return self.rules[1:]


def _beats(matrix: api.Matrix, one: int, other: int) -> bool:
    return one != other and matrix[one][other] > matrix[other][one]


def _one_or_many(votes: Sequence[str]) -> int:
    """The number by which a sentence about votes is chosen: they may be fractions, and only one is said differently."""
    return 1 if votes == ["1"] else 2
