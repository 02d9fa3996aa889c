"""Asking the services: an HTTP/1.1 client made for a gateway (docs/adr/0008)."""

from gateway.upstream.connection import Answer, Broken, Connection
from gateway.upstream.pool import Pool, Unreachable
from gateway.upstream.request import Message, Source, ask

__all__ = ["Answer", "Broken", "Connection", "Message", "Pool", "Source", "Unreachable", "ask"]
