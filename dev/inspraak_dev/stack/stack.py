"""The servers of one instance as an object: what tests and commands hold in their hands."""

import contextlib
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

from inspraak_dev import apt
from inspraak_dev.errors import StackError
from inspraak_dev.stack import containers, processes
from inspraak_dev.stack.given import Given
from inspraak_dev.stack.places import CLONE, Place, place_of
from inspraak_dev.stack.ports import is_free
from inspraak_dev.stack.postgres import Postgres
from inspraak_dev.stack.rabbitmq import RabbitMq
from inspraak_dev.stack.redis import Redis
from inspraak_dev.stack.server import READY_WITHIN, OwnServer, Server
from inspraak_dev.stack.state import State, load, locked, save

KINDS: tuple[type[OwnServer], ...] = (Postgres, RabbitMq, Redis)
ADDRESSES = {"postgres": "INSPRAAK_POSTGRES_URL", "rabbitmq": "INSPRAAK_AMQP_URL", "redis": "INSPRAAK_REDIS_URL"}
COMPANIONS = ("epmd",)  # ended after the server that needs it


class Stack:
    """The servers of one instance. What changes it is to be called under `locked`."""

    def __init__(self, instance: str = "dev", clone: Path = CLONE) -> None:
        """Read what the instance remembers; start nothing."""
        self.clone = clone
        self.place: Place = place_of(instance, clone)
        self.place.make()
        self.state: State = load(self.place, str(clone))

    def save(self) -> None:
        """Remember."""
        save(self.place, self.state)

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other commands on this instance waiting; what they remembered is read first."""
        with locked(self.place):
            self.state = load(self.place, str(self.clone))
            yield

    # Which servers

    def choose(self) -> None:
        """Decide for each server where it comes from.

        An address in the environment wins. Else what was chosen before, for the data are there; at first
        containers where an engine answers, else the machine's own programs, installed by apt where that may be.
        """
        sources = self.state.sources
        undecided = []
        for kind in KINDS:
            given = os.environ.get(ADDRESSES[kind.name])
            if given and given != self._own(kind.name).url():
                sources[kind.name] = given
            elif sources.get(kind.name) not in ("own", "compose"):
                undecided.append(kind.name)
        if undecided:
            choice = "compose" if containers.engine() else "own"
            sources |= dict.fromkeys(undecided, choice)
        install_missing([kind for kind in KINDS if sources[kind.name] == "own"])

    def server(self, name: str) -> Server:
        """The server with this name: `postgres`, `rabbitmq` or `redis`."""
        own = self._own(name)
        source = self.state.sources.get(name, "own")
        if source == "own":
            return own
        if source == "compose":
            return containers.Contained(own, containers.Compose(self.place, self.state))
        return Given(name, own.title, source)

    def _own(self, name: str) -> OwnServer:
        for kind in KINDS:
            if kind.name == name:
                return kind(self.place, self.state, self.save)
        raise StackError(f"no server is called {name}: there are {', '.join(ADDRESSES)}")

    def urls(self) -> dict[str, str]:
        """The servers' addresses by the name of the environment variable that gives them to others."""
        return {variable: self.server(name).url() for name, variable in ADDRESSES.items()}

    # One server, for tests of faults

    def start_server(self, name: str) -> None:
        """Start one server, as after a crash; `wait_ready` waits for it."""
        self.server(name).start()

    def kill_server(self, name: str, number: signal.Signals = signal.SIGKILL) -> None:
        """Send one server a signal; with SIGKILL it is gone when this returns."""
        self.server(name).kill(number)

    def wait_ready(self, name: str, within: float = READY_WITHIN) -> None:
        """Wait until a server answers; `StackError` after the deadline."""
        self.server(name).wait_ready(within)

    # All servers

    def start_servers(self) -> None:
        """Start every server that does not run and wait for all. When this fails, what it started is ended again."""
        ran = set(self.state.processes)
        self.choose()
        servers = {name: self.server(name) for name in ADDRESSES}
        try:
            self._forget_taken_ports()
            for server in servers.values():
                if isinstance(server, Given):
                    server.wait_ready()  # before anything is started in vain
            for server in servers.values():
                server.start()
            for server in servers.values():
                server.wait_ready()
        except BaseException:
            with processes.undisturbed():
                self.end({name for name in self.state.processes if name not in ran})
                self._stop_containers()
            raise
        self.save()

    def _forget_taken_ports(self) -> None:
        """Forget private ports that other programs took while we were down."""
        owners = {name: name for name in (*ADDRESSES, *COMPANIONS)} | {"rabbitmq_distribution": "rabbitmq"}
        for port, server in owners.items():
            ours = self.state.running(server) or self.state.sources.get(server, "own") != "own"
            if port in self.state.ports and not ours and not is_free(self.state.ports[port]):
                del self.state.ports[port]

    def stop_servers(self) -> None:
        """End our servers, each after what needs it; containers too. Servers that were given go on."""
        self.end(set(ADDRESSES))
        self.end(set(COMPANIONS))
        self._stop_containers()

    def _stop_containers(self, *arguments: str) -> None:
        if "compose" in self.state.sources.values():
            containers.Compose(self.place, self.state).run("down", *arguments)

    def end(self, names: set[str]) -> None:
        """End processes of ours by name and forget them."""
        processes.end([one for name in names if (one := self.state.running(name))])
        self.state.processes = {name: one for name, one in self.state.processes.items() if name not in names}
        self.save()

    def end_strays(self) -> int:
        """End processes that a killed command left behind without remembering them; gives their number."""
        strays = processes.strays(self.place.folder, self.state.processes.values())
        processes.end(strays)
        return len(strays)

    def delete(self) -> None:
        """Delete the data of an instance that does not run."""
        self._stop_containers("--volumes")
        shutil.rmtree(self.place.folder)


def install_missing(kinds: list[type[OwnServer]]) -> None:
    """Install the servers that this machine lacks; a `StackError` with the line to run when we may not."""
    apt.restore_after_a_kill()
    missing = [kind for kind in kinds if kind.find() is None]
    if missing:
        packages = [kind.package for kind in missing]
        apt.install(packages)
        for kind in missing:
            if kind.find() is None:
                raise StackError(f"apt installed {kind.package}, but {kind.title} is still not to be found")


@contextlib.contextmanager
def servers(instance: str) -> Iterator[Stack]:
    """Servers of an instance of their own for the length of a block; nothing of them is left, whatever happens."""
    stack = Stack(instance)
    with stack.locked():
        try:
            stack.end_strays()
            stack.start_servers()
            yield stack
        finally:
            with processes.undisturbed():
                stack.stop_servers()
                stack.delete()
