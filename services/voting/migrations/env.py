"""How alembic finds this service's tables."""

from chassis.migrations import run
from voting.models import Base

run(Base.metadata)
