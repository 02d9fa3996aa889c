"""Tables: who asked for which mails, and each mail that is due to somebody. Addresses stay in identity."""

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from chassis.db import NAMES, TenantRow
from chassis.db import Base as ChassisBase
from sqlalchemy import CheckConstraint, Index, MetaData, Text, UniqueConstraint
from sqlalchemy.dialects.postgresql import ARRAY, TIMESTAMP
from sqlalchemy.orm import Mapped, mapped_column


class Base(ChassisBase):
    """Notifications's own table names: a process that loads two services, as a test run does, must not mix them."""

    __abstract__ = True
    metadata: ClassVar[MetaData] = MetaData(naming_convention=NAMES)


class Government(TenantRow, Base):
    """What mails need to know of a government: a copy, fed by tenancy's events."""

    __tablename__ = "governments"

    sequence: Mapped[int]
    names: Mapped[dict[str, str]]
    languages: Mapped[list[str]] = mapped_column(ARRAY(Text))
    hosts: Mapped[list[str]] = mapped_column(ARRAY(Text))


class Subscription(TenantRow, Base):
    """A person's wish to get mails about a topic, in a language."""

    __tablename__ = "subscriptions"
    __table_args__ = (Index("ix_subscriptions_topic", "tenant_id", "topic", "person_id"),)

    person_id: Mapped[UUID] = mapped_column(primary_key=True)
    topic: Mapped[str] = mapped_column(Text, primary_key=True)
    language: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(TIMESTAMP(timezone=True))


class Delivery(TenantRow, Base):
    """One mail to one person about one fact. The unique key is what makes it once."""

    __tablename__ = "deliveries"
    __table_args__ = (
        UniqueConstraint("tenant_id", "kind", "poll_id", "person_id"),
        CheckConstraint("kind in ('poll_opened', 'result_published')", name="kind"),
        CheckConstraint("status in ('queued', 'sent', 'skipped', 'failed')", name="status"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    person_id: Mapped[UUID]
    topic: Mapped[str] = mapped_column(Text)
    kind: Mapped[str] = mapped_column(Text)
    poll_id: Mapped[UUID]
    language: Mapped[str] = mapped_column(Text)
    poll: Mapped[dict[str, Any]]
    status: Mapped[str] = mapped_column(Text)
    reason: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(TIMESTAMP(timezone=True))
    sent_at: Mapped[datetime | None] = mapped_column(TIMESTAMP(timezone=True))
