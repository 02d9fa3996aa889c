"""The runbooks: every command of ours that they name exists, every alert is in them where it links to."""

import importlib
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from inspraak_dev.cli import COMMANDS, parser
from inspraak_dev.stack.table import TABLE

from deploy.tests.observability.committed import RULES

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "docs" / "runbooks"
NAMES = ("opening-day", "closing-hour", "broker-loss", "database-failover", "restore")
FENCED = re.compile(r"^ *```sh\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
SERVICES = {process.name for process in TABLE if process.database}
WORKLOADS = {"gateway", "web", *SERVICES, *(f"{name}-worker" for name in SERVICES)}
TARGETS = set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))
KUBECTL = {"get", "describe", "logs", "exec", "scale", "rollout", "apply", "wait", "cnpg"}
OTHERS = {"psql", "pg_restore", "umask"}
LINKS = {rule["alert"]: rule["annotations"]["runbook_url"] for rule in RULES if "alert" in rule}


def commands(text: str) -> Iterator[str]:
    for block in FENCED.findall(text):
        yield from (line.strip() for line in block.splitlines() if line.strip())


def check(line: str) -> None:
    """Fails where a command does not exist; the programs of others are only known by name."""
    words = shlex.split(line)
    match words:
        case ["make", target, *rest]:
            assert target in TARGETS, line
            assert all(re.match(r"(name|args)=", word) for word in rest), line
        case [".uv/bin/uv", "run", "inspraak", *rest]:
            check_inspraak(rest)
        case ["kubectl", *rest]:
            check_kubectl(rest, line)
        case [first, *_]:
            assigned = re.fullmatch(r"\w+=\$\((.+)\)", line)
            if assigned:
                check(assigned[1].partition(" | ")[0])
            else:
                assert first.rstrip(";") in OTHERS, line


def check_inspraak(words: list[str]) -> None:
    if words[0] in COMMANDS:
        return
    parsed = parser().parse_args(words)
    if parsed.command == "run":
        check_service([parsed.name, *parsed.arguments])


def check_service(words: list[str]) -> None:
    service = importlib.import_module(f"{words[0]}.main").service
    assert service._parser().parse_args(words[1:]).run


def check_kubectl(words: list[str], line: str) -> None:
    kept = [word for word in words if word not in {"-n", "inspraak"}]
    assert kept[0] in KUBECTL, line
    for name in re.findall(r"deploy/([\w-]+)", line):
        assert name in WORKLOADS, line
    if kept[0] == "cnpg":
        assert "-n inspraak" in line, line
    elif "deploy/" in line and "--" in words:
        check_service(words[words.index("--") + 1 :])


@pytest.mark.parametrize("name", NAMES)
def test_every_command_of_a_runbook_exists(name: str) -> None:
    found = list(commands((FOLDER / f"{name}.md").read_text("utf-8")))
    assert len(found) > 5
    for line in found:
        check(line)


@pytest.mark.parametrize(
    "line",
    [
        "make restart",
        ".uv/bin/uv run inspraak rescue",
        ".uv/bin/uv run inspraak run voting republish",
        "kubectl -n inspraak exec deploy/voting-worker -- voting recount",
        "kubectl -n inspraak logs deploy/voting-api",
        "kubectl -n inspraak delete pods --all",
        "systemctl restart voting",
    ],
)
def test_a_command_that_does_not_exist_is_found(line: str) -> None:
    with pytest.raises((AssertionError, SystemExit)):
        check(line)


@pytest.mark.parametrize(("alert", "link"), LINKS.items())
def test_an_alert_is_named_under_the_heading_that_it_links_to(alert: str, link: str) -> None:
    file, _, anchor = link.partition("#")
    parts = re.split(r"^## ", (ROOT / file).read_text("utf-8"), flags=re.MULTILINE)[1:]
    under = {part.partition("\n")[0].lower().replace(" ", "-"): part for part in parts}
    assert anchor in under, list(under)
    assert f"**{alert}**" in under[anchor]
    assert "**It is over**" in under[anchor]


def test_links_between_runbooks_lead_somewhere() -> None:
    for file in FOLDER.glob("*.md"):
        for target, anchor in re.findall(r"\]\(\s*([\w-]+\.md)#?([\w-]*)\)", file.read_text("utf-8")):
            headings = re.findall(r"^## (.+)$", (FOLDER / target).read_text("utf-8"), re.MULTILINE)
            assert not anchor or anchor in {heading.lower().replace(" ", "-") for heading in headings}, (file, anchor)


@pytest.mark.parametrize("name", NAMES)
def test_a_runbook_says_what_is_safe_what_people_notice_and_when_it_is_over(name: str) -> None:
    text = (FOLDER / f"{name}.md").read_text("utf-8").lower()
    for needed in ("safe" if name != "restore" else "how much may be missing", "citizens", "it is over"):
        assert needed in text
    assert {file.stem for file in FOLDER.glob("*.md")} == set(NAMES)
