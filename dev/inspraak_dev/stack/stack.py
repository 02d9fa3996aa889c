"""One instance of the stack as an object: what tests and commands hold in their hands."""

import contextlib
import os
import shutil
import signal
from collections.abc import Iterator

from inspraak_dev.stack import processes
from inspraak_dev.stack.errors import StackError
from inspraak_dev.stack.places import CLONE, Place, place_of
from inspraak_dev.stack.ports import is_free
from inspraak_dev.stack.postgres import Postgres
from inspraak_dev.stack.rabbitmq import RabbitMq
from inspraak_dev.stack.redis import Redis
from inspraak_dev.stack.server import READY_WITHIN, Server
from inspraak_dev.stack.state import State, load, locked, save

SERVERS: tuple[type[Server], ...] = (Postgres, RabbitMq, Redis)
ADDRESSES = {"postgres": "INSPRAAK_POSTGRES_URL", "rabbitmq": "INSPRAAK_AMQP_URL", "redis": "INSPRAAK_REDIS_URL"}


class Stack:
    """The servers of one instance. Methods that change it are to be called under `locked`."""

    def __init__(self, instance: str = "dev") -> None:
        """Read what the instance remembers; start nothing."""
        self.place: Place = place_of(instance)
        self.place.make()
        self.state: State = load(self.place, str(CLONE))

    def save(self) -> None:
        """Remember."""
        save(self.place, self.state)

    def locked(self) -> contextlib.AbstractContextManager[None]:
        """Keep other commands on this instance waiting."""
        return locked(self.place)

    def refresh(self) -> None:
        """Read the memory again, after waiting for the lock."""
        self.state = load(self.place, str(CLONE))

    def server(self, name: str) -> Server:
        """The server with this name: `postgres`, `rabbitmq` or `redis`."""
        for kind in SERVERS:
            if kind.name == name:
                return kind(self.place, self.state, self.save)
        raise StackError(f"no server is called {name}")

    def start_server(self, name: str) -> None:
        """Start one server, as after a crash; `wait_ready` waits for it."""
        self.server(name).start()

    def kill_server(self, name: str, number: signal.Signals = signal.SIGKILL) -> None:
        """Send one server a signal; with SIGKILL it is gone when this returns."""
        self.server(name).kill(number)

    def wait_ready(self, name: str, within: float = READY_WITHIN) -> None:
        """Wait until a server answers; `StackError` after the deadline."""
        self.server(name).wait_ready(within)

    def start_servers(self) -> None:
        """Start every server that does not run and wait for all; addresses of the environment are taken as they are."""
        for name, variable in ADDRESSES.items():
            if given := os.environ.get(variable):
                self.state.sources[name] = given
            else:
                self.state.sources.setdefault(name, "own")
        own = [self.server(name) for name, source in self.state.sources.items() if source == "own"]
        for server in own:
            server.found()
        for server in own:
            if not self.state.running(server.name) and not is_free(server.port):
                del self.state.ports[server.name]
            server.start()
        for server in own:
            server.wait_ready()

    def urls(self) -> dict[str, str]:
        """The servers' addresses by the name of the environment variable that gives them to others."""
        return {
            variable: self.server(name).url() if self.state.sources.get(name, "own") == "own" else source
            for name, variable in ADDRESSES.items()
            for source in [self.state.sources.get(name, "own")]
        }

    def stop_servers(self) -> None:
        """End our servers, epmd last."""
        names = [kind.name for kind in SERVERS]
        processes.end([one for name in names if (one := self.state.running(name))])
        if epmd := self.state.running("epmd"):
            processes.end([epmd])
        for name in [*names, "epmd"]:
            self.state.processes.pop(name, None)
        self.save()

    def delete(self) -> None:
        """Delete the data of an instance that does not run."""
        shutil.rmtree(self.place.folder)


@contextlib.contextmanager
def servers(instance: str) -> Iterator[Stack]:
    """Servers of an instance of their own for the length of a block; nothing of them is left, whatever happens."""
    stack = Stack(instance)
    with stack.locked():
        try:
            stack.start_servers()
            yield stack
        finally:
            stack.stop_servers()
            stack.delete()
