"""Ports: free ones for what is private, a clear sentence for the public one when somebody has it."""

import random
import socket
from pathlib import Path

from inspraak_dev.errors import StackError

HIGHEST_PORT = 65_535
PRIVATE = range(20_000, 32_000)  # below Linux's range for outgoing connections, which could take one while we are down
_random = random.SystemRandom()


def is_free(port: int, host: str = "127.0.0.1") -> bool:
    """Whether a server could listen on a port now."""
    with socket.socket() as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind((host, port))
            tried.listen(1)
        except OSError:
            return False
    return True


def needs_root(port: int, host: str = "127.0.0.1") -> bool:
    """Whether this user may not listen on a port, free or not."""
    with socket.socket() as tried:
        try:
            tried.bind((host, port))
        except PermissionError:
            return True
        except OSError:
            return False
    return False


def free_port(taken: set[int]) -> int:
    """A private port that is free and not promised to another of our processes."""
    for _ in range(200):
        port = _random.choice(PRIVATE)
        if port not in taken and is_free(port):
            return port
    raise StackError(f"no free port found between {PRIVATE.start} and {PRIVATE.stop}")


def owner_of(port: int) -> str:
    """Who listens on a port, as far as this user may see: `pid 12 (python3 -m http.server)`."""
    inodes = {
        f"socket:[{fields[9]}]"
        for table in ("/proc/net/tcp", "/proc/net/tcp6")
        if Path(table).exists()
        for fields in map(str.split, Path(table).read_text().splitlines()[1:])
        if fields[3] == "0A" and int(fields[1].rpartition(":")[2], 16) == port
    }
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if any(str(handle.readlink()) in inodes for handle in (process / "fd").iterdir()):
                command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
                return f"pid {process.name} ({command[:60]})"
        except OSError:
            continue  # it ended, or it is not ours to look into
    return "another program"
