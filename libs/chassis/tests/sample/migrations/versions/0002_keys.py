from alembic import op
from chassis.own_tables import create_key_table

revision: str = "0002"
down_revision: str | None = "0001"


def upgrade() -> None:
    create_key_table(op)
