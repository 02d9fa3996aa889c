"""`compose.yaml`, checked without an engine, and what the stack says to an engine where one answers."""

import os
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from inspraak_dev.stack import Stack, StackError, containers
from inspraak_dev.stack.places import CLONE
from inspraak_dev.stack.postgres import SETTINGS
from inspraak_dev.stack.stack import ADDRESSES

ENGINE = """#!/bin/sh
case "$1" in info) exit {info};; esac
case "$2" in version) exit {compose};; esac
echo "$@" >> {folder}/said
echo "$INSPRAAK_COMPOSE_POSTGRES_PORT $INSPRAAK_COMPOSE_REDIS_PASSWORD" >> {folder}/told
exit {code}
"""


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((CLONE / "compose.yaml").read_text())
    return found


def an_engine(folder: Path, monkeypatch: pytest.MonkeyPatch, *, info: int = 0, compose: int = 0, code: int = 0) -> None:
    """A program called docker that notes what it is told."""
    program = folder / "docker"
    program.write_text(ENGINE.format(folder=folder, info=info, compose=compose, code=code))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    monkeypatch.setattr(containers, "ENGINES", ("docker",))


def test_it_has_the_servers_of_the_stack_and_no_other(compose: dict[str, Any]) -> None:
    assert set(compose["services"]) == set(ADDRESSES)


def test_every_variable_is_told_by_the_stack_and_every_told_one_is_used(stack: Stack) -> None:
    used = set(re.findall(r"\$\{(\w+)", (CLONE / "compose.yaml").read_text()))
    assert used == set(containers.Compose(stack.place, stack.state).variables())


def test_ports_are_published_on_loopback_only(compose: dict[str, Any]) -> None:
    assert all(port.startswith("127.0.0.1:") for service in compose["services"].values() for port in service["ports"])


def test_postgresql_is_as_durable_there_as_here(compose: dict[str, Any]) -> None:
    command = compose["services"]["postgres"]["command"]
    for name in ("fsync", "synchronous_commit", "max_connections", "shared_buffers"):
        assert f"{name}={SETTINGS[name]}" in command


def test_every_image_names_its_version(compose: dict[str, Any]) -> None:
    assert all(re.search(r":\d", service["image"]) for service in compose["services"].values())


def test_every_volume_is_declared(compose: dict[str, Any]) -> None:
    mounts = [mount for service in compose["services"].values() for mount in service.get("volumes", [])]
    used = {mount.partition(":")[0] for mount in mounts}
    assert used == set(compose["volumes"])


def test_an_engine_that_does_not_answer_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    an_engine(tmp_path, monkeypatch, info=1)
    assert containers.engine() is None


def test_an_engine_without_compose_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    an_engine(tmp_path, monkeypatch, compose=1)
    assert containers.engine() is None


def test_an_engine_that_hangs_is_none_after_some_seconds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "docker").write_text("#!/bin/sh\nexec sleep 600\n")
    (tmp_path / "docker").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(containers, "ENGINES", ("docker",))
    monkeypatch.setattr(containers, "ANSWERS_WITHIN", 0.2)
    assert containers.engine() is None


def test_where_an_engine_answers_the_servers_are_its_containers(
    stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    an_engine(tmp_path, monkeypatch)
    for variable in ADDRESSES.values():
        monkeypatch.delenv(variable)
    stack.choose()
    for name in ADDRESSES:
        stack.start_server(name)
        stack.kill_server(name)
    project = f"compose --file {CLONE}/compose.yaml --project-name inspraak-{stack.place.folder.parent.name}"
    said = (tmp_path / "said").read_text().splitlines()
    assert said[0] == f"{project}-{stack.place.instance} up --detach postgres"
    assert said[1].endswith("kill --signal SIGKILL postgres")
    told = (tmp_path / "told").read_text().splitlines()[-1]
    assert told == f"{stack.state.ports['postgres']} {stack.state.secrets['redis']}"
    assert stack.urls()["INSPRAAK_REDIS_URL"].endswith(f"@127.0.0.1:{stack.state.ports['redis']}/0")


def test_what_the_engine_refuses_is_told(stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    an_engine(tmp_path, monkeypatch, code=1)
    for variable in ADDRESSES.values():
        monkeypatch.delenv(variable)
    stack.choose()
    with pytest.raises(StackError, match="compose up failed"):
        stack.start_server("postgres")
    stack.state.sources.clear()
    stack.save()
