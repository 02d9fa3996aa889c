"""The chassis' tables of governments' rows, for the first migration of a service that uses them.

Written out and frozen, since a migration must go on making what it made; a change is a new function.
"""

import sqlalchemy as sa
from alembic.operations import Operations

from chassis.db import enable_row_level_security

MOMENT = sa.DateTime(timezone=True)


def create_key_table(op: Operations) -> None:
    """Create data_keys, under the tenants' policy."""
    op.create_table(
        "data_keys",
        sa.Column("tenant_id", sa.Uuid),
        sa.Column("purpose", sa.Text),
        sa.Column("subject", sa.Text),
        sa.Column("kek_version", sa.Text, nullable=False),
        sa.Column("wrapped", sa.LargeBinary),
        sa.Column("created_at", MOMENT, server_default=sa.func.now(), nullable=False),
        sa.Column("destroyed_at", MOMENT),
        sa.PrimaryKeyConstraint("tenant_id", "purpose", "subject", name="pk_data_keys"),
        sa.CheckConstraint("(wrapped is null) = (destroyed_at is not null)", name="ck_data_keys_destroyed"),
    )
    for statement in enable_row_level_security("data_keys"):
        op.execute(statement)


def create_idempotency_table(op: Operations) -> None:
    """Create idempotency_keys, under the tenants' policy."""
    op.create_table(
        "idempotency_keys",
        sa.Column("tenant_id", sa.Uuid),
        sa.Column("actor", sa.Uuid),
        sa.Column("key", sa.Text),
        sa.Column("route", sa.Text, nullable=False),
        sa.Column("request_hash", sa.LargeBinary, nullable=False),
        sa.Column("status", sa.SmallInteger, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "actor", "key", name="pk_idempotency_keys"),
    )
    op.create_index("ix_idempotency_keys_created_at", "idempotency_keys", ["created_at"])
    for statement in enable_row_level_security("idempotency_keys"):
        op.execute(statement)
