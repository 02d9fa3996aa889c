"""`docs/events`: a JSON Schema for each event and one AsyncAPI 3 document, made from the classes in `contracts`.

Within a version of an event only optional fields are added: `write` refuses to overwrite a schema that the new one
breaks, and `check` tells what is broken and what is merely not up to date.
"""

import importlib
import json
import pkgutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import contracts
from contracts.base import Event, event_types

ASYNCAPI = "asyncapi.json"
ANNOTATIONS = {"title", "description", "examples", "default", "$defs", "$id", "$schema"}
BY_HAND = "a breaking change is a new version beside the old one (or delete the file of one that was never released)"
MESSAGES = "#/components/messages"
Schema = dict[str, Any]

CLOUD_EVENT: Schema = {
    "title": "CloudEvent",
    "description": "CloudEvents 1.0 in structured JSON, with two extensions: tenant and sequence.",
    "type": "object",
    "required": ["specversion", "id", "source", "type", "time", "tenant", "sequence", "data"],
    "properties": {
        "specversion": {"const": "1.0"},
        "id": {"type": "string", "format": "uuid", "description": "UUIDv7; also the AMQP message id."},
        "source": {"type": "string", "format": "uri-reference", "examples": ["/voting"]},
        "type": {"type": "string", "description": "Also the AMQP routing key and type."},
        "subject": {"type": "string", "description": "The id of the aggregate that the fact is about."},
        "time": {"type": "string", "format": "date-time", "description": "When the fact became true."},
        "datacontenttype": {"const": "application/json"},
        "tenant": {"type": "string", "format": "uuid", "description": "The government whose fact it is."},
        "sequence": {
            "type": "integer",
            "minimum": 0,
            "description": "The aggregate's version after the fact; ignore what is older than what you have.",
        },
        "data": {"type": "object"},
    },
}


class Broken(Exception):  # noqa: N818 - what the contracts are
    """The new schemas break committed ones; `args` has a sentence for each break."""


def write(folder: Path) -> list[Path]:
    """Write all files and return them; raises `Broken`, and writes none, if a file that is there would be broken."""
    files = _files()
    broken = list(_breaks(folder, files))
    if broken:
        raise Broken(*broken)
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text)
    return [folder / name for name in files]


def check(folder: Path) -> list[str]:
    """What is wrong with the committed files, a sentence each: breaks first, then what `write` would change."""
    files = _files()
    return [*_breaks(folder, files), *_differences(folder, files)]


def _differences(folder: Path, files: Mapping[str, str]) -> Iterator[str]:
    for name, text in files.items():
        path = folder / name
        if not path.exists():
            yield f"{path} is missing: run make contracts"
        elif path.read_text() != text:
            yield f"{path} is not what the code says: run make contracts"


def _breaks(folder: Path, files: Mapping[str, str]) -> Iterator[str]:
    for path in sorted(folder.glob("*.v*.json")):
        if path.name not in files:
            yield f"{path.stem} is no longer in the contracts; {BY_HAND}"
            continue
        old, new = json.loads(path.read_text()), json.loads(files[path.name])
        for change in breaking_changes(old, new):
            yield f"{path.stem}: {change}; {BY_HAND}"


def breaking_changes(old: Schema, new: Schema) -> list[str]:
    """What a reader of the old schema, or a reader of the new one that meets an old event, would stumble over."""
    return list(_compare(_inlined(old, old), _inlined(new, new), "data"))


def _compare(old: Any, new: Any, at: str) -> Iterator[str]:
    if not isinstance(old, dict) or not isinstance(new, dict):
        if old != new:
            yield f"{at} changed from {json.dumps(old)} to {json.dumps(new)}"
        return
    yield from _compare_fields(old, new, at)
    ignored = ANNOTATIONS | {"properties", "required"}
    for key in sorted((old.keys() | new.keys()) - ignored):
        before, after = old.get(key), new.get(key)
        if isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
            for number, (one, other) in enumerate(zip(before, after, strict=True)):
                yield from _compare(one, other, f"{at}.{key}[{number}]")
        else:
            yield from _compare(before, after, f"{at}.{key}")


