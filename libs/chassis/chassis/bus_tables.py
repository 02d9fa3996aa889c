"""The tables outbox, inbox and due, for the first migration of a service.

Written out and frozen, since a migration must go on making what it made; a change is a new function. A test compares
the result with the classes.
"""

import sqlalchemy as sa
from alembic.operations import Operations

# Rows come and go by thousands: without this the scan for the oldest row wades through dead ones.
QUEUE_LIKE = "ALTER TABLE {} SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000)"


def create_bus_tables(op: Operations) -> None:
    """Create outbox, inbox and due; they have no policy and hold no personal data."""
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "outbox",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True)),
        sa.Column("event_id", sa.Uuid, nullable=False),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("tenant", sa.Uuid, nullable=False),
        sa.Column("sequence", sa.Integer, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("traceparent", sa.Text),
        sa.Column("occurred_at", moment, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_outbox"),
    )
    op.create_table(
        "inbox",
        sa.Column("consumer", sa.Text),
        sa.Column("event_id", sa.Uuid),
        sa.Column("received_at", moment, nullable=False),
        sa.PrimaryKeyConstraint("consumer", "event_id", name="pk_inbox"),
    )
    op.create_index("ix_inbox_received_at", "inbox", ["received_at"])
    op.create_table(
        "due",
        sa.Column("kind", sa.Text),
        sa.Column("tenant", sa.Uuid),
        sa.Column("subject", sa.Uuid),
        sa.Column("due_at", moment, nullable=False),
        sa.Column("attempts", sa.Integer, server_default="0", nullable=False),
        sa.Column("state", sa.Text, server_default="waiting", nullable=False),
        sa.Column("last_error", sa.Text),
        sa.Column("traceparent", sa.Text),
        sa.PrimaryKeyConstraint("kind", "tenant", "subject", name="pk_due"),
        sa.CheckConstraint("state in ('waiting', 'parked')", name="ck_due_state"),
    )
    op.create_index("ix_due_due_at", "due", ["due_at"], postgresql_where=sa.text("state = 'waiting'"))
    for table in ("outbox", "due"):
        op.execute(QUEUE_LIKE.format(table))
