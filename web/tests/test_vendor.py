import hashlib
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOCKS = [ROOT / "web/web/static/vendor/VENDOR.lock", ROOT / "tests/e2e/vendor/VENDOR.lock"]


@pytest.mark.parametrize("lock", LOCKS, ids=["web", "e2e"])
def test_vendored_files_are_the_ones_that_the_lock_lists(lock):
    listed = {}
    for entry in tomllib.loads(lock.read_text("utf-8"))["vendored"]:
        assert entry["name"]
        assert entry["version"]
        assert entry["licence"]
        assert entry["source"]
        listed |= entry["files"]
    files = {file for file in lock.parent.rglob("*") if file.is_file() and file != lock}
    found = {file.relative_to(lock.parent).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}
    assert found == listed


@pytest.mark.parametrize("lock", LOCKS, ids=["web", "e2e"])
def test_each_vendored_package_brings_its_licence(lock):
    for entry in tomllib.loads(lock.read_text("utf-8"))["vendored"]:
        assert any(Path(file).name.startswith("LICENSE") for file in entry["files"])
