"""Tests that share something expensive run in one process."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from inspraak_dev.testgroups import scope_of
from inspraak_dev.testrun import PARALLEL

WORKER = """
import os, pathlib, pytest

@pytest.mark.parametrize("number", range(6))
def test_one(number):
    with pathlib.Path(os.environ["SEEN"]).open("a") as seen:
        seen.write(os.environ["PYTEST_XDIST_WORKER"] + " ")
"""


@pytest.mark.parametrize(
    ("nodeid", "scope"),
    [
        ("tests/e2e/test_pages.py::test_a[320-nl]", "tests/e2e/"),
        ("tests/integration/test_closing.py::test_b", "tests/integration/"),
        ("libs/chassis/tests/bus/test_faults.py::test_c[a::b]", "libs/chassis/tests/bus/test_faults.py"),
    ],
)
def test_a_folder_that_shares_a_platform_is_one_group_and_else_a_file_is(nodeid: str, scope: str) -> None:
    assert scope_of(nodeid) == scope


def test_every_file_runs_in_one_process_and_two_run_side_by_side(tmp_path: Path) -> None:
    for name in ("test_one.py", "test_two.py"):
        (tmp_path / name).write_text(WORKER)
    seen = tmp_path / "seen"
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_XDIST")}
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "xdist", *PARALLEL, "-c", os.devnull, "--rootdir=.", "."],
        cwd=tmp_path,
        env=kept | {"SEEN": str(seen), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    workers = seen.read_text().split()
    assert {workers.count("gw0"), workers.count("gw1")} == {6}
