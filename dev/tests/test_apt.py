"""The policy that keeps apt from starting servers: put there, obeyed, and always taken away again."""

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from inspraak_dev import apt
from inspraak_dev.errors import StackError

THEIRS = "#!/bin/sh\n# the administrator's own\nexit 104\n"


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    return tmp_path / "policy-rc.d"


def forbids(policy: Path) -> bool:
    """As invoke-rc.d asks: exit code 101 is "action forbidden"."""
    return subprocess.run([policy, "rabbitmq-server", "start"], check=False).returncode == 101


def test_nothing_starts_while_packages_are_installed_and_no_policy_is_left(policy: Path) -> None:
    with apt.nothing_starts(policy):
        assert forbids(policy)
    assert list(policy.parent.iterdir()) == []


def test_a_policy_that_was_there_is_put_back_as_it_was(policy: Path) -> None:
    policy.write_text(THEIRS)
    policy.chmod(0o750)
    with apt.nothing_starts(policy):
        assert forbids(policy)
    assert policy.read_text() == THEIRS
    assert stat.S_IMODE(policy.stat().st_mode) == 0o750
    assert list(policy.parent.iterdir()) == [policy]


def test_the_policy_is_put_back_when_the_installation_fails(policy: Path) -> None:
    policy.write_text(THEIRS)
    with pytest.raises(StackError), apt.nothing_starts(policy):
        raise StackError("apt-get install failed")
    assert policy.read_text() == THEIRS


@pytest.mark.parametrize("before", [None, THEIRS])
def test_the_policy_of_a_killed_installation_is_put_back_by_the_next_command(policy: Path, before: str | None) -> None:
    if before:
        policy.write_text(before)
    code = (
        "import os, pathlib, signal, sys; from inspraak_dev import apt\n"
        "with apt.nothing_starts(pathlib.Path(sys.argv[1])): os.kill(os.getpid(), signal.SIGKILL)"
    )
    killed = subprocess.run([sys.executable, "-c", code, str(policy)], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert forbids(policy)
    apt.restore(policy)
    assert (policy.read_text() if before else None) == before
    assert policy.exists() == bool(before)
    assert len(list(policy.parent.iterdir())) == bool(before)


def test_restoring_leaves_a_policy_alone_that_is_not_ours(policy: Path) -> None:
    policy.write_text(THEIRS)
    apt.restore(policy)
    assert policy.read_text() == THEIRS


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may become another user")
def test_who_is_not_root_is_told_the_one_line_to_run(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    code = "from inspraak_dev import apt; apt.install(['redis-server'])"
    environment = {**os.environ, "PYTHONPATH": str(Path(apt.__file__).parents[1])}
    asked = subprocess.run(
        ["/usr/bin/env", "python3", "-c", code],
        env=environment,
        user="nobody",
        capture_output=True,
        text=True,
        check=False,
    )
    if "ModuleNotFoundError" in asked.stderr or "Permission denied" in asked.stderr:
        pytest.skip("the clone or Python is in a folder that other users cannot reach")
    assert asked.returncode != 0
    assert "missing programs (redis-server); run this once as root, then try again:" in asked.stderr
    assert "-m inspraak_dev.apt" in asked.stderr
