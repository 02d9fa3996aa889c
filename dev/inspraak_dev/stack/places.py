"""Where an instance of the stack keeps its data: outside the clone, in a folder that the servers' users can reach.

PostgreSQL and RabbitMQ run as users of their own when root starts them, and a clone under a home of mode 0700 is
unreachable for them. Each clone has its own folder, so that two clones on one machine never meet.
"""

import hashlib
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from inspraak_dev.errors import StackError

CLONE = Path(__file__).resolve().parents[3]
LARGE_LOG = 5 * 1024 * 1024
MINIMUM_FREE = 500 * 1024 * 1024  # bytes: a new PostgreSQL, RabbitMQ's log segments and a demo


@dataclass(frozen=True)
class Place:
    """The folder of one instance of one clone."""

    instance: str
    folder: Path

    @property
    def state_file(self) -> Path:
        """What runs, on which ports, with which secrets."""
        return self.folder / "state.json"

    @property
    def lock_file(self) -> Path:
        """Held while a command changes the instance."""
        return self.folder / "lock"

    def data(self, server: str) -> Path:
        """A server's data folder."""
        return self.folder / server

    def log(self, name: str) -> Path:
        """Where a process writes what it has to say."""
        return self.folder / "logs" / f"{name}.log"

    def make(self) -> None:
        """Make the folder; a `StackError` when that fails or when the disk is nearly full."""
        try:
            self.folder.mkdir(mode=0o755, parents=True, exist_ok=True)
            logs = self.log("").parent
            logs.mkdir(mode=0o700, exist_ok=True)
            logs.chmod(0o700)  # one of an earlier version too; the servers' users get their log opened
        except OSError as error:
            raise StackError(
                f"the data folder {self.folder} cannot be made ({error.strerror}); name another in INSPRAAK_DATA_FOLDER"
            ) from error
        self.check_space()

    def rotate(self, name: str) -> None:
        """Put a log that has grown large aside before its process starts again."""
        log = self.log(name)
        if log.exists() and log.stat().st_size > LARGE_LOG:
            log.replace(log.with_suffix(".log.1"))

    def check_space(self) -> None:
        """Refuse to start on a disk that is nearly full: PostgreSQL would stop in the middle of a vote."""
        free = shutil.disk_usage(self.folder).free
        if free < MINIMUM_FREE:
            raise StackError(
                f"the disk of {self.folder} is nearly full: {free // 1024**2} MB free, "
                f"{MINIMUM_FREE // 1024**2} MB needed; make room or name another folder in INSPRAAK_DATA_FOLDER"
            )

    def check_reachable(self, user: str | None) -> None:
        """Refuse a folder that a server's user cannot traverse."""
        if user is None:
            return
        seen = subprocess.run(["/usr/bin/test", "-x", self.folder], user=user, extra_groups=[], check=False)
        if seen.returncode:
            raise StackError(
                f"the user {user} cannot reach the data folder {self.folder}: every folder above it must let others "
                "pass (chmod o+x); or name another in INSPRAAK_DATA_FOLDER"
            )


def place_of(instance: str, clone: Path = CLONE) -> Place:
    """The folder of an instance: `INSPRAAK_DATA_FOLDER`, else under /var/lib for root and the user's state folder."""
    named = os.environ.get("INSPRAAK_DATA_FOLDER")
    if named:
        base = Path(named).absolute()
    elif os.geteuid() == 0:
        base = Path("/var/lib/inspraak-dev")
    else:
        base = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local/state") / "inspraak"
    return Place(instance, base / hashlib.sha256(str(clone).encode()).hexdigest()[:10] / instance)
