"""`make up` and `make down` with real processes on real servers: nothing half-started, nothing forgotten."""

import os
import signal
import socket
import stat
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from inspraak_dev.stack import Stack, StackError, lifecycle, processes, status
from inspraak_dev.stack.state import save
from inspraak_dev.stack.table import Process

INSPRAAK = Path(sys.executable).with_name("inspraak")
Table = tuple[Process, ...]


def silently(_: str) -> None:
    """For calls whose words a test does not read."""


def pids(stack: Stack) -> dict[str, int]:
    return {name: running.pid for name, running in stack.state.processes.items()}


def alive_of(stack: Stack) -> list[processes.Running]:
    """Everything on this machine that carries the instance's mark."""
    return processes.strays(stack.place.folder, [])


def test_up_starts_all_processes_and_says_ready_and_where(stack: Stack, table: Table) -> None:
    said: list[str] = []
    lifecycle.up(stack, table=table, tell=said.append)
    assert said[-1].startswith("ready\n")
    assert f":{os.environ['INSPRAAK_HTTP_PORT']}" in said[-1]
    assert {row[3] for row in status.rows(stack, table)} == {"given by the environment", "ready"}


def test_a_second_up_changes_nothing(stack: Stack, table: Table) -> None:
    lifecycle.up(stack, table=table, tell=silently)
    before = pids(stack)
    said: list[str] = []
    lifecycle.up(Stack(stack.place.instance), table=table, tell=said.append)
    again = Stack(stack.place.instance)
    assert pids(again) == before
    assert [text.splitlines()[0] for text in said] == ["ready"]


def test_two_ups_at_once_start_everything_once(stack: Stack, table: Table) -> None:
    both = [Stack(stack.place.instance), Stack(stack.place.instance)]
    threads = [threading.Thread(target=lifecycle.up, args=(one,), kwargs={"table": table}) for one in both]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert pids(both[0]) == pids(both[1])
    assert sorted(one.pid for one in alive_of(stack)) == sorted(pids(both[0]).values())


def test_down_ends_every_process_and_a_second_down_finds_nothing(stack: Stack, table: Table) -> None:
    lifecycle.up(stack, table=table, tell=silently)
    assert lifecycle.down(stack, table=table) == 2
    assert alive_of(stack) == []
    assert lifecycle.down(stack, table=table) == 0


def test_up_after_down_finds_the_same_secrets_and_ports(stack: Stack, table: Table) -> None:
    lifecycle.up(stack, table=table, tell=silently)
    before = stack.state.model_copy(deep=True)
    lifecycle.down(stack, table=table)
    lifecycle.up(stack, table=table, tell=silently)
    assert stack.state.secrets == before.secrets
    assert stack.state.ports == before.ports


def test_a_killed_process_is_started_again_and_the_others_stay(stack: Stack, table: Table, service: str) -> None:
    lifecycle.up(stack, table=table, tell=silently)
    before = pids(stack)
    processes.kill(stack.state.processes[service], signal.SIGKILL)
    lifecycle.up(stack, table=table, tell=silently)
    assert pids(stack)[service] != before[service]
    assert pids(stack)["gateway"] == before["gateway"]


def test_a_public_port_in_use_is_told_with_its_owner_and_nothing_is_started(stack: Stack, table: Table) -> None:
    taken = ("127.0.0.1", int(os.environ["INSPRAAK_HTTP_PORT"]))
    with socket.create_server(taken), pytest.raises(StackError) as refused:
        lifecycle.up(stack, table=table, tell=silently)
    assert f"in use by pid {os.getpid()}" in str(refused.value)
    assert "INSPRAAK_HTTP_PORT=" in str(refused.value)
    assert alive_of(stack) == []


