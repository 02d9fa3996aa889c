"""Tables: polls, their options, votes, results."""

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from chassis.db import NAMES, TenantRow
from chassis.db import Base as ChassisBase
from sqlalchemy import CheckConstraint, ForeignKeyConstraint, MetaData, SmallInteger
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column, relationship

from voting.rules.terms import Rule, Status, Terms

POLL = ["polls.tenant_id", "polls.id"]


class Base(ChassisBase):
    """Voting's own table names: a process that loads two services, as a test run does, must not mix them."""

    __abstract__ = True
    metadata: ClassVar[MetaData] = MetaData(naming_convention=NAMES)


class Option(TenantRow, Base):
    """One thing to choose; ballots name it by its number, 1 to n."""

    __tablename__ = "options"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "poll_id"], POLL, ondelete="CASCADE"),
        CheckConstraint("number >= 1", name="number"),
    )

    poll_id: Mapped[UUID] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    labels: Mapped[dict[str, str]]
    descriptions: Mapped[dict[str, str]]


class Poll(TenantRow, Base):
    """A poll. `version` counts its changes: it is the sequence of its events.

    `status` is what was last noted; where the poll stands is what the clock says of it (`rules.lifecycle.status_at`).
    `ballots` and `blank` are counted once, at closing.
    """

    __tablename__ = "polls"
    __table_args__ = (
        CheckConstraint(
            "status in ('draft', 'scheduled', 'open', 'closed', 'published', 'cancelled')",
            name="status",
        ),
        CheckConstraint("opens_at < closes_at", name="opens_before_closing"),
        CheckConstraint("status = 'draft' or (opens_at is not null and closes_at is not null)", name="has_times"),
        CheckConstraint(
            "status not in ('closed', 'published') or (ballots is not null and blank is not null)", name="is_counted"
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column()
    status: Mapped[str]
    titles: Mapped[dict[str, str]]
    questions: Mapped[dict[str, str] | None] = mapped_column(JSONB(none_as_null=True))
    descriptions: Mapped[dict[str, str]]
    rule: Mapped[str]
    compared_with: Mapped[list[str]]
    max_choices: Mapped[int | None] = mapped_column(SmallInteger)
    level: Mapped[int] = mapped_column(SmallInteger)
    opens_at: Mapped[datetime | None]
    closes_at: Mapped[datetime | None]
    notices: Mapped[list[Any]]
    ballots: Mapped[int | None]
    blank: Mapped[int | None]
    created_by: Mapped[UUID]
    changed_at: Mapped[datetime]
    options: Mapped[list[Option]] = relationship(lazy="selectin", cascade="all, delete-orphan", order_by=Option.number)

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 - SQLAlchemy reads it as it is

    @property
    def terms(self) -> Terms:
        """What is promised to the voters, for the rules to decide on."""
        return Terms(
            status=Status(self.status),
            rule=Rule(self.rule),
            options=len(self.options),
            opens_at=self.opens_at,
            closes_at=self.closes_at,
            compared_with=tuple(Rule(rule) for rule in self.compared_with),
            max_choices=self.max_choices,
        )


class Vote(TenantRow, Base):
    """One person's vote. `voter` is HMAC-SHA256 of the person's id under the poll's key, which is destroyed in time."""

    __tablename__ = "votes"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "poll_id"], POLL),
        CheckConstraint("octet_length(voter) = 32", name="voter"),
        CheckConstraint("jsonb_typeof(choices) = 'array'", name="choices"),
    )

    poll_id: Mapped[UUID] = mapped_column(primary_key=True)
    voter: Mapped[bytes] = mapped_column(primary_key=True)
    choices: Mapped[list[Any]]
    cast_at: Mapped[datetime]


class Outcome(TenantRow, Base):
    """What the ballots of a closed poll came to: `results` by the poll's own rule first, then by those beside it."""

    __tablename__ = "outcomes"
    __table_args__ = (ForeignKeyConstraint(["tenant_id", "poll_id"], POLL),)

    poll_id: Mapped[UUID] = mapped_column(primary_key=True)
    results: Mapped[list[Any]]
    counted_at: Mapped[datetime]


class Government(Base):
    """A government that has a poll here: no policy, nothing but its id, so that all can be gone through one by one."""

    __tablename__ = "governments"

    id: Mapped[UUID] = mapped_column(primary_key=True)
