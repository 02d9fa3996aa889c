"""Servers as containers of `compose.yaml`, where a container engine answers."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping

from inspraak_dev.errors import StackError
from inspraak_dev.stack.places import CLONE, Place
from inspraak_dev.stack.server import HOST, POLL, READY_WITHIN, OwnServer, Server
from inspraak_dev.stack.state import State

ENGINES = ("docker", "podman")
ANSWERS_WITHIN = 5.0
PULLED_WITHIN = 600.0


def engine() -> str | None:
    """The container engine that answers and has compose, or None; never waits longer than some seconds."""
    for name in ENGINES:
        if shutil.which(name) and all(_answers(name, *words) for words in (["info"], ["compose", "version"])):
            return name
    return None


def _answers(*command: str) -> bool:
    try:
        ran = subprocess.run(command, capture_output=True, timeout=ANSWERS_WITHIN, check=False)
    except (subprocess.TimeoutExpired, OSError):
        return False
    return ran.returncode == 0


class Compose:
    """One instance's project of `compose.yaml`."""

    def __init__(self, place: Place, state: State) -> None:
        """Names the project after the clone and the instance, so that two never share containers."""
        self.project = f"inspraak-{place.folder.parent.name}-{place.instance}".lower()
        self.state = state

    def command(self, *arguments: str) -> list[str]:
        """The command line for the engine."""
        name = engine()
        if name is None:
            raise StackError("this stack's servers are containers, and no container engine answers: start it")
        return [name, "compose", "--file", str(CLONE / "compose.yaml"), "--project-name", self.project, *arguments]

    def variables(self) -> Mapping[str, str]:
        """What `compose.yaml` asks for."""
        found = {}
        for name in ("postgres", "rabbitmq", "redis"):
            found[f"INSPRAAK_COMPOSE_{name.upper()}_PORT"] = str(self.state.port(name))
            found[f"INSPRAAK_COMPOSE_{name.upper()}_PASSWORD"] = self.state.secret(name)
        return found

    def run(self, *arguments: str) -> str:
        """Run a command of compose; a `StackError` with what it said when it fails."""
        command = self.command(*arguments)
        environment = {**os.environ, **self.variables()}
        try:
            ran = subprocess.run(
                command, env=environment, capture_output=True, text=True, timeout=PULLED_WITHIN, check=False
            )
        except subprocess.TimeoutExpired:
            raise StackError(f"compose {arguments[0]} took longer than {PULLED_WITHIN:.0f} s") from None
        if ran.returncode:
            raise StackError(f"compose {arguments[0]} failed: {ran.stderr.strip()[-800:]}")
        return ran.stdout


class Contained(Server):
    """One server of the project; address and credentials are those that it would have as a process of our own."""

    def __init__(self, own: OwnServer, compose: Compose) -> None:
        """`own` lends its port, its address and its way of asking whether it is ready."""
        self.name, self.title = own.name, own.title
        self.own, self.compose = own, compose

    def start(self) -> None:
        """Create or start the container."""
        self.own.url()  # its secret exists from here on
        self.own.save()
        self.compose.run("up", "--detach", self.name)

    def kill(self, number: signal.Signals) -> None:
        """Send the container's first process a signal."""
        self.compose.run("kill", "--signal", number.name, self.name)

    def wait_ready(self, within: float = READY_WITHIN) -> None:
        """Wait until it answers on its published port."""
        deadline = time.monotonic() + within
        while not self.own.probe(HOST, self.own.port):
            if time.monotonic() > deadline:
                raise StackError(
                    f"{self.title}'s container does not answer after {within:.0f} s: compose logs tells why"
                )
            time.sleep(POLL)

    def url(self) -> str:
        """Through its published port."""
        return self.own.url()
