"""A code works with the handle it was asked for with; an address may have several, and strangers' are not its owner's.

One step, not expand and contract: nothing was released that runs on 0001 alone. Codes of before are not kept: whoever
has one asks again.
"""

import sqlalchemy as sa
from alembic import op
from chassis.db import enable_row_level_security

revision = "0002"
down_revision = "0001"

MOMENT = sa.TIMESTAMP(timezone=True)
LANGUAGE = "language in ('nl', 'fr', 'de', 'en')"


def upgrade() -> None:
    op.drop_table("sign_in_codes")
    op.create_table(
        "sign_in_codes",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("email_norm", sa.Text(collation="C"), nullable=False),
        sa.Column("mailbox", sa.Text(collation="C"), nullable=False),
        sa.Column("network", sa.LargeBinary(), nullable=False),
        sa.Column("mailed", sa.Boolean(), nullable=False),
        sa.Column("code_hash", sa.LargeBinary()),
        sa.Column("sealed_code", sa.LargeBinary()),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.Column("attempts", sa.SmallInteger(), nullable=False),
        sa.CheckConstraint(LANGUAGE, name="ck_sign_in_codes_language"),
        sa.CheckConstraint("mailed or code_hash is null", name="ck_sign_in_codes_mailed"),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_sign_in_codes"),
    )
    _index("mailbox", "created_at", where="mailed")
    _index("created_at")
    _index("expires_at", where="not mailed")
    for statement in enable_row_level_security("sign_in_codes"):
        op.execute(statement)


def _index(*columns: str, where: str | None = None) -> None:
    condition = sa.text(where) if where else None
    name = f"ix_sign_in_codes_{columns[0]}"
    op.create_index(name, "sign_in_codes", ["tenant_id", *columns], postgresql_where=condition)
