"""Up and down: the order in which the platform starts and ends on one machine, and nothing half-started."""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from inspraak_dev.errors import StackError
from inspraak_dev.stack import probes, processes, provision
from inspraak_dev.stack.ports import HIGHEST_PORT, is_free, needs_root, owner_of
from inspraak_dev.stack.server import HOST
from inspraak_dev.stack.stack import Stack
from inspraak_dev.stack.table import (
    DEFAULT_PUBLIC_PORT,
    PUBLIC_PORT,
    TABLE,
    Process,
    migration_settings,
    settings_of,
)

READY_WITHIN = 90.0  # seconds, for all processes together: a cold start on two busy cores
MIGRATED_WITHIN = 660.0  # more than the migrations' own statement timeout
POLL = 0.1
Table = tuple[Process, ...]


def say(text: str) -> None:
    """Tell the person at the terminal."""
    print(text, flush=True)


def up(stack: Stack, *, table: Table = TABLE, tell: Callable[[str], None] = say) -> None:
    """Start what does not run. When that fails, what this call started is ended again."""
    with stack.locked():
        _check_running_port(stack, table)
        if _all_ready(stack, table):
            tell(describe(stack))
            return
        if strays := stack.end_strays():
            tell(f"ended {strays} processes that an interrupted command had left behind")
        stack.place.check_space()
        _choose_public_port(stack, table)
        programs = [process.program() for process in table]
        ran = set(stack.state.processes)
        try:
            tell("starting PostgreSQL, RabbitMQ and Redis")
            stack.start_servers()
            _prepare_databases(stack, table, tell)
            for process, program in zip(table, programs, strict=True):
                if not stack.state.running(process.name):
                    tell(f"starting {process.name}")
                    _start(stack, process.name, [program, *process.command[1:]], _settings(stack, process, table))
            _wait_ready(stack, table)
        except BaseException:
            tell("that did not work: ending what was started")
            with processes.undisturbed():
                _end(stack, {name for name in stack.state.processes if name not in ran}, table)
            raise
        tell(describe(stack))


def down(stack: Stack, *, table: Table = TABLE) -> int:
    """End everything of this instance, services before servers; gives how many processes that were."""
    with stack.locked():
        count = len(stack.state.processes)
        _end(stack, set(stack.state.processes), table)
        stack.stop_servers()
        return count + stack.end_strays()


def reset(stack: Stack, *, table: Table = TABLE) -> list[str]:
    """End everything and delete the data; gives the databases that were dropped on a server that was given."""
    down(stack, table=table)
    with stack.locked():
        dropped = []
        for url, databases in stack.state.claims.items():
            provision.drop_databases(url, databases)
            dropped += databases
        stack.delete()
    return dropped


# One process, for tests of faults


def kill_process(stack: Stack, name: str, number: signal.Signals = signal.SIGKILL) -> None:
    """Send one process of ours a signal; with SIGKILL it is gone when this returns."""
    running = stack.state.running(name)
    if running is None:
        raise StackError(f"{name} does not run")
    processes.kill(running, number)


def start_process(stack: Stack, name: str, *, role: str | None = None, table: Table = TABLE) -> None:
    """Start one process as after a crash, in its own role or in another: `api` where the table says `all`."""
    if stack.state.running(name):
        return
    process = _named(name, table)
    arguments = (role,) if role else process.command[1:]
    _start(stack, name, [process.program(), *arguments], _settings(stack, process, table))


def start_beside(stack: Stack, name: str, role: str, *, table: Table = TABLE) -> str:
    """Start another process of a service, `voting worker` beside `voting all`; gives the name that it runs under."""
    process, beside = _named(name, table), f"{name}-{role}"
    settings = _settings(stack, process, table) | {"INSPRAAK_PORT": str(stack.state.port(beside))}
    _start(stack, beside, [process.program(), role], settings)
    return beside


def wait_process(stack: Stack, name: str, within: float = READY_WITHIN, *, table: Table = TABLE) -> None:
    """Wait until one process, of the table or beside one of it, says that it is ready."""
    ports = {process.name: process.ready_port(stack.state) for process in table}
    port, deadline = ports.get(name) or stack.state.port(name), time.monotonic() + within
    while said := probes.ready(HOST, port):
        if not stack.state.running(name):
            raise StackError(f"{name} ended while starting: {_words(stack, name)}")
        if time.monotonic() > deadline:
            raise StackError(f"{name} is not ready after {within:.0f} s: {said}{_words(stack, name)}")
        time.sleep(POLL)


def _named(name: str, table: Table) -> Process:
    for process in table:
        if process.name == name:
            return process
    raise StackError(f"no process is called {name}: there are {', '.join(process.name for process in table)}")


def describe(stack: Stack) -> str:
    """`ready` and the addresses that a person opens in a browser."""
    ports = stack.state.ports
    rows = {
        "platform": f"http://platform.localhost:{ports[PUBLIC_PORT]}",
        "governments": f"http://<name>.localhost:{ports[PUBLIC_PORT]}",
        "API": f"http://platform.localhost:{ports[PUBLIC_PORT]}/api/docs",
    }
    for title, name in (("mails", "mail-catcher"), ("traces", "trace-receiver")):
        if stack.state.running(name):
            rows[title] = f"http://{HOST}:{ports[name]}"
    return "\n".join(["ready", *(f"  {name:<12} {address}" for name, address in rows.items())])


