import copy
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import jsonschema
import pytest
from chassis.events import encode
from contracts.voting import PollOpened, PollOption
from inspraak_dev import contracts
from inspraak_dev.contracts import Broken, breaking_changes, check, write

OLD: dict[str, Any] = {
    "type": "object",
    "required": ["poll_id", "options"],
    "properties": {
        "poll_id": {"type": "string", "format": "uuid"},
        "options": {"type": "array", "items": {"$ref": "#/$defs/Option"}},
        "ballots": {"anyOf": [{"type": "integer"}, {"type": "null"}], "default": None},
    },
    "$defs": {"Option": {"type": "object", "required": ["number"], "properties": {"number": {"type": "integer"}}}},
}


def changed(*path: str, to: Any) -> dict[str, Any]:
    new = copy.deepcopy(OLD)
    place = new
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = to
    return new


def test_what_is_written_is_what_is_checked_and_a_second_time_changes_nothing(tmp_path: Path) -> None:
    assert any("is missing: run make contracts" in problem for problem in check(tmp_path))
    written = {path.name: path.read_text() for path in write(tmp_path)}
    assert check(tmp_path) == []
    assert {path.name: path.read_text() for path in write(tmp_path)} == written
    assert {"asyncapi.json", "voting.poll_opened.v1.json", "tenancy.government_registered.v1.json"} <= written.keys()


def test_a_file_changed_by_hand_is_noticed(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "asyncapi.json").write_text("{}")
    assert check(tmp_path) == [f"{tmp_path / 'asyncapi.json'} is not what the code says: run make contracts"]


def test_a_breaking_change_is_told_and_not_written(tmp_path: Path) -> None:
    write(tmp_path)
    path = tmp_path / "voting.poll_opened.v1.json"
    schema = json.loads(path.read_text())
    schema["properties"]["turnout"] = {"type": "integer"}
    path.write_text(json.dumps(schema))
    [broken, _stale] = check(tmp_path)
    assert broken.startswith("voting.poll_opened.v1: data.turnout was removed; a breaking change is a new version")
    with pytest.raises(Broken, match=r"data\.turnout was removed"):
        write(tmp_path)
    assert "turnout" in path.read_text()


def test_an_event_that_is_gone_is_told(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "voting.poll_forgotten.v1.json").write_text("{}")
    [problem] = check(tmp_path)
    assert problem.startswith("voting.poll_forgotten.v1 is no longer in the contracts")


@pytest.mark.parametrize(
    ("new", "breaks"),
    [
        (OLD, []),
        (changed("properties", "blank", to={"type": "integer"}), []),
        (changed("$defs", "Option", "properties", "label", to={"type": "string"}), []),
        (changed("properties", "poll_id", "description", to="The poll."), []),
        (changed("required", to=["poll_id", "options", "blank"]), ["data.blank is required now"]),
        (changed("required", to=["poll_id"]), ["data.options is optional now"]),
        (
            changed("properties", "poll_id", "format", to="uri"),
            ['data.poll_id.format changed from "uuid" to "uri"'],
        ),
        (
            changed("$defs", "Option", "properties", "number", "type", to="string"),
            ['data.options.items.number.type changed from "integer" to "string"'],
        ),
        (
            changed("properties", "ballots", "anyOf", to=[{"type": "integer"}]),
            ['data.ballots.anyOf changed from [{"type": "integer"}, {"type": "null"}] to [{"type": "integer"}]'],
        ),
        (
            changed("properties", to={}),
            ["data.ballots was removed", "data.options was removed", "data.poll_id was removed"],
        ),
    ],
)
def test_within_a_version_only_optional_fields_are_added(new: dict[str, Any], breaks: list[str]) -> None:
    assert breaking_changes(OLD, new) == breaks


def test_every_reference_in_the_asyncapi_document_leads_somewhere(tmp_path: Path) -> None:
    write(tmp_path)
    document = json.loads((tmp_path / "asyncapi.json").read_text())
    references = list(all_references(document))
    assert references
    for reference in references:
        if reference.startswith("./"):
            assert (tmp_path / reference).exists()
            continue
        place = document
        for name in reference.removeprefix("#/").split("/"):
            place = place[name]
    for operation in document["operations"].values():
        assert operation["action"] == "send"
    assert document["asyncapi"] == "3.0.0"


def all_references(value: Any) -> Any:
    if isinstance(value, dict):
        if "$ref" in value:
            yield value["$ref"]
        for inner in value.values():
            yield from all_references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from all_references(inner)


def test_an_event_that_is_sent_fits_its_schema_and_the_envelope(tmp_path: Path) -> None:
    write(tmp_path)
    now = datetime(2026, 11, 23, 12, tzinfo=UTC)
    event = PollOpened(
        poll_id=uuid4(),
        status="open",
        titles={"nl": "Een park of een plein?"},
        rule="single",
        options=(PollOption(number=1, labels={"nl": "Park"}),),
        opens_at=now,
        closes_at=now,
    )
    sent = json.loads(encode(event, event_id=uuid4(), tenant=uuid4(), sequence=4, time=now))
    schema = json.loads((tmp_path / "voting.poll_opened.v1.json").read_text())
    for document, rules in ((sent["data"], schema), (sent, contracts.CLOUD_EVENT)):
        validator = jsonschema.Draft202012Validator(rules, format_checker=jsonschema.FormatChecker())
        assert list(validator.iter_errors(document)) == []
