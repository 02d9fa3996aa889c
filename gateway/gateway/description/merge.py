"""Many OpenAPI documents made one: pure, so that the committed document and the served one cannot differ."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from chassis.problems import MEDIA_TYPE, PROBLEM_SCHEMA

from gateway.routes import METHODS, Route, Table

Document = dict[str, Any]
SCHEMES = "securitySchemes"
TOKEN = "accessToken"  # noqa: S105 - the name of a scheme
SECURITY: dict[str, list[dict[str, list[str]]]] = {
    "required": [{TOKEN: []}],
    "optional": [{}, {TOKEN: []}],
    "anonymous": [],
}
PROBLEM = {"$ref": "#/components/schemas/Problem"}
OURS = {401: "not signed in", 413: "too large", 429: "too many requests", 503: "unavailable", 504: "timed out"}


def merge(documents: Mapping[str, Document], table: Table) -> Document:
    """The API that the gateway's table lets through, from the services' own documents (OpenAPI 3.1).

    A component that two services define differently gets the service's name in front; what nobody can reach is left
    out. The order is that of the names, so that the same input gives the same text.
    """
    paths: Document = {}
    components: Document = {}
    renamed = _clashes(documents)
    taken: set[str] = set()
    for service in sorted(documents):
        document = _with_refs(documents[service], partial(_ref, service=service, renamed=renamed))
        for path, method, operation, route in _reachable(document, service, table):
            paths.setdefault(path, {})[method] = _operation(operation, service, route, taken)
        for section, parts in document.get("components", {}).items():
            for name, part in parts.items():
                components.setdefault(section, {})[_name(service, section, name, renamed)] = part
    components.setdefault("schemas", {})["Problem"] = PROBLEM_SCHEMA
    merged: Document = {
        "openapi": "3.1.0",
        "info": {
            "title": "Inspraak",
            "version": "1",
            "description": "The API of the participation platform. Each government has a host of its own; ask there. "
            "Errors are problems (RFC 9457) with a stable `code`.",
        },
        "servers": [{"url": "/"}],
        "paths": dict(sorted(paths.items())),
        "components": {section: parts for section, parts in components.items() if section != SCHEMES},
        "tags": [{"name": service} for service in sorted(documents)],
    }
    _prune(merged)
    merged["components"][SCHEMES] = {TOKEN: {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}}
    return merged


def _reachable(document: Document, service: str, table: Table) -> Iterator[tuple[str, str, Document, Route]]:
    for path, item in document.get("paths", {}).items():
        for method, operation in item.items():
            route = table.known(path, method.upper()) if method.upper() in METHODS else None
            if route is not None and route.api and route.service == service:
                yield path, method, operation, route


def _operation(operation: Document, service: str, route: Route, taken: set[str]) -> Document:
    """An operation with what the gateway adds to it: who may ask, and how it may refuse by itself."""
    name = operation.get("operationId", "")
    if name in taken:
        name = f"{service}_{name}"
    taken.add(name)
    responses = dict(operation.get("responses", {}))
    for status in _refusals(route):
        responses.setdefault(str(status), _problem(OURS[status]))
    return operation | {
        "operationId": name,
        "tags": [service],
        "security": SECURITY[route.auth],
        "responses": dict(sorted(responses.items())),
    }


def _refusals(route: Route) -> Iterator[int]:
    if route.auth != "anonymous":
        yield 401
    if route.body_cap:
        yield 413
    if route.limit:
        yield 429
    yield from (503, 504)


def _problem(description: str) -> Document:
    return {"description": description, "content": {MEDIA_TYPE: {"schema": PROBLEM}}}


Renamed = set[tuple[str, str]]


def _clashes(documents: Mapping[str, Document]) -> Renamed:
    """The (section, name) pairs that mean different things in two services, directly or through what they refer to."""
    found: dict[tuple[str, str], list[Any]] = {}
    for document in documents.values():
        for section, parts in document.get("components", {}).items():
            for name, part in parts.items():
                found.setdefault((section, name), []).append(part)
    shared = {key: parts for key, parts in found.items() if len(parts) > 1}
    renamed: Renamed = {key for key, parts in shared.items() if any(part != parts[0] for part in parts)}
    renamed |= {("schemas", "Problem")} & found.keys()  # ours
    while True:
        further = {
            key for key, parts in shared.items() if key not in renamed and any(map(_key_of(renamed), _refs(parts)))
        }
        if not further:
            return renamed
        renamed |= further


def _key_of(renamed: Renamed) -> Callable[[str], bool]:
    return lambda ref: _split(ref) in renamed


def _split(ref: str) -> tuple[str, str]:
    section, _, name = ref.removeprefix("#/components/").partition("/")
    return section, name


def _name(service: str, section: str, name: str, renamed: Renamed) -> str:
    return f"{service.capitalize()}{name}" if (section, name) in renamed else name


def _ref(ref: str, *, service: str, renamed: Renamed) -> str:
    section, name = _split(ref)
    return f"#/components/{section}/{_name(service, section, name, renamed)}"


def _refs(value: Any) -> Iterator[str]:
    """Every reference to a component, mappings of discriminators included."""
    if isinstance(value, str) and value.startswith("#/components/"):
        yield value
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from _refs(part)
    elif isinstance(value, list):
        for part in value:
            yield from _refs(part)


def _with_refs(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, str) and value.startswith("#/components/"):
        return change(value)
    if value == PROBLEM_SCHEMA:
        return PROBLEM  # services write it out in each answer; once is enough
    if isinstance(value, Mapping):
        return {name: _with_refs(part, change) for name, part in value.items()}
    if isinstance(value, list):
        return [_with_refs(part, change) for part in value]
    return value


def _prune(document: Document) -> None:
    """Drop the components that no reachable path uses."""
    components: Document = document["components"]
    used: set[tuple[str, str]] = set()
    waiting = [_split(ref) for ref in _refs(document["paths"])]
    while waiting:
        section, name = waiting.pop()
        if (section, name) not in used:
            used.add((section, name))
            waiting += [_split(ref) for ref in _refs(components.get(section, {}).get(name))]
    document["components"] = {
        section: kept
        for section, parts in sorted(components.items())
        if (kept := {name: part for name, part in sorted(parts.items()) if (section, name) in used})
    }