def _all_ready(stack: Stack, table: Table) -> bool:
    if not all(stack.state.running(process.name) for process in table):
        return False
    if any(probes.ready(HOST, process.ready_port(stack.state)) for process in table):
        return False
    own = [name for name, source in stack.state.sources.items() if source == "own"]
    return all(stack.state.running(name) for name in own)


def _named_port() -> int | None:
    """The public port that the environment asks for; 0: any that is free."""
    named = os.environ.get("INSPRAAK_HTTP_PORT")
    if not named:
        return None
    if not (named.isdecimal() and int(named) <= HIGHEST_PORT):
        raise StackError(f"INSPRAAK_HTTP_PORT is {named!r}: a port is a number up to {HIGHEST_PORT}")
    return int(named)


def _check_running_port(stack: Stack, table: Table) -> None:
    """Refuse to take an address that people type away while it is in use."""
    named, current = _named_port(), stack.state.ports.get(PUBLIC_PORT)
    if named and named != current and any(stack.state.running(name) for name in _fronts(table)):
        raise StackError(f"the stack runs on port {current}: `make down` first, then start it on port {named}")


def _fronts(table: Table) -> list[str]:
    return [process.name for process in table if PUBLIC_PORT in process.port_names().values()]


def _choose_public_port(stack: Stack, table: Table) -> None:
    """The public port is the one that people type, so that it is never changed silently; 0 asks for any free one."""
    named, owners = _named_port(), _fronts(table)
    wanted = stack.state.ports.get(PUBLIC_PORT, DEFAULT_PUBLIC_PORT) if named is None else named
    wanted = wanted or stack.state.port(PUBLIC_PORT)
    if any(stack.state.running(name) for name in owners):
        return
    if owners and needs_root(wanted):
        raise StackError(f"port {wanted} is for root; choose one from 1024 on: INSPRAAK_HTTP_PORT=8081")
    if owners and not is_free(wanted):
        raise StackError(
            f"port {wanted} is in use by {owner_of(wanted)}; end it or choose another port: INSPRAAK_HTTP_PORT=8081"
        )
    stack.state.ports[PUBLIC_PORT] = wanted
    for process in table:
        for name in process.port_names().values():
            if name != PUBLIC_PORT and name in stack.state.ports and not stack.state.running(process.name):
                _forget_taken(stack, name)


def _forget_taken(stack: Stack, name: str) -> None:
    if not is_free(stack.state.ports[name]):
        del stack.state.ports[name]


def _prepare_databases(stack: Stack, table: Table, tell: Callable[[str], None]) -> None:
    services = [process for process in table if process.database]
    urls = stack.urls()
    names = [process.name for process in services]
    if stack.state.sources["postgres"] not in ("own", "compose"):
        provision.claim_databases(stack.state, urls["INSPRAAK_POSTGRES_URL"], names, stack.save)
    provision.make_databases(stack.state, urls["INSPRAAK_POSTGRES_URL"], names)
    stack.save()
    waiting = [process for process in services if not stack.state.running(process.name)]
    if waiting:
        tell(f"migrating {', '.join(process.name for process in waiting)}")
    with ThreadPoolExecutor(max_workers=2) as pool:
        list(pool.map(lambda process: _migrate(stack, process, table, urls), waiting))


def _migrate(stack: Stack, process: Process, table: Table, urls: dict[str, str]) -> None:
    settings = settings_of(process, table, stack.state, urls) | migration_settings(process, stack.state, urls)
    ran = subprocess.run(
        [process.program(), "migrate"],
        env={**processes.base_environment(), **settings},
        capture_output=True,
        text=True,
        timeout=MIGRATED_WITHIN,
        check=False,
    )
    if ran.returncode:
        last = "\n    ".join(ran.stderr.strip().splitlines()[-5:])
        raise StackError(f"{process.name} migrate failed:\n    {last}")


def _settings(stack: Stack, process: Process, table: Table) -> dict[str, str]:
    return settings_of(process, table, stack.state, stack.urls())


def _start(stack: Stack, name: str, command: list[str | Path], settings: dict[str, str]) -> None:
    folder = stack.place.data(name)
    folder.mkdir(mode=0o700, exist_ok=True)
    stack.place.rotate(name)
    stack.state.processes[name] = processes.spawn(
        command,
        environment={**settings, processes.MARK: str(stack.place.folder)},
        log=stack.place.log(name),
        user=None,
        folder=folder,
    )
    stack.save()


def _wait_ready(stack: Stack, table: Table) -> None:
    deadline = time.monotonic() + READY_WITHIN
    waiting = list(table)
    while waiting:
        for process in list(waiting):
            said = probes.ready(HOST, process.ready_port(stack.state))
            if not said:
                waiting.remove(process)
            elif not stack.state.running(process.name):
                raise StackError(f"{process.name} ended while starting: {_words(stack, process.name)}")
            elif time.monotonic() > deadline:
                raise StackError(
                    f"{process.name} is not ready after {READY_WITHIN:.0f} s: {said}{_words(stack, process.name)}"
                )
        time.sleep(POLL)


def _words(stack: Stack, name: str) -> str:
    log = stack.place.log(name)
    return f"the end of {log}:{processes.last_words(log)}"


def _end(stack: Stack, names: set[str], table: Table) -> None:
    """End processes by name: the fronts, then the services, then the servers."""
    fronts = {process.name for process in table if process.front}
    services = {process.name for process in table} - fronts
    for group in (names & fronts, names & services, names - fronts - services - {"epmd"}, names & {"epmd"}):
        if group:
            stack.end(group)
