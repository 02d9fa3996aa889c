"""A server that somebody else runs: its address was in the environment."""

import signal
import socket
import time
from urllib.parse import urlsplit

from inspraak_dev.errors import StackError
from inspraak_dev.stack.server import POLL, Server

PORTS = {"postgres": 5432, "rabbitmq": 5672, "redis": 6379}
ANSWERS_WITHIN = 10.0


class Given(Server):
    """Used as it is; never started, never ended."""

    def __init__(self, name: str, title: str, url: str) -> None:
        """`url` is the address as given."""
        self.name, self.title, self._url = name, title, url

    def start(self) -> None:
        """Nothing: it is not ours."""

    def kill(self, number: signal.Signals) -> None:
        """Refused."""
        raise StackError(f"{self.title} at {self._where()} was given, it is not ours: no {number.name} for it")

    def wait_ready(self, within: float = ANSWERS_WITHIN) -> None:
        """Wait until something listens there; who uses it first checks the credentials."""
        address = urlsplit(self._url)
        deadline = time.monotonic() + min(within, ANSWERS_WITHIN)
        while True:
            try:
                socket.create_connection((address.hostname or "localhost", address.port or PORTS[self.name]), 2).close()
            except OSError as error:
                if time.monotonic() > deadline:
                    raise StackError(f"no {self.title} answers at {self._where()}: {error}") from error
                time.sleep(POLL)
            else:
                return

    def url(self) -> str:
        """As given."""
        return self._url

    def _where(self) -> str:
        address = urlsplit(self._url)
        return f"{address.hostname}:{address.port or PORTS[self.name]}"
