"""The API's answers as far as pages use them. Unknown fields are ignored, so that services may add some."""

from datetime import datetime
from typing import Any, Literal, TypeVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from web.gateway import UnavailableError

Multiloc = dict[str, str]
Rule = Literal["yes_no", "single", "approval", "irv", "schulze", "score", "majority_judgment"]
Status = Literal["draft", "scheduled", "open", "closed", "published", "cancelled"]
Choices = list[int | list[int]]
M = TypeVar("M", bound="Answer")


class Answer(BaseModel):
    """One JSON object of the API."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class Government(Answer):
    """Whose pages these are."""

    government_id: UUID
    slug: str
    names: Multiloc
    languages: list[str]
    colour: str = Field(pattern="^#[0-9a-fA-F]{6}$")
    contact_email: str | None = None
    hosts: list[str] = []


class Option(Answer):
    """One thing to choose; `number` is what a ballot names."""

    number: int
    labels: Multiloc
    descriptions: Multiloc = {}


class Notice(Answer):
    """What the government changed after it had announced the poll, and why."""

    kind: str
    reason: Multiloc
    at: datetime


class Poll(Answer):
    """One poll as a voter sees it; the options are in this voter's order."""

    poll_id: UUID
    version: int = 0
    status: Status
    titles: Multiloc
    questions: Multiloc | None = None
    descriptions: Multiloc = {}
    rule: Rule
    compared_with: list[Rule] = []
    options: list[Option] = []
    max_choices: int | None = None
    opens_at: datetime | None = None  # a draft may lack its times; only officials see drafts
    closes_at: datetime | None = None
    notices: list[Notice] = []
    level: int = 1
    ballots: int | None = None

    @property
    def over(self) -> bool:
        """Whether nobody can vote any more."""
        return self.status in {"closed", "published", "cancelled"}


class PollPage(Answer):
    """A page of polls; `next` is where the following page begins."""

    items: list[Poll]
    next: str | None = None


class Vote(Answer):
    """Whether, and what, the one who asks has voted."""

    voted: bool
    choices: Choices | None = None
    cast_at: datetime | None = None


class Turnout(Answer):
    """How many ballots a poll has by `at`."""

    ballots: int
    at: datetime


class MyVote(Answer):
    """One's own vote in a poll."""

    poll: Poll
    choices: Choices
    cast_at: datetime


class MyVotes(Answer):
    """A page of one's own votes, the newest poll first."""

    items: list[MyVote]
    next: str | None = None


Totals = dict[int, str]  # exact votes by option: "4314", "1/2"
Matrix = dict[int, dict[int, int]]  # ballots that rank the one option above the other
Histograms = dict[int, list[int]]  # by option, how many ballots give it each grade: six numbers, grade 0 first


class Round(Answer):
    """One round of a count; rules other than instant runoff have one."""

    totals: Totals
    exhausted: int = 0
    eliminated: list[int] = []
    because: str | None = None
    tied: list[int] = []
    earlier_round: int | None = None


class Fact(Answer):
    """A reason for a result, to be said in the reader's language."""

    code: str
    options: list[int] = []
    votes: list[str] = []
    grades: list[int] = []


class RuleResult(Answer):
    """What one rule makes of the ballots. Several winners: a declared tie; none: the facts say why."""

    rule: str
    winners: list[int]
    tied: bool = False
    ranking: list[list[int]] = []
    rounds: list[Round] = []
    pairwise: Matrix | None = None
    grades: Histograms | None = None
    means: Totals = {}
    medians: Totals = {}
    majority_grades: dict[int, int] = {}
    facts: list[Fact] = []

    @property
    def counts(self) -> Totals:
        """The votes of each option in the first round; none under a rule that only compares pairs."""
        return self.rounds[0].totals if self.rounds else {}


class Result(Answer):
    """A poll's published result: the first of `results` is the poll's own rule, the others are for comparison."""

    poll_id: UUID
    ballots: int
    blank: int = 0
    results: list[RuleResult]


class CodeRequested(Answer):
    """A code is on its way; it works with this handle."""

    handle: str


class Tokens(Answer):
    """What a sign-in or a refresh gives."""

    access_token: str
    expires_in: int
    refresh_token: str


class Person(Answer):
    """The one who is signed in."""

    person_id: UUID
    email: str
    language: str | None = None
    roles: list[str] = []


class Subscription(Answer):
    """What somebody asked to be mailed about."""

    topic: str


class Subscriptions(Answer):
    """All of a person's subscriptions."""

    items: list[Subscription]


class Stopped(Answer):
    """What a mail's last link stops."""

    topic: str


def read(model: type[M], data: Any) -> M:
    """The data as this answer; `UnavailableError` when a service answers with something else."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise UnavailableError(f"not a {model.__name__}: {error.error_count()} fields do not fit") from error


class AuditEvent(Answer):
    """Something that was done at this government; `facts` are codes and ids."""

    number: int
    at: datetime
    actor_id: UUID | None = None
    actor_email: str | None = None
    action: str
    subject_id: UUID | None = None
    subject_email: str | None = None
    facts: dict[str, Any] = {}


class AuditPage(Answer):
    """A page of the audit trail, newest first."""

    items: list[AuditEvent]
    next: str | None = None


class Official(Answer):
    """A person as administrators see them."""

    person_id: UUID
    email: str
    language: str
    display_name: str | None = None
    level: int = 0
    roles: list[str] = []
    created_at: datetime
    signed_in_at: datetime | None = None


class PeoplePage(Answer):
    """A page of people, by address."""

    items: list[Official]
    next: str | None = None
