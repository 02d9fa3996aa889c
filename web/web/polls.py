"""A poll as pages show it: words in the visitor's language, dates as text, what can be done now."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from web import api, figures, forms
from web.dates import Moment
from web.grades import LOWEST, Grade, grades_in, scale
from web.i18n import Text
from web.rules_explained import Explained, explain
from web.visit import Visit

TAG_COLOURS = {
    "draft": "neutral",
    "scheduled": "info",
    "open": "success",
    "closed": "neutral",
    "published": "neutral",
    "cancelled": "warning",
}


@dataclass(frozen=True, slots=True)
class OptionView:
    """One thing to choose."""

    number: int
    label: Text
    description: Text


@dataclass(frozen=True, slots=True)
class NoticeView:
    """What was changed, why and when."""

    title: str
    reason: Text
    at: Moment


class PollView:
    """One poll for one visit."""

    def __init__(self, poll: api.Poll, visit: Visit) -> None:
        self.poll = poll
        self._visit = visit
        self.id = poll.poll_id
        self.status = poll.status
        self.title = visit.text(poll.titles)
        self.question = visit.text(poll.questions)
        self.description = visit.text(poll.descriptions)
        self.path = visit.path("polls", poll.poll_id)

    @property
    def heading(self) -> Text:
        """What the ballot asks: the question, or the title where that says all."""
        return self.question or self.title

    @property
    def open(self) -> bool:
        return self.poll.status == "open"

    @property
    def form(self) -> str:
        """What the voter fills in: one, set, ranking or grades."""
        return forms.kind_of(self.poll).value

    @property
    def blank_offered(self) -> bool:
        return forms.blank_offered(self.poll)

    @property
    def blank_label(self) -> Text:
        return Text(self._visit.lang.gettext("Blank"), self._visit.lang.tag)

    @property
    def blank_description(self) -> Text:
        return Text(self._visit.lang.gettext("You take part, but choose no answer."), self._visit.lang.tag)

    @property
    def tag(self) -> tuple[str, str]:
        """The state in a word, and its colour."""
        gettext = self._visit.lang.gettext
        words = {
            "draft": gettext("Draft"),
            "scheduled": gettext("Not started yet"),
            "open": gettext("Open"),
            "closed": gettext("Closed"),
            "published": gettext("Result known"),
            "cancelled": gettext("Cancelled"),
        }
        return words[self.status], TAG_COLOURS[self.status]

    @cached_property
    def opens(self) -> Moment:
        return self._moment(self.poll.opens_at)

    @cached_property
    def closes(self) -> Moment:
        return self._moment(self.poll.closes_at)

    def _moment(self, at: datetime | None) -> Moment:
        return self._visit.moment(at) if at else Moment("–", "")

    def turnout(self, ballots: int) -> str:
        """How many have voted so far, in a sentence."""
        ngettext = self._visit.lang.ngettext
        sentence = ngettext("%(n)s ballot so far", "%(n)s ballots so far", ballots)
        return sentence % {"n": figures.whole(ballots, self._visit.lang)}

    @property
    def left(self) -> str:
        """How long it still takes, while it is open."""
        return self._visit.time_left(self.poll.closes_at) if self.open and self.poll.closes_at else ""

    @cached_property
    def options(self) -> Sequence[OptionView]:
        return [
            OptionView(option.number, self._label(option), self._visit.text(option.descriptions))
            for option in self.poll.options
        ]

    def label(self, number: int) -> Text:
        """The label of an option; its number where there is none (which would be a fault of the poll)."""
        found = next((option.label for option in self.options if option.number == number), None)
        return found or Text(str(number), self._visit.lang.tag)

    def _label(self, option: api.Option) -> Text:
        label = self._visit.text(option.labels)
        if label or self.poll.rule != "yes_no":
            return label
        words = {1: self._visit.lang.gettext("Yes"), 2: self._visit.lang.gettext("No")}
        return Text(words.get(option.number, str(option.number)), self._visit.lang.tag)

    @property
    def hint(self) -> str:
        """How to fill in the ballot, in a sentence."""
        gettext, ngettext = self._visit.lang.gettext, self._visit.lang.ngettext
        if self.form == "grades":
            return self._grades_hint
        if self.form == "ranking":
            return gettext("Give 1 to the answer that you like best, 2 to the next. You need not place them all.")
        if self.form == "one":
            return gettext("Choose one answer.")
        most = self.poll.max_choices
        if most is None or most >= len(self.poll.options):
            return gettext("Choose every answer that you agree with.")
        return ngettext("Choose at most %(n)s answer.", "Choose at most %(n)s answers.", most) % {"n": most}

    @property
    def _grades_hint(self) -> str:
        gettext = self._visit.lang.gettext
        if self.poll.rule == "majority_judgment":
            return gettext("Judge each answer by itself. An answer without a grade counts as “%(lowest)s”.") % {
                "lowest": self.grade(LOWEST)
            }
        return gettext(
            "Give each answer 0 to 5 points: 0 is very bad, 5 is very good. An answer without points counts as 0."
        )

    @cached_property
    def scale(self) -> Sequence[Grade]:
        """The six grades, as this poll's ballot shows them."""
        return scale(self.poll.rule, self._visit.lang)

    def grade(self, number: int) -> str:
        """A grade as this poll's ballot calls it."""
        return next(grade.label for grade in self.scale if grade.number == number)

    @property
    def explained(self) -> Explained:
        """How the ballots are counted, in plain words."""
        return explain(self.poll.rule, self._visit.lang)

    @property
    def notices(self) -> Sequence[NoticeView]:
        gettext = self._visit.lang.gettext
        titles = {
            "extended": gettext("This poll was extended"),
            "cancelled": gettext("This poll was cancelled"),
            "closed_early": gettext("This poll was closed early"),
        }
        return [
            NoticeView(
                titles.get(notice.kind, gettext("This poll was changed")),
                self._visit.text(notice.reason),
                self._visit.moment(notice.at),
            )
            for notice in self.poll.notices
        ]

    def chosen(self, choices: api.Choices) -> "ChosenView":
        """Choices in words."""
        if self.form == "grades":
            return ChosenView([], ranked=False, grades=self._graded(grades_in(choices)) if choices else [])
        places = [[self.label(number) for number in ([item] if isinstance(item, int) else item)] for item in choices]
        return ChosenView(places, ranked=self.form == "ranking")

    def _graded(self, grades: Mapping[int, int]) -> Sequence["GradedView"]:
        """Every answer, since one that was left out counts as graded lowest."""
        return [
            GradedView(option.label, self.grade(grades.get(option.number, LOWEST)), option.number in grades)
            for option in self.options
        ]


@dataclass(frozen=True, slots=True)
class GradedView:
    """One answer's grade on a ballot; `given`: by the voter, not because they left it out."""

    label: Text
    grade: str
    given: bool


@dataclass(frozen=True, slots=True)
class ChosenView:
    """What a ballot says; no places and no grades means blank."""

    places: Sequence[Sequence[Text]]
    ranked: bool
    grades: Sequence[GradedView] = ()

    @property
    def blank(self) -> bool:
        return not self.places and not self.grades


@dataclass(frozen=True, slots=True)
class VoteView:
    """Have I voted? Yes, no, or not known now."""

    voted: bool
    known: bool = True
    at: Moment | None = None
    choices: api.Choices | None = None
    chosen: ChosenView | None = None


def vote_view(vote: api.Vote, poll: PollView, visit: Visit) -> VoteView:
    """The answer for a page."""
    if not vote.voted:
        return VoteView(voted=False)
    at = visit.moment(vote.cast_at) if vote.cast_at else None
    chosen = None if vote.choices is None else poll.chosen(vote.choices)
    return VoteView(voted=True, at=at, choices=vote.choices, chosen=chosen)