def _compare_fields(old: Schema, new: Schema, at: str) -> Iterator[str]:
    before, after = old.get("properties", {}), new.get("properties", {})
    must, must_now = set(old.get("required", ())), set(new.get("required", ()))
    for name in sorted(before.keys() - after.keys()):
        yield f"{at}.{name} was removed"
    for name in sorted(must_now - must):
        yield f"{at}.{name} is required now"
    for name in sorted((must - must_now) & after.keys()):
        yield f"{at}.{name} is optional now"
    for name in sorted(before.keys() & after.keys()):
        yield from _compare(before[name], after[name], f"{at}.{name}")


def _inlined(schema: Any, root: Schema) -> Any:
    """The schema with each reference replaced by what it refers to: names of definitions may change freely."""
    if isinstance(schema, list):
        return [_inlined(item, root) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        target = root["$defs"][schema["$ref"].removeprefix("#/$defs/")]
        return _inlined(target | {key: value for key, value in schema.items() if key != "$ref"}, root)
    return {key: _inlined(value, root) for key, value in schema.items() if key != "$defs"}


# The files


def _events() -> dict[str, type[Event]]:
    for module in pkgutil.iter_modules(contracts.__path__):
        importlib.import_module(f"contracts.{module.name}")
    ours = {name: kind for name, kind in event_types().items() if kind.__module__.startswith("contracts.")}
    return dict(sorted(ours.items()))


def _files() -> dict[str, str]:
    events = _events()
    documents = {f"{name}.json": _schema(name, kind) for name, kind in events.items()}
    documents[ASYNCAPI] = _asyncapi(events)
    return {name: json.dumps(document, indent=2, ensure_ascii=False) + "\n" for name, document in documents.items()}


def _schema(name: str, kind: type[Event]) -> Schema:
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": f"{name}.json"}
    return head | kind.model_json_schema(mode="serialization")


def _asyncapi(events: Mapping[str, type[Event]]) -> Schema:
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Inspraak events",
            "version": "1",
            "description": "The facts that Inspraak's services tell each other over RabbitMQ. Within a version only"
            " optional fields are added; ignore what you do not know.",
            "license": {"name": "EUPL-1.2"},
        },
        "defaultContentType": "application/cloudevents+json",
        "channels": {name: _channel(name, kind) for name, kind in events.items()},
        "operations": {
            f"send.{name}": {
                "action": "send",
                "title": f"{kind.service()} tells {kind.__name__}",
                "channel": {"$ref": f"#/channels/{name}"},
                "messages": [{"$ref": f"#/channels/{name}/messages/{kind.__name__}"}],
            }
            for name, kind in events.items()
        },
        "components": {
            "messages": {name: _message(name, kind) for name, kind in events.items()},
            "schemas": {"CloudEvent": CLOUD_EVENT},
        },
    }


def _channel(name: str, kind: type[Event]) -> Schema:
    exchange = {"name": "events", "type": "topic", "durable": True, "autoDelete": False}
    return {
        "address": name,
        "messages": {kind.__name__: {"$ref": f"{MESSAGES}/{name}"}},
        "bindings": {"amqp": {"is": "routingKey", "exchange": exchange, "bindingVersion": "0.3.0"}},
    }


def _message(name: str, kind: type[Event]) -> Schema:
    return {
        "name": name,
        "title": kind.__name__,
        "summary": (kind.__doc__ or "").strip(),
        "contentType": "application/cloudevents+json",
        "payload": {
            "allOf": [
                {"$ref": "#/components/schemas/CloudEvent"},
                {"properties": {"type": {"const": name}, "data": {"$ref": f"./{name}.json"}}},
            ]
        },
        "bindings": {"amqp": {"messageType": name, "bindingVersion": "0.3.0"}},
    }
