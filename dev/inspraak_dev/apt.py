"""Installing what is missing with apt, so that it installs programs and starts nothing, now or at the next boot.

Standard library only: `bootstrap` runs this before anything else is there; `python3 -m inspraak_dev.apt` installs all.
Debian's packages start their servers when they are installed, unless `/usr/sbin/policy-rc.d` forbids it
(invoke-rc.d(8)). For the time of the installation we put one there, and put back what was there before.
"""

import contextlib
import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from inspraak_dev.errors import StackError

POLICY = Path("/usr/sbin/policy-rc.d")
INIT, UNITS = Path("/etc/init.d"), Path("/lib/systemd/system")
LOCK = Path("/run/lock/inspraak-apt.lock")
MARK = "# Put here by Inspraak while it installs programs with apt; taken away afterwards."
FORBID_ALL = f"#!/bin/sh\n{MARK}\nexit 101\n"
EVERYTHING = ("python3-venv", "postgresql", "rabbitmq-server", "redis-server", "chromium", "fonts-dejavu-core")
SERVICES = ("postgresql", "rabbitmq-server", "redis-server", "epmd")
AS_ROOT = f"env PYTHONPATH={Path(__file__).parents[1]} python3 -m inspraak_dev.apt"
QUIET = {
    "DEBIAN_FRONTEND": "noninteractive",
    "NEEDRESTART_SUSPEND": "1",  # Ubuntu's needrestart would restart servers that have nothing to do with us
}


def install(packages: Sequence[str]) -> None:
    """Install Debian packages, saying so first; who is not root is told the one line that installs all there is.

    `StackError` when this is no Debian or Ubuntu, when we are not root, when apt fails.
    """
    names = " ".join(packages)
    if not shutil.which("apt-get") or not Path("/etc/debian_version").exists():
        raise StackError(f"missing programs; install what Debian calls: {names}")
    if os.geteuid() != 0:
        raise StackError(f"missing programs ({names}); run this once as root, then try again:\n\n    {AS_ROOT}\n")
    print(f"installing with apt: {names} (nothing is started system-wide)", flush=True)
    with _alone(), nothing_starts():
        known = _services()
        _apt("update")
        _apt("install", "--yes", "--no-install-recommends", "-o", "Dpkg::Options::=--force-confold", *packages)
        for service in sorted(_services() - known):
            disable(service)


def download(package: str, folder: Path) -> Path:
    """Fetch a package's file into a folder without installing it; root is needed only where apt has no lists yet.

    `StackError` when this is no Debian or Ubuntu, or apt does not get it.
    """
    if not shutil.which("apt-get") or not shutil.which("dpkg"):
        raise StackError(f"no Debian or Ubuntu: {package} is not fetched here")
    try:
        _apt("download", package, folder=folder)
    except StackError:
        if os.geteuid() != 0:
            raise
        with _alone():
            _apt("update")
        _apt("download", package, folder=folder)
    return next(folder.glob(f"{package}_*.deb"))


def _services() -> set[str]:
    """Those of `SERVICES` that this machine has."""
    return {name for name in SERVICES if (INIT / name).exists() or (UNITS / f"{name}.service").exists()}


def disable(service: str) -> None:
    """Let the machine not start a service at its next boot that is there only since we installed its package."""
    units = [unit for unit in (f"{service}.service", f"{service}.socket") if (UNITS / unit).exists()]
    commands = [["systemctl", "disable", unit] for unit in units if shutil.which("systemctl")]
    if (INIT / service).exists():
        commands.append(["update-rc.d", service, "disable"])
    for command in commands:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise StackError(f"{' '.join(command)} failed: {done.stderr.strip()}")


@contextlib.contextmanager
def nothing_starts(policy: Path = POLICY) -> Iterator[None]:
    """Forbid packages to start servers for the length of a block; then restore the policy that was there."""
    restore(policy)
    saved = _saved(policy)
    if os.path.lexists(policy):
        policy.rename(saved)
    try:
        draft = policy.with_name(f"{policy.name}.inspraak-draft")
        draft.write_text(FORBID_ALL)
        draft.chmod(0o755)
        draft.rename(policy)
        yield
    finally:
        restore(policy)


def restore(policy: Path = POLICY) -> None:
    """Put back the policy that was there before us; does nothing when ours is not there.

    Also after a run that was killed in the middle: every command that starts the stack calls this.
    """
    saved = _saved(policy)
    ours = policy.is_file() and MARK in policy.read_text(errors="replace")
    if os.path.lexists(saved) and (ours or not os.path.lexists(policy)):
        saved.rename(policy)
    elif ours:
        policy.unlink()


def restore_after_a_kill() -> None:
    """What `restore` does, unless an installation is under way."""
    if os.geteuid() == 0 and POLICY.is_file() and MARK in POLICY.read_text(errors="replace"):
        with _alone():
            restore()


def _saved(policy: Path) -> Path:
    return policy.with_name(f"{policy.name}.before-inspraak")


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    with LOCK.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _apt(*arguments: str, folder: Path | None = None) -> None:
    command = ["apt-get", "-q", "-o", "DPkg::Lock::Timeout=300", *arguments]
    with tempfile.TemporaryFile("w+") as said:
        code = _unbroken(command, said.fileno(), folder)
        if code:
            said.seek(0)
            last = "\n    ".join(said.read().strip().splitlines()[-8:])
            raise StackError(f"apt-get {arguments[0]} failed:\n    {last}")


def _unbroken(command: Sequence[str], output: int, folder: Path | None) -> int:
    """Run to the end even when we are interrupted: packages that are half configured are worse than waiting."""
    environment = {**os.environ, **QUIET}
    child = subprocess.Popen(
        command,
        env=environment,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        start_new_session=True,
    )
    try:
        return child.wait()
    except BaseException:
        print("interrupted: letting apt finish what it is at", flush=True)
        child.wait()
        raise


if __name__ == "__main__":
    try:
        install(EVERYTHING)
    except StackError as error:
        sys.exit(f"inspraak: {error}")
