from chassis.db import Base
from chassis.migrations import run

run(Base.metadata)
