"""What people are told is kept once, not once a person; the language of a mail is the person's, which identity knows.

One step, not expand and contract: nothing was released that runs on 0001 alone.
"""

import sqlalchemy as sa
from alembic import op
from chassis.db import enable_row_level_security
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"

FILL = (
    """INSERT INTO announcements (tenant_id, id, kind, subject_id, content, created_at)
       SELECT DISTINCT ON (tenant_id, kind, poll_id) tenant_id, gen_random_uuid(), kind, poll_id, poll, created_at
       FROM deliveries ORDER BY tenant_id, kind, poll_id, created_at DESC""",
    """UPDATE deliveries SET announcement_id = a.id FROM announcements a
       WHERE a.tenant_id = deliveries.tenant_id AND a.kind = deliveries.kind AND a.subject_id = deliveries.poll_id""",
)
NOW_ELSEWHERE = ("kind", "poll_id", "language", "poll", "created_at")


def upgrade() -> None:
    op.create_table(
        "announcements",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("content", postgresql.JSONB(), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_announcements"),
        sa.UniqueConstraint("tenant_id", "kind", "subject_id", name="uq_announcements_tenant_id_kind_subject_id"),
    )
    op.add_column("deliveries", sa.Column("announcement_id", sa.Uuid()))
    for statement in FILL:
        op.execute(statement)
    op.drop_constraint("uq_deliveries_tenant_id_kind_poll_id_person_id", "deliveries")
    for column in NOW_ELSEWHERE:
        op.drop_column("deliveries", column)
    op.drop_column("subscriptions", "language")
    op.alter_column("deliveries", "announcement_id", nullable=False)
    op.alter_column("deliveries", "id", server_default=sa.func.gen_random_uuid())
    op.alter_column("deliveries", "status", server_default="queued")
    op.create_unique_constraint(
        "uq_deliveries_tenant_id_announcement_id_person_id", "deliveries", ["tenant_id", "announcement_id", "person_id"]
    )
    op.create_foreign_key(
        "fk_deliveries_tenant_id_announcement_id",
        "deliveries",
        "announcements",
        ["tenant_id", "announcement_id"],
        ["tenant_id", "id"],
        ondelete="CASCADE",
    )
    for statement in enable_row_level_security("announcements"):
        op.execute(statement)
