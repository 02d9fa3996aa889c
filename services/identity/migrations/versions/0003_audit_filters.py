"""The audit trail by action and by person: sign-ins are most of it, and what officials did is looked for."""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    for column in ("action", "actor_id", "subject_id"):
        op.create_index(f"ix_audit_events_{column}", "audit_events", ["tenant_id", column, "number"])
