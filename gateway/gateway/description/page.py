"""The API's page for people: plain HTML from the merged document, no script, nothing from elsewhere."""

import re
from collections.abc import Callable, Iterator, Mapping
from html import escape
from typing import Any

from gateway.description.merge import Document

CODE = re.compile("`([^`]+)`")
USUAL = frozenset({"application/json", "application/problem+json"})
METHODS = ("get", "post", "put", "patch", "delete")


def page(document: Document) -> str:
    """The whole page."""
    services = [tag["name"] for tag in document["tags"]]
    parts = [
        '<!doctype html><html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escape(document['info']['title'])} API</title>",
        '<link rel="stylesheet" href="/api/docs.css"></head><body>',
        '<a class="skip" href="#operations">Skip to the operations</a>',
        f"<header><h1>{escape(document['info']['title'])} API</h1>",
        f"<p>{escape(document['info']['description'])}</p>",
        '<p>For programs: <a href="/api/openapi.json">openapi.json</a> (OpenAPI 3.1).</p></header>',
        '<nav aria-label="Contents"><ul>',
        *(f'<li><a href="#{escape(name)}">{escape(name.capitalize())}</a></li>' for name in services),
        '<li><a href="#schemas">Schemas</a></li></ul></nav><main id="operations">',
        *(_service(name, document) for name in services),
        '<section><h2 id="schemas">Schemas</h2>',
        *(_schema(name, schema) for name, schema in document["components"].get("schemas", {}).items()),
        "</section></main></body></html>",
    ]
    return "".join(parts)


def _service(name: str, document: Document) -> str:
    operations = "".join(
        _operation(path, method, item[method])
        for path, item in document["paths"].items()
        for method in METHODS
        if method in item and name in item[method]["tags"]
    )
    return f'<section><h2 id="{escape(name)}">{escape(name.capitalize())}</h2>{operations}</section>'


def _operation(path: str, method: str, operation: Document) -> str:
    anchor = escape(operation["operationId"])
    body = operation.get("requestBody", {}).get("content", {})
    return "".join(
        [
            f'<article aria-labelledby="{anchor}"><h3 id="{anchor}"><code><b class="{method}">{method.upper()}</b> ',
            f"{escape(path)}</code></h3>",
            *(f"<p>{escape(text)}</p>" for text in operation.get("description", "").split("\n\n") if text),
            f"<p>{_who(operation['security'])}</p>",
            _parameters(operation.get("parameters", [])),
            *(f"<p>Body: {_kind(name, kind)}</p>" for name, kind in body.items()),
            "<table><caption>Answers</caption><thead><tr><th scope='col'>Status</th><th scope='col'>Meaning</th>",
            "<th scope='col'>Body</th></tr></thead><tbody>",
            *_answers(operation["responses"]),
            "</tbody></table></article>",
        ]
    )


def _who(security: list[Mapping[str, Any]]) -> str:
    if not security:
        return "Anybody may ask; no access token is read."
    if {} in security:
        return "Anybody may ask; with an access token there may be more to see."
    return "Needs an access token: <code>Authorization: Bearer …</code>"


def _answers(responses: Document) -> Iterator[str]:
    for status, answer in responses.items():
        kinds = ", ".join(_kind(name, kind) for name, kind in answer.get("content", {}).items())
        meaning = CODE.sub(r"<code>\1</code>", escape(answer["description"]))
        yield f"<tr><th scope='row'>{escape(status)}</th><td>{meaning}</td><td>{kinds}</td></tr>"


def _kind(name: str, kind: Document) -> str:
    """What a body is, and in which media type where that is not the usual one."""
    written = "" if name in USUAL else f" as <code>{escape(name)}</code>"
    return _type(kind.get("schema", {})) + written


def _parameters(parameters: list[Document]) -> str:
    if not parameters:
        return ""
    rows = "".join(
        f"<tr><th scope='row'><code>{escape(item['name'])}</code></th><td>{escape(item['in'])}"
        f"{', required' if item.get('required') else ''}</td><td>{_type(item.get('schema', {}))}</td></tr>"
        for item in parameters
    )
    return (
        "<table><caption>Parameters</caption><thead><tr><th scope='col'>Name</th><th scope='col'>Where</th>"
        f"<th scope='col'>Type</th></tr></thead><tbody>{rows}</tbody></table>"
    )


def _schema(name: str, schema: Document) -> str:
    required = schema.get("required", ())
    rows = "".join(
        f"<tr><th scope='row'><code>{escape(field)}</code></th><td>{_type(part)}</td>"
        f"<td>{'yes' if field in required else 'no'}</td><td>{escape(part.get('description', ''))}</td></tr>"
        for field, part in schema.get("properties", {}).items()
    )
    table = (
        "<table><caption>Fields</caption><thead><tr><th scope='col'>Field</th><th scope='col'>Type</th>"
        f"<th scope='col'>Always</th><th scope='col'>Meaning</th></tr></thead><tbody>{rows}</tbody></table>"
        if rows
        else f"<p>{_type(schema)}</p>"
    )
    text = escape(schema.get("description", ""))
    anchor = f"schema-{escape(name)}"
    heading = f'<h3 id="{anchor}"><code>{escape(name)}</code></h3>'
    return f'<article aria-labelledby="{anchor}">{heading}<p>{text}</p>{table}</article>'


def _type(schema: Any) -> str:
    """A schema in a few words, with links to those that have a name."""
    if not isinstance(schema, Mapping):
        return "any value"
    for key, words in WORDS.items():
        if key in schema:
            return words(schema[key])
    kind = schema.get("type", "any value")
    if kind == "array":
        return f"list of {_type(schema.get('items'))}"
    if kind == "object" and "properties" in schema:
        fields = (f"<code>{escape(name)}</code>: {_type(part)}" for name, part in schema["properties"].items())
        return "object of " + ", ".join(fields)
    if kind == "object" and isinstance(schema.get("additionalProperties"), Mapping):
        return f"object of {_type(schema['additionalProperties'])}"
    written = schema.get("format")
    return escape(str(kind)) + (f" ({escape(written)})" if written else "")


def _link(ref: Any) -> str:
    name = escape(str(ref).rpartition("/")[2])
    return f'<a href="#schema-{name}">{name}</a>'


def _values(values: Any) -> str:
    return "one of " + ", ".join(f"<code>{escape(str(value))}</code>" for value in values)


WORDS: Mapping[str, Callable[[Any], str]] = {
    "$ref": _link,
    "anyOf": lambda parts: " or ".join(map(_type, parts)),
    "oneOf": lambda parts: " or ".join(map(_type, parts)),
    "allOf": lambda parts: " and ".join(map(_type, parts)),
    "enum": _values,
    "const": lambda value: f"<code>{escape(str(value))}</code>",
}
