"""`make contracts`: the documents that are made from the code, and whether the committed ones still are.

`docs/events` holds a JSON Schema for each event and an AsyncAPI document, `docs/openapi.json` the API of all services
as the gateway lets it through, `deploy/k8s` the broker's exchanges, queues and users, `docs/metrics.md` what is
measured, `deploy/observability` alert rules and dashboards.
"""

import argparse
import importlib
import json
from collections.abc import Mapping
from pathlib import Path

from gateway.description import merge
from gateway.routes import Table

from inspraak_dev import contracts, topology
from inspraak_dev.errors import StackError
from inspraak_dev.observability import catalogue, dashboards, rules
from inspraak_dev.stack.places import CLONE
from inspraak_dev.stack.table import TABLE

EVENTS, OPENAPI = "docs/events", "docs/openapi.json"
TOPOLOGY = "deploy/k8s/components/data-operators/topology.yaml"
METRICS, OBSERVABILITY = "docs/metrics.md", "deploy/observability"


def main(arguments: list[str]) -> int:
    """`inspraak contracts`; with `--check` it writes nothing and fails where something differs."""
    parser = argparse.ArgumentParser(prog="inspraak contracts", description=__doc__)
    parser.add_argument("--check", action="store_true", help="only say what is not up to date")
    root = Path(CLONE)
    if parser.parse_args(arguments).check:
        return check(root)
    try:
        written = contracts.write(root / EVENTS)
    except contracts.Broken as broken:
        raise StackError("\n".join(broken.args)) from broken
    made = texts()
    for name, text in made.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    print(f"wrote {len(written)} files in {EVENTS}, {', '.join(made)}")
    return 0


def check(root: Path) -> int:
    """1 where a committed document is not what the code makes, with a line for each."""
    problems = contracts.check(root / EVENTS)
    for name, text in texts().items():
        committed = root / name
        if not committed.exists() or committed.read_text() != text:
            problems.append(f"{name} is not up to date: make contracts")
    for problem in problems:
        print(problem)
    return 1 if problems else 0


def texts() -> Mapping[str, str]:
    """File -> text of everything that is made from the code besides the events."""
    boards = {f"{OBSERVABILITY}/dashboards/{name}": text for name, text in dashboards.documents().items()}
    return {
        OPENAPI: openapi(),
        TOPOLOGY: topology.document(),
        METRICS: catalogue.document(),
        f"{OBSERVABILITY}/rules.yaml": rules.document(CLONE / OBSERVABILITY),
        **boards,
    }


def openapi() -> str:
    """The merged document as it is committed."""
    names = [process.name for process in TABLE if process.database]
    documents = {name: importlib.import_module(f"{name}.main").service.openapi() for name in names}
    return json.dumps(merge(documents, Table.load()), indent=1, ensure_ascii=False) + "\n"
