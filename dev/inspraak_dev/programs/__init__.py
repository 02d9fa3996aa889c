"""Programs that the checks of `deploy` need and that are not installed: fetched once, kept in the clone's `.cache`."""

import fcntl
import tempfile
from collections.abc import Callable
from pathlib import Path

from inspraak_dev.stack.places import CLONE

CACHE = CLONE / ".cache"


def kept(program: Path, fetch: Callable[[Path], Path]) -> Path:
    """A program at its place; where it is not there, `fetch` gets it into a folder and says where it is in that.

    Of several processes that want it at once one fetches it. What `fetch` raises is raised, and nothing is kept then.
    """
    program.parent.mkdir(parents=True, exist_ok=True)
    with program.with_name(f"{program.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not program.exists():
            with tempfile.TemporaryDirectory(dir=program.parent) as folder:
                fetch(Path(folder)).rename(program)
    return program
