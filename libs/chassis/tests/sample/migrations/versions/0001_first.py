from alembic import op
from chassis.bus_tables import create_bus_tables

revision = "0001"
down_revision = None


def upgrade() -> None:
    create_bus_tables(op)
