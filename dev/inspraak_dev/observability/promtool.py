"""promtool, which checks and tries out alert rules: the one on PATH, else the one of Debian's package.

The package is fetched and unpacked, not installed: it would bring a Prometheus that starts at the next boot.
"""

import fcntl
import shutil
import subprocess
import tempfile
from pathlib import Path

from inspraak_dev import apt
from inspraak_dev.errors import StackError
from inspraak_dev.stack.places import CLONE

KEPT = CLONE / ".cache" / "promtool"


def find(kept: Path = KEPT) -> Path:
    """Where promtool is; fetches it once (19 MB). `StackError` with what to do where that is not possible."""
    on_path = shutil.which("promtool")
    if on_path:
        return Path(on_path)
    kept.parent.mkdir(parents=True, exist_ok=True)
    with kept.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not kept.exists():
            _fetch(kept)
    return kept


def _fetch(kept: Path) -> None:
    try:
        with tempfile.TemporaryDirectory(dir=kept.parent) as name:
            folder = Path(name)
            package = apt.download("prometheus", folder)
            subprocess.run(["dpkg", "-x", package, folder / "unpacked"], check=True, capture_output=True)
            (folder / "unpacked/usr/bin/promtool").rename(kept)
    except (StackError, subprocess.CalledProcessError) as error:
        raise StackError(
            "the alert rules cannot be checked without promtool, which Debian has in its package `prometheus`: "
            f"put it on PATH ({error})"
        ) from error
