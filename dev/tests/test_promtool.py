"""Where promtool comes from, and what is said where it cannot come."""

from pathlib import Path

import pytest
from inspraak_dev.errors import StackError
from inspraak_dev.programs import promtool


@pytest.fixture(autouse=True)
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No program is on PATH, none was fetched."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(promtool, "FETCHED", tmp_path / "cache" / "promtool")
    return tmp_path


def test_the_one_on_path_is_taken_and_nothing_is_fetched(empty: Path) -> None:
    program = empty / "promtool"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    assert promtool.find() == program
    assert not promtool.FETCHED.parent.exists()


def test_one_that_was_fetched_is_not_fetched_again() -> None:
    promtool.FETCHED.parent.mkdir()
    promtool.FETCHED.write_text("fetched before")
    assert promtool.find().read_text() == "fetched before"


def test_where_it_cannot_be_fetched_it_is_said_what_to_do_and_nothing_half_fetched_stays() -> None:
    with pytest.raises(StackError, match=r"without promtool, .* put it on PATH \(no Debian or Ubuntu"):
        promtool.find()
    assert [file.name for file in promtool.FETCHED.parent.iterdir()] == ["promtool.lock"]
