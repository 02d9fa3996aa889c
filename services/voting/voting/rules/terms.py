"""The terms of a poll: by which rule it is decided, what a ballot may hold, when it takes ballots."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from chassis.refusals import Refused


class Rule(StrEnum):
    """How ballots become a winner. `docs/voting-rules.md` explains each in plain words."""

    YES_NO = "yes_no"
    SINGLE = "single"
    APPROVAL = "approval"
    IRV = "irv"
    SCHULZE = "schulze"
    SCORE = "score"
    MAJORITY_JUDGMENT = "majority_judgment"


class Form(StrEnum):
    """What a voter fills in."""

    ONE = "one"
    """One option."""
    SET = "set"
    """Any number of options, all alike."""
    RANKING = "ranking"
    """Options from best to worst, as many as the voter likes; some may rank equally."""
    GRADES = "grades"
    """A grade for each option; an option without one has the lowest."""


class Status(StrEnum):
    """Where a poll stands."""

    DRAFT = "draft"
    SCHEDULED = "scheduled"
    OPEN = "open"
    CLOSED = "closed"
    PUBLISHED = "published"
    CANCELLED = "cancelled"


YES: Final = 1
NO: Final = 2

LOWEST_GRADE: Final = 0
HIGHEST_GRADE: Final = 5
GRADES: Final = range(LOWEST_GRADE, HIGHEST_GRADE + 1)

READS: Final[dict[Rule, frozenset[Form]]] = {
    Rule.YES_NO: frozenset({Form.ONE}),
    Rule.SINGLE: frozenset({Form.ONE, Form.RANKING}),
    Rule.APPROVAL: frozenset({Form.SET}),
    Rule.IRV: frozenset({Form.RANKING}),
    Rule.SCHULZE: frozenset({Form.RANKING}),
    Rule.SCORE: frozenset({Form.GRADES}),
    Rule.MAJORITY_JUDGMENT: frozenset({Form.GRADES}),
}
"""The forms of ballot that a rule can count; plurality also reads the first preferences of rankings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What is promised to the voters of a poll.

    Options are numbered 1 to `options`; of a yes/no poll 1 is yes and 2 is no. `max_choices` limits how many options
    one ballot may approve (None: no limit). A draft may still lack its times; they are aware datetimes.
    """

    status: Status
    rule: Rule
    options: int
    opens_at: datetime | None
    closes_at: datetime | None
    compared_with: tuple[Rule, ...] = ()
    max_choices: int | None = None

    @property
    def form(self) -> Form:
        """What the voters fill in. Refused: `rules_read_different_ballots`."""
        return form_of(self.rule, self.compared_with)


def form_of(rule: Rule, compared_with: Collection[Rule] = ()) -> Form:
    """The form of ballot that a rule and all rules it is compared with can count: the simplest one.

    Refused: `rules_read_different_ballots`, `rule_compared_twice`.
    """
    rules = (rule, *compared_with)
    if len(set(rules)) < len(rules):
        raise Refused("rule_compared_twice", rule=rule, compared_with=list(compared_with))
    readable = frozenset.intersection(*(READS[each] for each in rules))
    for form in (Form.ONE, Form.SET, Form.RANKING, Form.GRADES):
        if form in readable:
            return form
    raise Refused("rules_read_different_ballots", rule=rule, compared_with=list(compared_with))
