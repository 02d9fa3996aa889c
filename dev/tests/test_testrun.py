"""`inspraak test`: servers of its own for pytest, pytest's exit code, and nothing left, also after ctrl-C or a kill."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from chassis.testing import Servers
from inspraak_dev import testrun
from inspraak_dev.stack import containers, processes
from inspraak_dev.stack.places import Place, place_of
from inspraak_dev.stack.stack import ADDRESSES

pytestmark = [
    pytest.mark.fault,
    pytest.mark.skipif(containers.engine() is not None, reason="an engine answers: the servers are containers"),
]
INSPRAAK = Path(sys.executable).with_name("inspraak")
ONE_TEST = """
import os, pathlib, time

def test_one():
    pathlib.Path(os.environ["SEEN"]).write_text(os.environ["INSPRAAK_REDIS_URL"])
    {body}
"""


@pytest.fixture
def environment(servers: Servers, tmp_path: Path, open_folder: Path) -> dict[str, str]:
    """Two addresses given, so that only Redis is started, the fastest; data in a folder of the test's own."""
    kept = {name: value for name, value in os.environ.items() if name not in ADDRESSES.values()}
    kept.pop("PYTEST_XDIST_WORKER", None)
    kept |= {"INSPRAAK_POSTGRES_URL": servers.postgres_url, "INSPRAAK_AMQP_URL": servers.amqp_url}
    return kept | {"SEEN": str(tmp_path / "seen"), "INSPRAAK_DATA_FOLDER": str(open_folder)}


def started(environment: dict[str, str], tmp_path: Path, body: str) -> "subprocess.Popen[str]":
    """`inspraak test` on one test, in a process group of its own so that ctrl-C reaches all of it."""
    file = tmp_path / "test_one.py"
    file.write_text(ONE_TEST.format(body=body))
    command = [str(INSPRAAK), "test", "-n", "0", "-p", "no:cacheprovider", "--rootdir", str(tmp_path), str(file)]
    return subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )


def place(environment: dict[str, str], pid: int) -> Place:
    folder = next(Path(environment["INSPRAAK_DATA_FOLDER"]).iterdir())
    return Place(f"test-{pid}", folder / f"test-{pid}")


def wait_for(path: Path, child: "subprocess.Popen[str]") -> None:
    deadline = time.monotonic() + 120
    while not path.exists():
        assert child.poll() is None, child.communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(0.1)


def nothing_left(where: Place) -> bool:
    return not where.folder.exists() and processes.strays(where.folder, []) == []


@pytest.mark.parametrize(("body", "code"), [("pass", 0), ("assert False", 1)])
def test_the_exit_code_and_the_last_line_are_pytests(
    environment: dict[str, str], tmp_path: Path, body: str, code: int
) -> None:
    child = started(environment, tmp_path, body)
    said, _ = child.communicate(timeout=240)
    assert child.returncode == code, said
    assert ("1 passed" if code == 0 else "1 failed") in said.rstrip().splitlines()[-1]
    assert (tmp_path / "seen").read_text().startswith("redis://")
    assert nothing_left(place(environment, child.pid))


def test_nothing_is_left_after_ctrl_c(environment: dict[str, str], tmp_path: Path) -> None:
    child = started(environment, tmp_path, "time.sleep(600)")
    wait_for(tmp_path / "seen", child)
    os.killpg(child.pid, signal.SIGINT)
    child.communicate(timeout=120)
    assert child.returncode != 0
    assert nothing_left(place(environment, child.pid))


def test_the_next_run_cleans_up_after_one_that_was_killed(
    environment: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    child = started(environment, tmp_path, "time.sleep(600)")
    wait_for(tmp_path / "seen", child)
    os.killpg(child.pid, signal.SIGKILL)
    child.communicate(timeout=60)
    where = place(environment, child.pid)
    assert where.folder.exists()
    monkeypatch.setenv("INSPRAAK_DATA_FOLDER", environment["INSPRAAK_DATA_FOLDER"])
    assert place_of(where.instance) == where
    testrun.clean_up_after_killed_runs()
    assert nothing_left(where)