def test_another_port_than_the_running_one_is_refused_and_the_stack_goes_on(
    stack: Stack, table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    lifecycle.up(stack, table=table, tell=silently)
    before = pids(stack)
    monkeypatch.setenv("INSPRAAK_HTTP_PORT", "8099")
    with pytest.raises(StackError, match="runs on port"):
        lifecycle.up(stack, table=table, tell=silently)
    assert pids(stack) == before


@pytest.mark.parametrize("port", ["eighty", "99999", "-1"])
def test_what_is_no_port_is_refused(stack: Stack, table: Table, monkeypatch: pytest.MonkeyPatch, port: str) -> None:
    monkeypatch.setenv("INSPRAAK_HTTP_PORT", port)
    with pytest.raises(StackError, match="a port is a number up to 65535"):
        lifecycle.up(stack, table=table, tell=silently)


def test_a_private_port_that_another_program_took_is_replaced(stack: Stack, table: Table, service: str) -> None:
    lifecycle.up(stack, table=table, tell=silently)
    lifecycle.down(stack, table=table)
    taken = stack.state.ports[service]
    with socket.create_server(("127.0.0.1", taken)):
        lifecycle.up(stack, table=table, tell=silently)
    assert stack.state.ports[service] != taken


def test_a_process_that_ends_while_starting_is_quoted_and_everything_is_ended(stack: Stack, table: Table) -> None:
    broken = replace(table[1], command=(table[1].command[0], "broken"))
    with pytest.raises(StackError, match=r"gateway ended while starting(.|\n)*upside down"):
        lifecycle.up(stack, table=(table[0], broken), tell=silently)
    assert alive_of(stack) == []
    assert pids(Stack(stack.place.instance)) == {}


def test_a_process_that_never_gets_ready_is_told_after_the_deadline(
    stack: Stack, table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lifecycle, "READY_WITHIN", 1.0)
    unready = replace(table[0], command=(table[0].command[0], "unready"))
    with pytest.raises(StackError, match="is not ready after 1 s: /readyz says 503: not today"):
        lifecycle.up(stack, table=(unready,), tell=silently)
    assert alive_of(stack) == []


def test_a_program_that_was_never_installed_is_told_before_anything_starts(stack: Stack, table: Table) -> None:
    absent = Process("surveys", ("surveys", "all"))
    with pytest.raises(StackError, match=r"surveys: no program surveys in .*make bootstrap"):
        lifecycle.up(stack, table=(*table, absent), tell=silently)
    assert alive_of(stack) == []


def test_what_ran_before_a_failed_up_goes_on_running(stack: Stack, table: Table, service: str) -> None:
    lifecycle.up(stack, table=table[:1], tell=silently)
    before = pids(stack)
    broken = replace(table[1], command=(table[1].command[0], "broken"))
    with pytest.raises(StackError):
        lifecycle.up(stack, table=(table[0], broken), tell=silently)
    assert pids(stack) == before
    assert stack.state.processes[service].alive


def test_a_remembered_pid_that_is_now_somebody_elses_is_never_signalled(stack: Stack, table: Table) -> None:
    lifecycle.up(stack, table=table, tell=silently)
    lifecycle.down(stack, table=table)
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]) as innocent:
        ours = processes.Running(pid=innocent.pid, started="a boot long ago:1", log=stack.place.log("voting"))
        stack.state.processes = {"gateway": ours}
        save(stack.place, stack.state)
        lifecycle.down(stack, table=table)
        lifecycle.up(stack, table=table, tell=silently)
        assert innocent.poll() is None
        innocent.kill()


def test_a_process_that_a_killed_command_left_behind_is_ended(stack: Stack, table: Table, service: str) -> None:
    lifecycle.up(stack, table=table, tell=silently)
    forgotten = stack.state.processes.pop(service)
    save(stack.place, stack.state)
    said: list[str] = []
    lifecycle.up(stack, table=table, tell=said.append)
    assert "ended 1 processes that an interrupted command had left behind" in said
    assert not forgotten.alive
    lifecycle.down(stack, table=table)
    assert alive_of(stack) == []


def test_the_memory_is_readable_by_its_owner_only(stack: Stack, table: Table) -> None:
    lifecycle.up(stack, table=table, tell=silently)
    assert stat.S_IMODE(stack.place.state_file.stat().st_mode) == 0o600


def test_a_damaged_memory_is_told_and_reset_starts_anew(stack: Stack, table: Table) -> None:
    lifecycle.up(stack, table=table, tell=silently)
    instance = stack.place.instance
    stack.place.state_file.write_text("{")
    with pytest.raises(StackError, match=r"cannot be read.*make reset"):
        Stack(instance)
    run = subprocess.run([str(INSPRAAK), "--instance", instance, "reset", "--yes"], check=False)
    assert run.returncode == 0
    assert alive_of(stack) == []
    assert not stack.place.state_file.exists()


def test_reset_asks_and_without_a_terminal_deletes_nothing(stack: Stack, table: Table) -> None:
    lifecycle.up(stack, table=table, tell=silently)
    command = [str(INSPRAAK), "--instance", stack.place.instance, "reset"]
    asked = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    assert asked.returncode == 1
    assert "--yes" in asked.stderr
    assert stack.place.state_file.exists()


def test_a_full_disk_is_told_before_anything_starts(
    full_disk: Path, stack: Stack, table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INSPRAAK_DATA_FOLDER", str(full_disk))
    with pytest.raises(StackError, match=r"nearly full: \d MB free, 500 MB needed"):
        lifecycle.up(Stack("full"), table=table, tell=silently)
    assert alive_of(stack) == []


def test_a_data_folder_that_cannot_be_made_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("INSPRAAK_DATA_FOLDER", str(tmp_path / "file"))
    with pytest.raises(StackError, match=r"cannot be made.*INSPRAAK_DATA_FOLDER"):
        Stack("anything")


def test_a_given_address_where_nothing_answers_is_told(
    stack: Stack, table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("inspraak_dev.stack.given.ANSWERS_WITHIN", 0.2)
    monkeypatch.setenv("INSPRAAK_REDIS_URL", "redis://127.0.0.1:1/0")
    with pytest.raises(StackError, match=r"no Redis answers at 127.0.0.1:1"):
        lifecycle.up(stack, table=table, tell=silently)
    assert alive_of(stack) == []
