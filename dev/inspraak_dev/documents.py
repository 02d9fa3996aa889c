"""`make contracts`: the documents that are made from the code, and whether the committed ones still are.

`docs/events` holds a JSON Schema for each event and an AsyncAPI document, `docs/openapi.json` the API of all services
as the gateway lets it through.
"""

import argparse
import importlib
import json
from pathlib import Path

from gateway.description import merge
from gateway.routes import Table

from inspraak_dev import contracts
from inspraak_dev.errors import StackError
from inspraak_dev.stack.places import CLONE
from inspraak_dev.stack.table import TABLE

EVENTS, OPENAPI = "docs/events", "docs/openapi.json"


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
    (root / OPENAPI).write_text(openapi())
    print(f"wrote {len(written)} files in {EVENTS}, and {OPENAPI}")
    return 0


def check(root: Path) -> int:
    """1 where a committed document is not what the code makes, with a line for each."""
    problems = contracts.check(root / EVENTS)
    committed = root / OPENAPI
    if not committed.exists() or committed.read_text() != openapi():
        problems.append(f"{OPENAPI} is not up to date: make contracts")
    for problem in problems:
        print(problem)
    return 1 if problems else 0


def openapi() -> str:
    """The merged document as it is committed."""
    names = [process.name for process in TABLE if process.database]
    documents = {name: importlib.import_module(f"{name}.main").service.openapi() for name in names}
    return json.dumps(merge(documents, Table.load()), indent=1, ensure_ascii=False) + "\n"
