"""The register of governments."""

import sqlalchemy as sa
from alembic import op
from chassis.bus_tables import create_bus_tables
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "governments",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("names", postgresql.JSONB(), nullable=False),
        sa.Column("languages", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("colour", sa.Text(), nullable=False),
        sa.Column("nis_code", sa.Text()),
        sa.Column("kbo_number", sa.Text()),
        sa.Column("contact_email", sa.Text()),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("registered_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.CheckConstraint("kind in ('municipality', 'province', 'agency', 'platform')", name="ck_governments_kind"),
        sa.PrimaryKeyConstraint("id", name="pk_governments"),
        sa.UniqueConstraint("slug", name="uq_governments_slug"),
    )
    op.create_table(
        "hosts",
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("government_id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("host", name="pk_hosts"),
        sa.ForeignKeyConstraint(
            ["government_id"], ["governments.id"], name="fk_hosts_government_id", ondelete="CASCADE"
        ),
    )
    create_bus_tables(op)
    op.create_index("ix_hosts_government_id", "hosts", ["government_id"])
