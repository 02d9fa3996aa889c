"""What an instance remembers between commands: ports, secrets, what runs. One file, readable by its owner only."""

import contextlib
import fcntl
import json
import os
import secrets
import time
from collections.abc import Iterator
from typing import TextIO

from pydantic import BaseModel, ValidationError

from inspraak_dev.errors import StackError
from inspraak_dev.stack.places import Place
from inspraak_dev.stack.ports import free_port
from inspraak_dev.stack.processes import Running

LOCK_WAIT = 600.0  # seconds: a first `make up` may install servers


class State(BaseModel):
    """The memory of one instance."""

    clone: str
    instance: str
    ports: dict[str, int] = {}
    secrets: dict[str, str] = {}
    sources: dict[str, str] = {}
    """Where each server comes from: an address of the environment, `compose` or `own`."""
    processes: dict[str, Running] = {}
    claims: dict[str, list[str]] = {}
    """On which PostgreSQL that was given (its address) we made which databases."""

    def port(self, name: str) -> int:
        """The port with this name, chosen the first time it is asked for."""
        if name not in self.ports:
            self.ports[name] = free_port(set(self.ports.values()))
        return self.ports[name]

    def secret(self, name: str) -> str:
        """The secret with this name: 32 random bytes in base64url, fit for a key and for a password."""
        return self.secrets.setdefault(name, secrets.token_urlsafe(32))

    def running(self, name: str) -> Running | None:
        """The process with this name if it runs."""
        found = self.processes.get(name)
        return found if found and found.alive else None


def load(place: Place, clone: str) -> State:
    """What the instance remembers, or a new memory; processes that ended meanwhile are forgotten."""
    try:
        state = State.model_validate_json(place.state_file.read_bytes())
    except FileNotFoundError:
        return State(clone=clone, instance=place.instance)
    except OSError as error:
        raise StackError(f"{place.state_file} cannot be read: {error.strerror}") from error
    except ValidationError as error:
        raise StackError(f"{place.state_file} cannot be read, it is damaged; `make reset` starts anew") from error
    state.processes = {name: one for name, one in state.processes.items() if one.alive}
    return state


def save(place: Place, state: State) -> None:
    """Write the memory at once or not at all."""
    draft = place.state_file.with_suffix(".tmp")
    try:
        with contextlib.suppress(FileNotFoundError):
            draft.unlink()
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w") as file:
            json.dump(state.model_dump(mode="json"), file, indent=1)
            file.flush()
            os.fsync(handle)
        draft.replace(place.state_file)
    except OSError as error:
        raise StackError(f"{place.state_file} cannot be written: {error.strerror}") from error


@contextlib.contextmanager
def locked(place: Place) -> Iterator[None]:
    """Keep other commands on this instance waiting for the length of a block."""
    deadline = time.monotonic() + LOCK_WAIT
    told = False
    while (file := try_lock(place)) is None:
        if time.monotonic() > deadline:
            raise StackError(f"another command has held {place.lock_file} for {LOCK_WAIT:.0f} s")
        if not told:
            print("another command is at work on this stack: waiting for it", flush=True)
            told = True
        time.sleep(0.2)
    with file:
        yield


def try_lock(place: Place) -> TextIO | None:
    """The lock, held until it is closed; None when another command has it."""
    place.make()
    file = place.lock_file.open("a")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(os.fstat(file.fileno()), place.lock_file.stat()):
            return file
    except (BlockingIOError, FileNotFoundError):
        pass  # held, or deleted with its folder by a `reset` that we waited for
    file.close()
    return None


def set_aside_if_damaged(place: Place) -> None:
    """Before a reset: a memory that cannot be read must not keep the stack from starting anew."""
    try:
        State.model_validate_json(place.state_file.read_bytes())
    except FileNotFoundError:
        return
    except ValidationError:
        place.state_file.replace(place.state_file.with_suffix(".damaged"))
