"""What runs, where, and whether it is ready."""

from inspraak_dev.stack import probes
from inspraak_dev.stack.server import HOST
from inspraak_dev.stack.stack import ADDRESSES, Stack
from inspraak_dev.stack.table import TABLE, Process

PROBES = {"postgres": probes.postgres, "rabbitmq": probes.rabbitmq, "redis": probes.redis}


def rows(stack: Stack, table: tuple[Process, ...] = TABLE) -> list[tuple[str, str, str, str]]:
    """Name, pid, port and state of every server and every process."""
    found = []
    for name in ADDRESSES:
        source = stack.state.sources.get(name)
        running = stack.state.running(name)
        if source is None or source == "own":
            ready = running and PROBES[name](HOST, stack.state.port(name))
            found.append((name, _pid(running), _port(stack, name), _word(running, ready)))
        else:
            found.append((name, "", "", "a container" if source == "compose" else "given by the environment"))
    for process in table:
        running = stack.state.running(process.name)
        ready = running and not probes.ready(HOST, process.ready_port(stack.state))
        names = process.port_names().values()
        found.append((process.name, _pid(running), " ".join(_port(stack, n) for n in names), _word(running, ready)))
    return found


def table_of(rows: list[tuple[str, str, str, str]]) -> str:
    """The rows as a table."""
    heading = ("process", "pid", "port", "state")
    widths = [max(len(row[column]) for row in [heading, *rows]) for column in range(4)]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in [heading, *rows])
    return "\n".join(line.rstrip() for line in lines)


def _pid(running: object) -> str:
    return str(getattr(running, "pid", ""))


def _port(stack: Stack, name: str) -> str:
    return str(stack.state.ports.get(name, ""))


def _word(running: object, ready: object) -> str:
    if not running:
        return "does not run"
    return "ready" if ready else "runs, not ready"
