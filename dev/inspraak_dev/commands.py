"""The stack's commands: what `inspraak up`, `down`, `status` and the others do."""

import argparse
import json
import os
import shlex
import subprocess
import sys

from inspraak_dev import apt
from inspraak_dev.errors import StackError
from inspraak_dev.stack import lifecycle, processes, state
from inspraak_dev.stack import status as statuses
from inspraak_dev.stack.places import place_of
from inspraak_dev.stack.stack import KINDS, Stack
from inspraak_dev.stack.table import TABLE, Process, migration_settings, settings_of

BROWSER = ("chromium", "fonts-dejavu-core")


def up(parsed: argparse.Namespace) -> int:
    """Start everything, or the servers only."""
    stack = Stack(parsed.instance)
    if not parsed.servers_only:
        lifecycle.up(stack)
        return 0
    with stack.locked():
        stack.end_strays()
        stack.start_servers()
        print("ready", *_exports(stack.urls()), sep="\n")
    return 0


def down(parsed: argparse.Namespace) -> int:
    """End everything."""
    ended = lifecycle.down(Stack(parsed.instance))
    print(f"ended {ended} processes; the data stay (make reset deletes them)" if ended else "nothing runs")
    return 0


def status(parsed: argparse.Namespace) -> int:
    """Show what runs."""
    print(statuses.table_of(statuses.rows(Stack(parsed.instance))))
    return 0


def logs(parsed: argparse.Namespace) -> int:
    """Show logs with tail(1)."""
    place = Stack(parsed.instance).place
    known = sorted(path.stem for path in place.log("").parent.glob("*.log"))
    for name in parsed.names:
        if name not in known:
            raise StackError(f"there is no log of {name}: there are {', '.join(known) or 'none'}")
    files = [str(place.log(name)) for name in parsed.names or known]
    if not files:
        print("there are no logs yet")
        return 0
    follow = ["-F"] if parsed.follow else []
    return subprocess.run(["tail", "-n", str(parsed.lines), *follow, *files], check=False).returncode


def reset(parsed: argparse.Namespace) -> int:
    """Delete the data, after asking."""
    place = place_of(parsed.instance)
    if not parsed.yes:
        if not sys.stdin.isatty():
            raise StackError("reset deletes all data of this stack: .uv/bin/uv run inspraak reset --yes")
        if not _agreed(f"Delete all data of this stack in {place.folder}? [y/N] "):
            print("nothing was deleted")
            return 1
    place.make()
    state.set_aside_if_damaged(place)
    dropped = lifecycle.reset(Stack(parsed.instance))
    print("deleted the stack's data")
    if dropped:
        print(f"dropped on the given PostgreSQL: {', '.join(dropped)}; the given RabbitMQ keeps its queues")
    return 0


def _agreed(question: str) -> bool:
    try:
        return input(question).strip().lower() in {"y", "yes"}
    except EOFError:  # ctrl-D
        print()
        return False


def env(parsed: argparse.Namespace) -> int:
    """Print settings for a shell or as JSON."""
    stack = Stack(parsed.instance)
    urls = stack.urls()
    if parsed.name:
        settings = _settings(stack, _process(parsed.name), urls)
        print(json.dumps(settings, indent=1) if parsed.json else "\n".join(_exports(settings)))
        return 0
    if not parsed.json:
        print("\n".join(_exports(urls)))
        return 0
    everything = {process.name: _settings(stack, process, urls) for process in TABLE}
    pids = {name: running.pid for name, running in stack.state.processes.items()}
    told = {"servers": urls, "processes": everything, "pids": pids, "folder": str(stack.place.folder)}
    print(json.dumps(told, indent=1))
    return 0


def run(parsed: argparse.Namespace) -> int:
    """Become a service's command with the service's settings."""
    stack, process = Stack(parsed.instance), _process(parsed.name)
    environment = {**os.environ, **_settings(stack, process, stack.urls())}
    program = str(process.program())
    sys.stdout.flush()
    os.execve(program, [program, *parsed.arguments], environment)  # noqa: S606 - the developer's own command
    raise AssertionError("execve does not return")


def parked(parsed: argparse.Namespace) -> int:
    """List the parked messages of every service."""
    return _each(parsed.instance, [process.name for process in TABLE if process.database], "parked")


def replay(parsed: argparse.Namespace) -> int:
    """Send parked messages back."""
    return _each(parsed.instance, parsed.names or [process.name for process in TABLE if process.database], "replay")


def install(parsed: argparse.Namespace) -> int:
    """Install servers that are missing, and the browser when asked."""
    packages = [kind.package for kind in KINDS if kind.find() is None]
    packages += BROWSER if parsed.browser else ()
    if packages:
        apt.install(packages)
    print("installed" if packages else "everything is installed")
    return 0


def _each(instance: str, names: list[str], command: str) -> int:
    stack = Stack(instance)
    urls = stack.urls()
    worst = 0
    for name in names:
        process = _process(name)
        print(f"{name}:", flush=True)
        environment = {**processes.base_environment(), **_settings(stack, process, urls)}
        worst = max(worst, subprocess.run([process.program(), command], env=environment, check=False).returncode)
    return worst


def _process(name: str) -> Process:
    for process in TABLE:
        if process.name == name:
            return process
    raise StackError(f"no process is called {name}: there are {', '.join(process.name for process in TABLE)}")


def _settings(stack: Stack, process: Process, urls: dict[str, str]) -> dict[str, str]:
    """What the process is told, and for one with a database what its migrations are told."""
    known = set(stack.state.secrets)
    settings = settings_of(process, TABLE, stack.state, urls)
    if process.database:
        settings |= migration_settings(process, stack.state, urls)
    if set(stack.state.secrets) != known:
        raise StackError("this stack was never up: make up")
    return settings


def _exports(settings: dict[str, str]) -> list[str]:
    return [f"export {name}={shlex.quote(value)}" for name, value in settings.items()]
