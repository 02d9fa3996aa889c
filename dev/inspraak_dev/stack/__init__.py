"""The stack on one machine: PostgreSQL, RabbitMQ, Redis and every process of Inspraak, from one command."""

from inspraak_dev.errors import StackError
from inspraak_dev.stack.stack import Stack, servers

__all__ = ["Stack", "StackError", "servers"]
