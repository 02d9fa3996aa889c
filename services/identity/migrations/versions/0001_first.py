"""People, roles, codes, sessions, signing keys, the audit trail, the copy of governments."""

import sqlalchemy as sa
from alembic import op
from chassis.bus_tables import create_bus_tables
from chassis.db import enable_row_level_security
from chassis.own_tables import create_idempotency_table, create_key_table
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None

MOMENT = sa.TIMESTAMP(timezone=True)
LANGUAGE = "language in ('nl', 'fr', 'de', 'en')"
TENANT_TABLES = (
    "people",
    "role_grants",
    "sign_in_codes",
    "sessions",
    "refresh_tokens",
    "signing_keys",
    "audit_heads",
    "audit_events",
)
# Not by revoking: privileges are given for all tables after each migration, and the owner has them anyhow.
APPEND_ONLY = (
    """
    CREATE FUNCTION refuse_to_rewrite_the_audit_trail() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'the audit trail is append-only' USING ERRCODE = 'insufficient_privilege';
    END $$
    """,
    """
    CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON audit_events
    FOR EACH ROW EXECUTE FUNCTION refuse_to_rewrite_the_audit_trail()
    """,
    """
    CREATE TRIGGER never_emptied BEFORE TRUNCATE ON audit_events
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_to_rewrite_the_audit_trail()
    """,
)


def upgrade() -> None:
    create_bus_tables(op)
    create_key_table(op)
    create_idempotency_table(op)
    _governments()
    _people()
    _sign_in()
    _audit()
    for statement in (*enable_row_level_security(*TENANT_TABLES), *APPEND_ONLY):
        op.execute(statement)


def _governments() -> None:
    op.create_table(
        "governments",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("names", postgresql.JSONB(), nullable=False),
        sa.Column("languages", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("hosts", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_governments"),
    )
    op.create_index("ix_governments_slug", "governments", ["slug"])


def _people() -> None:
    op.create_table(
        "people",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("email_norm", sa.Text(collation="C"), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("display_name", sa.Text()),
        sa.Column("level", sa.SmallInteger(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("signed_in_at", MOMENT),
        sa.CheckConstraint("level between 0 and 4", name="ck_people_level"),
        sa.CheckConstraint(LANGUAGE, name="ck_people_language"),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_people"),
        sa.UniqueConstraint("tenant_id", "email_norm", name="uq_people_tenant_id_email_norm"),
    )
    op.create_table(
        "role_grants",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("granted_at", MOMENT, nullable=False),
        sa.Column("granted_by", sa.Uuid()),
        sa.CheckConstraint(
            "role in ('administrator', 'project_manager', 'moderator', 'operator')", name="ck_role_grants_role"
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "person_id"],
            ["people.tenant_id", "people.id"],
            name="fk_role_grants_tenant_id_person_id",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "person_id", "role", name="pk_role_grants"),
    )
    op.create_index("ix_role_grants_role", "role_grants", ["tenant_id", "role", "person_id"])


def _sign_in() -> None:
    op.create_table(
        "sign_in_codes",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("email_norm", sa.Text(collation="C"), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("code_hash", sa.LargeBinary()),
        sa.Column("sealed_code", sa.LargeBinary()),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.Column("attempts", sa.SmallInteger(), nullable=False),
        sa.Column("attempts_until", MOMENT, nullable=False),
        sa.Column("sent", postgresql.ARRAY(MOMENT), nullable=False),
        sa.Column("touched_at", MOMENT, nullable=False),
        sa.CheckConstraint(LANGUAGE, name="ck_sign_in_codes_language"),
        sa.PrimaryKeyConstraint("tenant_id", "email_norm", name="pk_sign_in_codes"),
        sa.UniqueConstraint("tenant_id", "id", name="uq_sign_in_codes_tenant_id_id"),
    )
    op.create_index("ix_sign_in_codes_touched_at", "sign_in_codes", ["tenant_id", "touched_at"])
    op.create_table(
        "sessions",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("used_at", MOMENT, nullable=False),
        sa.Column("ended_at", MOMENT),
        sa.Column("ended_because", sa.Text()),
        sa.CheckConstraint("ended_because in ('signed_out', 'compromised')", name="ck_sessions_ended_because"),
        sa.CheckConstraint("(ended_at is null) = (ended_because is null)", name="ck_sessions_ended"),
        sa.ForeignKeyConstraint(
            ["tenant_id", "person_id"], ["people.tenant_id", "people.id"], name="fk_sessions_tenant_id_person_id"
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_sessions"),
    )
    op.create_index("ix_sessions_person_id", "sessions", ["tenant_id", "person_id"])
    op.create_index("ix_sessions_used_at", "sessions", ["tenant_id", "used_at"])
    op.create_table(
        "refresh_tokens",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("session_id", sa.Uuid(), nullable=False),
        sa.Column("issued_at", MOMENT, nullable=False),
        sa.Column("rotated_at", MOMENT),
        sa.ForeignKeyConstraint(
            ["tenant_id", "session_id"],
            ["sessions.tenant_id", "sessions.id"],
            name="fk_refresh_tokens_tenant_id_session_id",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "token_hash", name="pk_refresh_tokens"),
    )
    op.create_index("ix_refresh_tokens_session_id", "refresh_tokens", ["tenant_id", "session_id"])
    op.create_index("ix_refresh_tokens_rotated_at", "refresh_tokens", ["tenant_id", "rotated_at"])
    op.create_table(
        "signing_keys",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("kid", sa.Text(), nullable=False),
        sa.Column("public_jwk", postgresql.JSONB(), nullable=False),
        sa.Column("sealed_private_key", sa.LargeBinary(), nullable=False),
        sa.Column("signs_from", MOMENT, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "kid", name="pk_signing_keys"),
    )


def _audit() -> None:
    op.create_table(
        "audit_heads",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", name="pk_audit_heads"),
    )
    op.create_table(
        "audit_events",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("actor_id", sa.Uuid()),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.Uuid()),
        sa.Column("facts", postgresql.JSONB(), nullable=False),
        sa.Column("previous_hash", sa.LargeBinary(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "number", name="pk_audit_events"),
    )
