"""The Makefile's promises: targets explain themselves, recipes are short, a bare Python can read the bootstrap."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from inspraak_dev import bootstrap
from inspraak_dev.cli import COMMANDS, parser
from inspraak_dev.errors import StackError
from inspraak_dev.stack.places import CLONE

MAKEFILE = (CLONE / "Makefile").read_text()
TARGETS = re.findall(r"^([a-z][a-z-]*):", MAKEFILE, re.MULTILINE)


def test_every_target_says_what_it_does() -> None:
    explained = re.findall(r"^([a-z-]+):.*## \w", MAKEFILE, re.MULTILINE)
    assert explained == TARGETS
    shown = subprocess.run(["make"], cwd=CLONE, capture_output=True, text=True, check=True).stdout
    assert re.findall(r"^  make ([a-z-]+) ", shown, re.MULTILINE) == TARGETS


def test_every_target_is_declared_as_no_file() -> None:
    declared = re.search(r"^\.PHONY: (.*)$", MAKEFILE, re.MULTILINE)
    assert declared is not None
    assert sorted(declared[1].split()) == sorted(TARGETS)


def test_recipes_have_one_or_two_lines() -> None:
    recipes = re.findall(r"((?:^\t.*\n)+)", MAKEFILE, re.MULTILINE)
    assert max(recipe.count("\n") for recipe in recipes) <= 2


def test_every_command_of_inspraak_that_the_makefile_runs_exists() -> None:
    used = set(re.findall(r"inspraak ([a-z-]+)", MAKEFILE))
    known = set(COMMANDS)
    for action in parser()._actions:
        if action.choices:
            known |= set(action.choices)
    assert used <= known, f"missing: {sorted(used - known)}"


def test_the_bootstrap_needs_nothing_but_the_standard_library() -> None:
    """`-S` and `-I` hide everything installed; the import is what `make bootstrap` does first."""
    code = f"import sys; sys.path.insert(0, {str(CLONE / 'dev')!r}); import inspraak_dev.bootstrap"
    subprocess.run([sys.executable, "-I", "-S", "-c", code], check=True)


def test_the_bootstrap_installs_the_uv_that_is_there(tmp_path: Path) -> None:
    assert bootstrap.has_uv(CLONE / ".uv/bin/uv")
    assert not bootstrap.has_uv(tmp_path / "uv")


def test_a_python_that_is_too_old_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 9, 2))
    with pytest.raises(StackError, match=r"Python 3\.9 is too old: 3.11 or newer"):
        bootstrap.check_python()


def test_ci_checks_everything_and_ends_with_the_tests() -> None:
    script = (CLONE / ".ci/run").read_text()
    assert "for check in lint types check-contracts" in script
    assert 'tests -m "not fault and not e2e" || failed=1\n' in script, "no second chance"
    assert script.rstrip().splitlines()[-2:] == [
        'tests -m "fault or e2e" || again -m "fault or e2e" || failed=1',
        "exit $failed",
    ]
