"""Tables: people, their roles and sessions, codes, signing keys, the audit trail; governments as tenancy tells them."""

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from chassis.db import NAMES, TenantRow
from chassis.db import Base as ChassisBase
from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKeyConstraint,
    Index,
    MetaData,
    SmallInteger,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

LANGUAGE = "language in ('nl', 'fr', 'de', 'en')"


class Base(ChassisBase):
    """Identity's own table names: a process that loads two services, as a test run does, must not mix them."""

    __abstract__ = True
    metadata: ClassVar[MetaData] = MetaData(naming_convention=NAMES)


class Government(Base):
    """A government, copied from tenancy's events: public facts, for mails and commands, and so no tenant's row."""

    __tablename__ = "governments"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    sequence: Mapped[int] = mapped_column(BigInteger)
    slug: Mapped[str] = mapped_column(index=True)
    names: Mapped[dict[str, str]]
    languages: Mapped[list[str]]
    hosts: Mapped[list[str]]
    active: Mapped[bool]


class Person(TenantRow, Base):
    """Somebody who signs in at one government; the same person elsewhere is another account.

    `level` 0 is invited, 1 has a confirmed e-mail address. `version` counts what other services were told.
    """

    __tablename__ = "people"
    __table_args__ = (
        UniqueConstraint("tenant_id", "email_norm"),
        CheckConstraint("level between 0 and 4", name="level"),
        CheckConstraint(LANGUAGE, name="language"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    email_norm: Mapped[str] = mapped_column(Text(collation="C"))  # "C": an index on it answers prefixes and order
    language: Mapped[str]
    display_name: Mapped[str | None]
    level: Mapped[int] = mapped_column(SmallInteger)
    version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime]
    signed_in_at: Mapped[datetime | None]


class RoleGrant(TenantRow, Base):
    """A role that a person has. Participant is everyone and is not written down."""

    __tablename__ = "role_grants"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "person_id"], ["people.tenant_id", "people.id"]),
        CheckConstraint("role in ('administrator', 'project_manager', 'moderator', 'operator')", name="role"),
        Index("ix_role_grants_role", "tenant_id", "role", "person_id"),
    )

    person_id: Mapped[UUID] = mapped_column(primary_key=True)
    role: Mapped[str] = mapped_column(primary_key=True)
    granted_at: Mapped[datetime]
    granted_by: Mapped[UUID | None]  # null: by command


class SignInCode(TenantRow, Base):
    """A code that somebody asked for, and what was tried with its handle.

    Above the limits a row has no code, and everything else is alike. `mailed` rows are what the limits count.
    """

    __tablename__ = "sign_in_codes"
    __table_args__ = (
        CheckConstraint(LANGUAGE, name="language"),
        CheckConstraint("mailed or code_hash is null", name="mailed"),
        Index("ix_sign_in_codes_mailbox", "tenant_id", "mailbox", "created_at", postgresql_where=text("mailed")),
        Index("ix_sign_in_codes_created_at", "tenant_id", "created_at"),
        Index("ix_sign_in_codes_expires_at", "tenant_id", "expires_at", postgresql_where=text("not mailed")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)  # a hash of the handle, which is stored nowhere
    email_norm: Mapped[str] = mapped_column(Text(collation="C"))
    mailbox: Mapped[str] = mapped_column(Text(collation="C"))  # the address without its tag, for the limits
    network: Mapped[bytes]  # a keyed hash of where it was asked for
    mailed: Mapped[bool]
    code_hash: Mapped[bytes | None]
    sealed_code: Mapped[bytes | None]  # for the mail; gone once it was sent
    language: Mapped[str]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    attempts: Mapped[int] = mapped_column(SmallInteger)


class SignInSession(TenantRow, Base):
    """A sign-in and its refresh tokens: the family that ends as a whole."""

    __tablename__ = "sessions"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "person_id"], ["people.tenant_id", "people.id"]),
        CheckConstraint("ended_because in ('signed_out', 'compromised')", name="ended_because"),
        CheckConstraint("(ended_at is null) = (ended_because is null)", name="ended"),
        Index("ix_sessions_person_id", "tenant_id", "person_id"),
        Index("ix_sessions_used_at", "tenant_id", "used_at"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    person_id: Mapped[UUID]
    created_at: Mapped[datetime]
    used_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    ended_because: Mapped[str | None]


class RefreshToken(TenantRow, Base):
    """A refresh token as its SHA-256; replaced ones stay, so that their reuse is seen."""

    __tablename__ = "refresh_tokens"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "session_id"], ["sessions.tenant_id", "sessions.id"], ondelete="CASCADE"),
        Index("ix_refresh_tokens_session_id", "tenant_id", "session_id"),
        Index("ix_refresh_tokens_rotated_at", "tenant_id", "rotated_at"),
    )

    token_hash: Mapped[bytes] = mapped_column(primary_key=True)
    session_id: Mapped[UUID]
    issued_at: Mapped[datetime]
    rotated_at: Mapped[datetime | None]


class SigningKey(TenantRow, Base):
    """A key pair that signs access tokens from a moment on. All belong to the platform's realm."""

    __tablename__ = "signing_keys"

    kid: Mapped[str] = mapped_column(primary_key=True)
    public_jwk: Mapped[dict[str, Any]]
    sealed_private_key: Mapped[bytes]
    signs_from: Mapped[datetime]
    created_at: Mapped[datetime]


class AuditHead(TenantRow, Base):
    """The end of a government's audit chain; its lock puts the writers in a row."""

    __tablename__ = "audit_heads"

    number: Mapped[int] = mapped_column(BigInteger)
    hash: Mapped[bytes]


class AuditEvent(TenantRow, Base):
    """Something that was done, by whom and to whom: ids only. A trigger refuses to change or delete it."""

    __tablename__ = "audit_events"
    __table_args__ = (
        Index("ix_audit_events_action", "tenant_id", "action", "number"),
        Index("ix_audit_events_actor_id", "tenant_id", "actor_id", "number"),
        Index("ix_audit_events_subject_id", "tenant_id", "subject_id", "number"),
    )

    number: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    at: Mapped[datetime]
    actor_id: Mapped[UUID | None]  # null: nobody signed in, or a command
    action: Mapped[str]
    subject_id: Mapped[UUID | None]
    facts: Mapped[dict[str, Any]]
    previous_hash: Mapped[bytes]
    hash: Mapped[bytes]
