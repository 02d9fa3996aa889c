"""How alembic finds this service's tables."""

from chassis.migrations import run
from notifications.models import Base

run(Base.metadata)
