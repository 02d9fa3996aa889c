"""HTTP bodies."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from contracts.base import Language
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from voting.rules.lifecycle import MOST_OPTIONS
from voting.rules.terms import Rule, Status
from voting.rules.wall_clock import to_instant

EARLIEST, LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)


def _instant(moment: datetime) -> datetime:
    """In UTC; what has no offset is Belgian time. Years that no poll is in are typing mistakes."""
    if moment.tzinfo is None:
        moment = to_instant(moment)
    if not EARLIEST <= moment < LATEST:
        raise ValueError("the year must be between 2000 and 2199")
    return moment.astimezone(UTC)


def _without_zero(text: str) -> str:
    if "\0" in text:
        raise ValueError("a text holds no zero character")
    return text


Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1), AfterValidator(_without_zero)]
Line = Annotated[
    dict[Language, Annotated[Text, Field(max_length=300)]], Field(min_length=1, description="a line by language")
]
Prose = Annotated[dict[Language, Annotated[Text, Field(max_length=10_000)]], Field(description="a text by language")]
Reason = Annotated[
    dict[Language, Annotated[Text, Field(max_length=2_000)]],
    Field(min_length=1, description="the public reason, in each of the poll's languages"),
]
Moment = Annotated[
    datetime,
    AfterValidator(_instant),
    Field(description="an instant with an offset, or without one the time on a Belgian clock"),
]
Choices = list[int | list[int]]


class Body(BaseModel):
    """What is sent to us: a field that we do not know is a mistake that its sender should hear of."""

    model_config = ConfigDict(extra="forbid")


class OptionIn(Body):
    """One thing to choose."""

    labels: Line
    descriptions: Prose = {}


class PollIn(Body):
    """A new draft. A yes/no poll has its own two options and takes none."""

    titles: Line
    questions: Line | None = None
    descriptions: Prose = {}
    rule: Rule
    compared_with: list[Rule] = Field([], max_length=len(Rule))
    options: list[OptionIn] = Field([], max_length=MOST_OPTIONS)
    max_choices: int | None = Field(None, ge=1, le=MOST_OPTIONS)
    opens_at: Moment | None = None
    closes_at: Moment | None = None
    level: int = Field(1, ge=1, le=4, description="how certain a voter's identity must be; 1: confirmed e-mail address")


Seen = Annotated[
    int | None,
    Field(
        ge=1,
        lt=2**31,
        description="the version that one has seen: refused with `changed_meanwhile` if there is a newer one",
    ),
]


class PollPatch(Body):
    """What is to change of a draft; what is absent stays.

    Factories where null is not allowed: the documentation would promise a plain default to whoever leaves one out.
    """

    titles: Line = Field(default_factory=dict)
    questions: Line | None = None
    descriptions: Prose = Field(default_factory=dict)
    rule: Rule = Field(default_factory=lambda: Rule.SINGLE)
    compared_with: list[Rule] = Field(default_factory=list, max_length=len(Rule))
    options: list[OptionIn] = Field(default_factory=list, max_length=MOST_OPTIONS)
    max_choices: int | None = Field(None, ge=1, le=MOST_OPTIONS)
    opens_at: Moment | None = None
    closes_at: Moment | None = None
    level: int = Field(default_factory=lambda: 1, ge=1, le=4)
    version: Seen = None


class Announcement(Body):
    """What is announced: the draft as it was seen."""

    version: Seen = None


class Extension(Body):
    """A later closing, and why."""

    closes_at: Moment
    reason: Reason


class WithReason(Body):
    """Why a poll is cancelled or closed early."""

    reason: Reason


class OptionOut(BaseModel):
    """One thing to choose; ballots and results name it by its number."""

    model_config = ConfigDict(from_attributes=True)

    number: int
    labels: dict[str, str]
    descriptions: dict[str, str]


class NoticeOut(BaseModel):
    """A change after the poll was announced, and the reason that was given."""

    kind: Literal["extended", "cancelled", "closed_early"]
    reason: dict[str, str]
    at: datetime


class PollOut(BaseModel):
    """A poll as its reader may see it: the options in this reader's order, the turnout once it has closed."""

    poll_id: UUID
    version: int
    status: Status
    titles: dict[str, str]
    questions: dict[str, str] | None
    descriptions: dict[str, str]
    rule: Rule
    compared_with: list[Rule]
    options: list[OptionOut]
    max_choices: int | None
    opens_at: datetime | None
    closes_at: datetime | None
    level: int
    notices: list[NoticeOut]
    ballots: int | None
    blank: int | None


class VoteIn(Body):
    """A vote; an empty list is a blank one.

    Option numbers; in rankings best first, equal ranks as a list of their own. In grades (`score`,
    `majority_judgment`) pairs of an option and its grade, 0 to 5: `[[1, 5], [3, 0]]`; an option that is left out counts
    as graded 0.
    """

    choices: Choices


class VoteCast(BaseModel):
    """What was stored."""

    voted: Literal[True]
    choices: Choices


class VoteOut(BaseModel):
    """Whether one has voted, and what."""

    voted: bool
    choices: Choices | None = None
    cast_at: datetime | None = None


class MyVoteOut(BaseModel):
    """One's vote in a poll, and the poll."""

    poll: PollOut
    choices: Choices
    cast_at: datetime


class TurnoutOut(BaseModel):
    """How many ballots were cast by `at`, blank ones included; after closing the final number, as of the closing."""

    ballots: int
    at: datetime


class ResultOut(BaseModel):
    """The result by the poll's own rule first, then by the rules beside it.

    Votes, points, means and medians are exact, as strings ("4314", "7/2"); ballots and grades are integers. Options
    stand by their numbers. A result has `rule`, `ballots`, `blank`, `winners`, `tied`, `ranking`, `rounds`, `facts`;
    by `schulze` also `pairwise` and `strongest_paths`; by `score` and `majority_judgment` also `grades` (by option, how
    many ballots give it each grade, 0 first), by `score` `means` and `medians`, by `majority_judgment`
    `majority_grades`.
    """

    poll_id: UUID
    ballots: int
    blank: int
    results: list[dict[str, Any]]
