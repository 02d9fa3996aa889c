"""What `voting` tells. Ballots never travel: only what everyone may read about a poll."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from contracts.base import Event, Texts

Action = Literal["created", "changed", "deleted", "scheduled", "extended", "cancelled", "closed_early", "published"]
Number = Annotated[int, Field(ge=1)]


class PollOption(BaseModel):
    """One thing to choose; votes and results name it by its number."""

    model_config = ConfigDict(frozen=True)

    number: Number
    labels: Texts


class PollNotice(BaseModel):
    """A change after the poll was scheduled, with the reason that the government gave to the public."""

    model_config = ConfigDict(frozen=True)

    kind: Literal["extended", "cancelled", "closed_early"]
    reason: Texts
    at: AwareDatetime


class PollState(Event, subject="poll_id"):
    """A poll as everyone may read it. Nothing about the outcome is known before it closes."""

    poll_id: UUID
    status: Literal["scheduled", "open", "closed", "published", "cancelled"]
    titles: Texts
    rule: Annotated[
        str,
        Field(description="yes_no, single, approval, irv, schulze, score or majority_judgment; expect others to come."),
    ]
    compared_with: tuple[str, ...] = ()
    options: tuple[PollOption, ...]
    opens_at: AwareDatetime
    closes_at: AwareDatetime
    notices: tuple[PollNotice, ...] = ()
    ballots: Annotated[int | None, Field(ge=0, description="Ballots cast, blank ones included; after closing.")] = None
    blank: Annotated[int | None, Field(ge=0, description="Blank ballots; after closing.")] = None


class PollScheduled(PollState, type="voting.poll_scheduled.v1"):
    """A poll will open; its question and options are now fixed."""


class PollOpened(PollState, type="voting.poll_opened.v1"):
    """A poll takes ballots."""


class PollChanged(PollState, type="voting.poll_changed.v1"):
    """A scheduled or open poll was extended, for the reason in its last notice."""


class PollCancelled(PollState, type="voting.poll_cancelled.v1"):
    """A poll was called off, for the reason in its last notice, and will have no result."""


class PollClosed(PollState, type="voting.poll_closed.v1"):
    """A poll takes no more ballots; its result is counted but not yet published."""


class ResultPublished(PollState, type="voting.result_published.v1"):
    """A poll's result is public: by its own rule, as option numbers."""

    winners: Annotated[tuple[Number, ...], Field(description="More than one only where `tied`.")]
    ranking: Annotated[tuple[tuple[Number, ...], ...], Field(description="Best first; equals stand together.")]
    tied: bool


class OfficialActed(Event, type="voting.official_acted.v1", subject="poll_id"):
    """An official did something to a poll: for the audit trail, told by the transaction that did it."""

    poll_id: UUID
    action: Action
    person_id: UUID
    at: AwareDatetime
