"""Tables: who asked for which mails, what they are told, each mail. Addresses and languages stay in identity."""

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from chassis.db import NAMES, TenantRow
from chassis.db import Base as ChassisBase
from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, MetaData, UniqueConstraint, func
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
    languages: Mapped[list[str]]
    hosts: Mapped[list[str]]


class Subscription(TenantRow, Base):
    """A person's wish to get mails about a topic."""

    __tablename__ = "subscriptions"
    __table_args__ = (Index("ix_subscriptions_topic", "tenant_id", "topic", "person_id"),)

    person_id: Mapped[UUID] = mapped_column(primary_key=True)
    topic: Mapped[str] = mapped_column(primary_key=True)
    created_at: Mapped[datetime]


class Announcement(TenantRow, Base):
    """A fact that people are told, with what its event said."""

    __tablename__ = "announcements"
    __table_args__ = (UniqueConstraint("tenant_id", "kind", "subject_id"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str]
    subject_id: Mapped[UUID]
    content: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]


class Delivery(TenantRow, Base):
    """One mail to one person about one fact. The unique key is what makes it once."""

    __tablename__ = "deliveries"
    __table_args__ = (
        UniqueConstraint("tenant_id", "announcement_id", "person_id"),
        ForeignKeyConstraint(
            ["tenant_id", "announcement_id"], ["announcements.tenant_id", "announcements.id"], ondelete="CASCADE"
        ),
        CheckConstraint("status in ('queued', 'sent', 'skipped', 'failed')", name="status"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=func.gen_random_uuid())
    announcement_id: Mapped[UUID]
    person_id: Mapped[UUID]
    topic: Mapped[str]
    status: Mapped[str] = mapped_column(server_default="queued")
    reason: Mapped[str | None]
    sent_at: Mapped[datetime | None]
