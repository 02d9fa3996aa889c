"""promtool, which checks and tries out alert rules: the one on PATH, else the one of Debian's package.

The package is fetched and unpacked, not installed: it would bring a Prometheus that starts at the next boot.
"""

import shutil
import subprocess
from pathlib import Path

from inspraak_dev import apt
from inspraak_dev.errors import StackError
from inspraak_dev.programs import CACHE, kept

FETCHED = CACHE / "promtool"


def find() -> Path:
    """Where promtool is; fetches it once (19 MB). `StackError` with what to do where that is not possible."""
    on_path = shutil.which("promtool")
    return Path(on_path) if on_path else kept(FETCHED, _fetch)


def _fetch(folder: Path) -> Path:
    try:
        package = apt.download("prometheus", folder)
        subprocess.run(["dpkg", "-x", package, folder / "unpacked"], check=True, capture_output=True)
    except (StackError, subprocess.CalledProcessError) as error:
        raise StackError(
            "the alert rules cannot be checked without promtool, which Debian has in its package `prometheus`: "
            f"put it on PATH ({error})"
        ) from error
    return folder / "unpacked/usr/bin/promtool"
