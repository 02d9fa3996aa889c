"""What must hold of every rendering. Importing a module of checks names them in `CHECKS`."""

from deploy.tests.checks import broker, capacity, network, pods, references, schemas, settings
from deploy.tests.checks.registry import CHECKS

__all__ = ["CHECKS", "broker", "capacity", "network", "pods", "references", "schemas", "settings"]
