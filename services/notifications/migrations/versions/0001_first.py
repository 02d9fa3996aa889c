"""Governments, subscriptions, deliveries."""

import sqlalchemy as sa
from alembic import op
from chassis.bus_tables import create_bus_tables
from chassis.db import enable_row_level_security
from chassis.own_tables import create_key_table
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None


def upgrade() -> None:
    moment = sa.TIMESTAMP(timezone=True)
    op.create_table(
        "governments",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("names", postgresql.JSONB(), nullable=False),
        sa.Column("languages", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("hosts", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", name="pk_governments"),
    )
    op.create_table(
        "subscriptions",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("created_at", moment, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "person_id", "topic", name="pk_subscriptions"),
    )
    op.create_index("ix_subscriptions_topic", "subscriptions", ["tenant_id", "topic", "person_id"])
    op.create_table(
        "deliveries",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("poll_id", sa.Uuid(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("poll", postgresql.JSONB(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text()),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("sent_at", moment),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_deliveries"),
        sa.UniqueConstraint(
            "tenant_id", "kind", "poll_id", "person_id", name="uq_deliveries_tenant_id_kind_poll_id_person_id"
        ),
        sa.CheckConstraint("kind in ('poll_opened', 'result_published')", name="ck_deliveries_kind"),
        sa.CheckConstraint("status in ('queued', 'sent', 'skipped', 'failed')", name="ck_deliveries_status"),
    )
    create_bus_tables(op)
    create_key_table(op)
    for statement in enable_row_level_security("governments", "subscriptions", "deliveries"):
        op.execute(statement)
