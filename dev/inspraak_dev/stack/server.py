"""A server as the stack sees it, and what PostgreSQL, RabbitMQ and Redis have in common as processes of our own."""

import os
import pwd
import shutil
import signal
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

from inspraak_dev.errors import StackError
from inspraak_dev.stack import processes
from inspraak_dev.stack.places import Place
from inspraak_dev.stack.state import State

HOST = "127.0.0.1"
READY_WITHIN = 60.0
POLL = 0.05


class Server(ABC):
    """One server of one instance: a process of our own, a container, or somebody else's."""

    name: str
    title: str

    @abstractmethod
    def start(self) -> None:
        """Start it if it does not run; it is not ready yet."""

    @abstractmethod
    def kill(self, number: signal.Signals) -> None:
        """Send it a signal, SIGKILL for a crash; a `StackError` when it is not ours."""

    @abstractmethod
    def wait_ready(self, within: float = READY_WITHIN) -> None:
        """Wait until it answers; a `StackError` after the deadline."""

    @abstractmethod
    def url(self) -> str:
        """Its address with the credentials of its administrator."""


class OwnServer(Server):
    """A server as a process of our own: how it is found, prepared, started and reached."""

    users: ClassVar[tuple[str, ...]]
    """The system users that may run it when we are root, best first."""
    stop_signal: ClassVar[signal.Signals] = signal.SIGTERM
    package: ClassVar[str]
    """What apt calls it."""

    def __init__(self, place: Place, state: State, save: Callable[[], None]) -> None:
        """`save` writes the state: called the moment a process has started, so that none is ever forgotten."""
        self.place = place
        self.state = state
        self.save = save

    @staticmethod
    @abstractmethod
    def find() -> Path | None:
        """The program on this machine, or None."""

    @staticmethod
    @abstractmethod
    def probe(host: str, port: int) -> bool:
        """Whether it answers there."""

    @abstractmethod
    def prepare(self) -> None:
        """Make data folder and configuration; does nothing that is already done."""

    @abstractmethod
    def command(self) -> list[str | Path]:
        """The command line, in the foreground."""

    def environment(self) -> dict[str, str]:
        """Its environment variables."""
        return {"HOME": str(self.folder)}

    @property
    def folder(self) -> Path:
        """Its data folder."""
        return self.place.data(self.name)

    @property
    def port(self) -> int:
        """The port it listens on."""
        return self.state.port(self.name)

    @property
    def user(self) -> str | None:
        """The user that runs it: its own when we are root, else ourselves (None)."""
        if os.geteuid() != 0:
            return None
        known = {entry.pw_name for entry in pwd.getpwall()}
        for user in self.users:
            if user in known:
                return user
        raise StackError(f"{self.title} refuses to run as root and no user {' or '.join(self.users)} exists")

    def make_folder(self) -> None:
        """Make the data folder its user's own."""
        self.place.check_reachable(self.user)
        self.folder.mkdir(mode=0o700, exist_ok=True)
        self.own(self.folder)

    def own(self, path: Path) -> None:
        """Give a file or folder to the server's user."""
        if self.user:
            shutil.chown(path, self.user)

    def found(self) -> Path:
        """The program; a `StackError` when it is not installed."""
        program = self.find()
        if program is None:
            raise StackError(f"{self.title} is not installed (Debian's package: {self.package})")
        return program

    def start(self) -> None:
        """Start it if it does not run; it is not ready yet."""
        if self.state.running(self.name):
            return
        self.prepare()
        self.launch(self.name, self.command())
        self.save()

    def launch(self, name: str, command: list[str | Path]) -> None:
        """Start a process of this server and note it."""
        self.place.rotate(name)
        self.state.processes[name] = processes.spawn(
            command,
            environment={**self.environment(), processes.MARK: str(self.place.folder)},
            log=self.place.log(name),
            user=self.user,
            folder=self.folder,
            stop=self.stop_signal,
        )
        self.save()

    def kill(self, number: signal.Signals) -> None:
        """Send it a signal, SIGKILL for a crash."""
        running = self.state.running(self.name)
        if running is None:
            raise StackError(f"{self.title} does not run")
        processes.kill(running, number)

    def wait_ready(self, within: float = READY_WITHIN) -> None:
        """Wait until it answers. A server that ended (one that a crash left locked, say) is started again."""
        deadline = time.monotonic() + within
        starts = 1
        while not self.probe(HOST, self.port):
            if time.monotonic() > deadline:
                raise StackError(f"{self.title} does not answer after {within:.0f} s: {self.words()}")
            if self.state.running(self.name) is None:
                if starts == 3:  # noqa: PLR2004 - the old one's children may take a moment to let go
                    raise StackError(f"{self.title} ended while starting: {self.words()}")
                starts += 1
                time.sleep(1)
                self.start()
            time.sleep(POLL)

    def words(self) -> str:
        """The last lines of its log."""
        return processes.last_words(self.place.log(self.name))
