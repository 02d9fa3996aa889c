"""What the documents promise is there."""

import re
from pathlib import Path

from inspraak_dev import documents

ROOT = Path(__file__).parents[2]
FOLDERS = ("libs", "services", "gateway", "web", "dev", "tests", "deploy")


def test_every_invariant_names_a_test_that_exists():
    named = set(re.findall(r"`(test_\w+)`", (ROOT / "docs" / "architecture.md").read_text("utf-8")))
    files = [file for folder in FOLDERS for file in (ROOT / folder).rglob("test_*.py")]
    there = {name for file in files for name in re.findall(r"def (test_\w+)\(", file.read_text("utf-8"))}
    assert len(named) > 40
    assert named <= there, named - there


def test_the_committed_documents_are_what_the_code_makes():
    assert documents.check(ROOT) == 0


def test_a_document_that_is_not_up_to_date_is_told(tmp_path, capsys):
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "openapi.json").write_text("{}")
    assert documents.check(tmp_path) == 1
    assert "docs/openapi.json is not up to date: make contracts" in capsys.readouterr().out
