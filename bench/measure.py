"""Reads what the operating system knows of the platform's processes: CPU time and resident memory."""

import os
from collections.abc import Mapping
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")


def cpu_seconds(pids: Mapping[str, int]) -> dict[str, float]:
    """CPU time so far, by name; a server's own children count with it, ended ones included."""
    children = _children()
    return {name: sum(_cpu(pid) for pid in _family(pid, children)) for name, pid in pids.items()}


def rss_mb(pids: Mapping[str, int]) -> dict[str, float]:
    """Resident memory by name in MB, of the process alone: a database's children share their memory."""
    return {
        name: round(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE / 1e6, 1)
        for name, pid in pids.items()
    }


def _family(pid: int, children: Mapping[int, list[int]]) -> list[int]:
    found, waiting = [], [pid]
    while waiting:
        one = waiting.pop()
        found.append(one)
        waiting += children.get(one, [])
    return found


def _children() -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            fields = _stat(int(entry.name))
            if fields:
                found.setdefault(int(fields[1]), []).append(int(entry.name))
    return found


def _cpu(pid: int) -> float:
    fields = _stat(pid)
    # own user and system time, and that of children that ended and were waited for
    return sum(int(fields[position]) for position in (11, 12, 13, 14)) / TICKS if fields else 0.0


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat behind the name, which may hold blanks; none for a process that is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []
