"""`make test`: real servers of its own, pytest, and nothing left running, whatever happens.

Prints nothing after pytest: its summary is the last line.
"""

import os
import shutil
import signal
import subprocess
import sys

from inspraak_dev import apt
from inspraak_dev.commands import BROWSER
from inspraak_dev.stack import containers, processes
from inspraak_dev.stack.places import CLONE, place_of
from inspraak_dev.stack.stack import ADDRESSES, Stack, servers
from inspraak_dev.stack.state import try_lock

ENDS_WITHIN = 60.0
PARALLEL = ("-n", "2", "--dist", "loadscope", "--no-loadscope-reorder", "-p", "inspraak_dev.testgroups")


def main(arguments: list[str]) -> int:
    """Run pytest with these arguments; gives its exit code."""
    clean_up_after_killed_runs()
    install_browser()
    if all(os.environ.get(variable) for variable in ADDRESSES.values()) or containers.engine():
        return pytest(arguments, {})  # the plugin's one fixture decides: these addresses, or containers of its own
    with servers(f"test-{os.getpid()}") as stack:
        return pytest(arguments, stack.urls())


def pytest(arguments: list[str], addresses: dict[str, str]) -> int:
    """Run pytest to its end; when interrupted, let it clean up before we do."""
    command = [sys.executable, "-m", "pytest", *PARALLEL, *arguments]
    sys.stdout.flush()
    child = subprocess.Popen(command, cwd=CLONE, env={**os.environ, **addresses}, stdin=subprocess.DEVNULL)
    try:
        return child.wait()
    except BaseException:
        with processes.undisturbed():
            child.send_signal(signal.SIGINT)
            try:
                child.wait(ENDS_WITHIN)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        raise


def install_browser() -> None:
    """The end-to-end tests drive Debian's Chromium."""
    if not (shutil.which("chromium") or shutil.which("chromium-browser")):
        apt.install(BROWSER)


def clean_up_after_killed_runs() -> None:
    """End and delete the servers of earlier runs whose command is gone: nobody holds their lock."""
    for folder in place_of("test").folder.parent.glob("test-*"):
        lock = try_lock(place_of(folder.name))
        if lock is None:
            continue
        with lock:
            stale = Stack(folder.name)
            stale.end(set(stale.state.processes))
            stale.end_strays()
            stale.delete()
