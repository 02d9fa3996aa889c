"""From a bare machine to a synchronised environment: a virtual environment with uv in `.uv`, then `uv sync`.

Standard library only, run by the system's Python: `PYTHONPATH=dev python3 -m inspraak_dev.bootstrap`.
"""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

from inspraak_dev import apt
from inspraak_dev.errors import StackError

CLONE = Path(__file__).resolve().parents[2]
UV_VERSION = "0.13.9"
OLDEST = (3, 11)


def main() -> None:
    """Do what is missing; silent when nothing is."""
    try:
        check_python()
        uv = CLONE / ".uv/bin/uv"
        if not has_uv(uv):
            make_uv(uv)
        environment = {**os.environ, "UV_PYTHON_DOWNLOADS": "never"}
        run([str(uv), "sync", "--frozen", "--quiet", "--project", str(CLONE)], "uv sync", environment)
    except StackError as error:
        sys.exit(f"bootstrap: {error}")


def check_python() -> None:
    """Refuse a Python that is too old with a sentence instead of a syntax error."""
    if sys.version_info < OLDEST:
        found = ".".join(map(str, sys.version_info[:2]))
        raise StackError(f"Python {found} is too old: 3.11 or newer is needed; name one: make PYTHON=python3.12 …")


def has_uv(uv: Path) -> bool:
    """Whether the uv that the project is built with is there."""
    try:
        said = subprocess.run([str(uv), "--version"], capture_output=True, text=True, check=False).stdout
    except OSError:
        return False
    return UV_VERSION in said.split()


def make_uv(uv: Path) -> None:
    """Install uv from PyPI into the clone, and Debian's python3-venv before that where it is missing."""
    if importlib.util.find_spec("ensurepip") is None:
        apt.install(["python3-venv"])
    print(f"installing uv {UV_VERSION} into .uv and the libraries into .venv", flush=True)
    folder = uv.parents[1]
    run([sys.executable, "-m", "venv", "--clear", str(folder)], "python3 -m venv", {**os.environ})
    pip = [str(folder / "bin/python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    run([*pip, f"uv=={UV_VERSION}"], "pip install uv", {**os.environ})


def run(command: list[str], what: str, environment: dict[str, str]) -> None:
    """Run a step; a `StackError` with its name when it fails (it has said why itself)."""
    code = subprocess.run(command, env=environment, check=False).returncode
    if code:
        raise StackError(f"{what} failed (exit code {code})")


if __name__ == "__main__":
    main()
