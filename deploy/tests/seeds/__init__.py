"""Mistakes that the checks must find. Importing a module of them notes them in `SEEDS`."""

from deploy.tests.seeds import pods, references, servers
from deploy.tests.seeds.registry import SEEDS

__all__ = ["SEEDS", "pods", "references", "servers"]
