"""Where promtool comes from, and what is said where it cannot come."""

from pathlib import Path

import pytest
from inspraak_dev.errors import StackError
from inspraak_dev.observability import promtool


def test_the_one_on_path_is_taken_and_nothing_is_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "promtool"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert promtool.find(tmp_path / "cache" / "promtool") == program
    assert not (tmp_path / "cache").exists()


def test_one_that_was_fetched_is_not_fetched_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = tmp_path / "promtool.kept"
    kept.write_text("fetched before")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert promtool.find(kept) == kept


def test_where_it_cannot_be_fetched_it_is_said_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(StackError, match=r"without promtool, .* put it on PATH \(no Debian or Ubuntu"):
        promtool.find(tmp_path / "promtool.kept")
    assert [file.name for file in tmp_path.iterdir()] == ["promtool.lock"], "nothing half fetched stays"
