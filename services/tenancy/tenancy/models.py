"""Tables: the register of governments. It is the list of tenants itself, public, and so no tenant's row."""

from datetime import datetime
from typing import ClassVar
from uuid import UUID

from chassis.db import NAMES
from chassis.db import Base as ChassisBase
from sqlalchemy import CheckConstraint, ForeignKey, MetaData
from sqlalchemy.orm import Mapped, mapped_column, relationship


class Base(ChassisBase):
    """Tenancy's own table names: a process that loads two services, as a test run does, must not mix them."""

    __abstract__ = True
    metadata: ClassVar[MetaData] = MetaData(naming_convention=NAMES)


class Government(Base):
    """A government that uses the platform; its id is the `tenant_id` everywhere."""

    __tablename__ = "governments"
    __table_args__ = (CheckConstraint("kind in ('municipality', 'province', 'agency', 'platform')", name="kind"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[int]
    kind: Mapped[str]
    slug: Mapped[str] = mapped_column(unique=True)
    names: Mapped[dict[str, str]]
    languages: Mapped[list[str]]
    colour: Mapped[str]
    nis_code: Mapped[str | None]
    kbo_number: Mapped[str | None]
    contact_email: Mapped[str | None]
    active: Mapped[bool]
    registered_at: Mapped[datetime]
    hosts: Mapped[list["Host"]] = relationship(lazy="selectin", cascade="all, delete-orphan", order_by="Host.host")


class Host(Base):
    """A host name that leads to a government; no two governments share one."""

    __tablename__ = "hosts"

    host: Mapped[str] = mapped_column(primary_key=True)
    government_id: Mapped[UUID] = mapped_column(ForeignKey(Government.id, ondelete="CASCADE"), index=True)
