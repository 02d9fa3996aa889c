"""Processes of our own: started apart from the terminal, known by pid and start time, ended with a deadline.

A pid alone proves nothing: after a restart of the machine it may be somebody else's. A process is ours only if it has
the start time (and the machine the boot) that we noted.
"""

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from pydantic import BaseModel

from inspraak_dev.errors import StackError

TERMINATED_WITHIN = 40.0  # seconds: longer than a service's own drain
KILLED_WITHIN = 10.0
POLL = 0.05
MARK = "INSPRAAK_STACK"  # in the environment of all that an instance starts: its folder


class Running(BaseModel):
    """A process that we started."""

    pid: int
    started: str
    log: Path
    stop: int = signal.SIGTERM
    """The signal that asks it to end."""

    @property
    def alive(self) -> bool:
        """Whether that very process still runs; one that ended and waits to be reaped does not."""
        return started(self.pid) == self.started


def started(pid: int) -> str | None:
    """A process's start (the machine's boot and clock ticks since it, proc(5)); None when it does not run."""
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    state, ticks = fields[0], fields[19]
    if state in "ZX":
        return None
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return f"{boot}:{ticks}"


def base_environment() -> dict[str, str]:
    """What a child inherits: where programs are and the language, nothing that could change what it does."""
    kept = ("PATH", "HOME", "LANG", "TMPDIR")
    return {name: os.environ[name] for name in kept if name in os.environ} | {"LC_ALL": "C.UTF-8"}


def spawn(
    command: Sequence[str | Path],
    *,
    environment: Mapping[str, str],
    log: Path,
    user: str | None,
    folder: Path,
    stop: signal.Signals = signal.SIGTERM,
) -> Running:
    """Start a detached process that writes to a log; `StackError` when it cannot be executed."""
    log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        with _opened(log) as output:
            child = subprocess.Popen(
                [str(part) for part in command],
                env={**base_environment(), **environment},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=folder,
                start_new_session=True,
                text=True,
                **as_user(user),
            )
    except OSError as error:
        raise StackError(f"{command[0]} cannot be started: {error.strerror}") from error
    child.returncode = 0  # it outlives us, as it should: `Popen` need not warn of it, and `started` reaps it
    since = started(child.pid)
    if since is None:
        raise StackError(f"{command[0]} ended at once: {last_words(log)}")
    return Running(pid=child.pid, started=since, log=log, stop=stop)


def _opened(log: Path) -> BinaryIO:
    """A log to write at its end, which nobody else may read: there may be addresses in what a server says."""
    log.touch(mode=0o600)
    log.chmod(0o600)
    return log.open("ab")


def as_user(user: str | None) -> dict[str, Any]:
    """The arguments that make `subprocess` run a child as a user (only root may)."""
    return {} if user is None else {"user": user, "group": user, "extra_groups": []}


def end(running: Iterable[Running], *, within: float = TERMINATED_WITHIN) -> None:
    """End processes: ask all, wait, then kill those that did not listen. Those that are not ours are left alone."""
    ours = list(running)
    for one in ours:
        _signal([one], signal.Signals(one.stop))
    _signal(ours, signal.SIGCONT)  # one that a test has stopped hears nothing until it goes on
    left = _wait(ours, within)
    _signal(left, signal.SIGKILL)
    if stuck := _wait(left, KILLED_WITHIN):
        raise StackError(f"processes that cannot be ended: {', '.join(str(one.pid) for one in stuck)}")


def kill(running: Running, number: signal.Signals) -> None:
    """Send one signal to a process of ours; for SIGKILL wait until it is gone."""
    _signal([running], number)
    if number == signal.SIGKILL and _wait([running], KILLED_WITHIN):
        raise StackError(f"process {running.pid} cannot be killed")


def _signal(running: Iterable[Running], number: signal.Signals) -> None:
    for one in running:
        if one.alive:
            with contextlib.suppress(ProcessLookupError):
                os.kill(one.pid, number)


def _wait(running: Iterable[Running], seconds: float) -> list[Running]:
    deadline = time.monotonic() + seconds
    left = [one for one in running if one.alive]
    while left and time.monotonic() < deadline:
        time.sleep(POLL)
        left = [one for one in left if one.alive]
    return left


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """Clean up without being interrupted by a second ctrl-C."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {
        number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def strays(folder: Path, known: Iterable[Running]) -> list[Running]:
    """Processes that carry an instance's mark and that it does not remember: started by a command that was killed.

    What a known process has started is none: RabbitMQ ends when somebody ends its helpers.
    """
    pids = {one.pid for one in known}
    marked = f"{MARK}={folder}".encode()
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            is_ours = marked in (process / "environ").read_bytes().split(b"\0")
        except OSError:
            continue  # it ended, or it is another user's
        pid = int(process.name)
        if is_ours and os.getsid(pid) == pid and pids.isdisjoint(_line_of(pid)) and (since := started(pid)):
            found.append(Running(pid=pid, started=since, log=folder))
    return found


def _line_of(pid: int) -> Iterator[int]:
    """A process, its parent, its parent's parent, as far as they run."""
    while pid > 1:
        yield pid
        try:
            pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        except (FileNotFoundError, ProcessLookupError):
            return


def last_words(log: Path, lines: int = 5) -> str:
    """The last lines of a log, for the sentence that says why a process is not there."""
    try:
        text = log.read_text(errors="replace")
    except OSError as error:
        return f"(no log: {error.strerror})"
    said = [line for line in text.splitlines() if line.strip()][-lines:]
    return "\n    ".join(["", *said]) if said else "(it said nothing)"
