"""Every object is what its schema says, strictly: Kubernetes' own, ours for custom resources, the operators' own."""

import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cel
import jsonschema
import kubernetes_validate
import yaml
from kubernetes_validate import utils

from deploy.tests.checks.registry import check
from deploy.tests.rendering import Object, Rendering, fingerprint, title

VERSIONS = ("1.34", "1.35")  # those that the operators' releases are tested with
OURS = Path(__file__).parents[1] / "custom-resources.yaml"
OPERATORS = Path(__file__).parents[3].parent / "shared" / "data" / "crds"
WORDS: dict[str, Object] = {
    "string": {"type": "string"},
    "integer": {"type": "integer"},
    "boolean": {"type": "boolean"},
    "map": {"type": "object", "additionalProperties": {"type": "string"}},
    "any": {},
}
PRESERVE = "x-kubernetes-preserve-unknown-fields"
utils.schema_contents = functools.cache(utils.schema_contents)  # it reads megabytes of JSON for each object otherwise
_known: dict[tuple[str, str], list[str]] = {}
"""What was found before in an object that is the same in many renderings."""


def _once(what: str, thing: Object, find: Any) -> list[str]:
    key = (what, fingerprint(thing))
    if key not in _known:
        _known[key] = [f"{title(thing)}: {problem}" for problem in find(thing)]
    return _known[key]


# Kubernetes' own kinds


@check
def kubernetes(of: Rendering) -> Iterator[str]:
    """The strict schemas of Kubernetes; what has none must be a custom resource that is known here."""
    for thing in of.objects:
        if not _is_custom(thing):
            for version in VERSIONS:
                yield from _once(version, thing, functools.partial(_against, version))


def _against(version: str, thing: Object) -> Iterator[str]:
    try:
        kubernetes_validate.validate(thing, version, strict=True)
    except kubernetes_validate.SchemaNotFoundError:
        yield f"Kubernetes {version} knows no {thing['apiVersion']} {thing['kind']}"
    except kubernetes_validate.ValidationError as error:
        yield f"Kubernetes {version}: {'.'.join(map(str, error.absolute_path))}: {error.message[:300]}"


# Custom resources, by the fields that we use


@check
def fields_that_we_use(of: Rendering) -> Iterator[str]:
    """Our own closed schemas: stricter than the operators', and always here."""
    for thing in of.objects:
        if _is_custom(thing):
            yield from _once("ours", thing, _against_ours)


def _is_custom(thing: Object) -> bool:
    return f"{thing['apiVersion']}/{thing['kind']}" in _ours()


def _against_ours(thing: Object) -> Iterator[str]:
    schema = _ours()[f"{thing['apiVersion']}/{thing['kind']}"]
    return _errors(jsonschema.Draft202012Validator(schema), thing.get("spec"))


def _errors(validator: Any, thing: Any) -> Iterator[str]:
    for error in validator.iter_errors(thing):
        yield f"{'.'.join(map(str, error.absolute_path)) or 'spec'}: {error.message[:300]}"


@functools.cache
def _ours() -> dict[str, Object]:
    kinds = yaml.safe_load(OURS.read_text())["kinds"]
    return {name: _schema(shape) for name, shape in kinds.items()}


def _schema(shape: Any) -> Object:
    """A JSON Schema of a shape in the short writing of custom-resources.yaml."""
    match shape:
        case dict():
            return {
                "type": "object",
                "additionalProperties": False,
                "required": [name[:-1] for name in shape if name.endswith("!")],
                "properties": {name.removesuffix("!"): _schema(inner) for name, inner in shape.items()},
            }
        case [inner]:
            return {"type": "array", "items": _schema(inner)}
        case str() if shape in WORDS:
            return WORDS[shape]
        case _:
            return {"enum": shape.split("|")}


# Custom resources, by the operators' own schemas and rules


@check
def operators(of: Rendering) -> Iterator[str]:
    """The operators' released schemas, closed, and their rules in CEL, where these files are at hand."""
    if not OPERATORS.exists():
        return
    for thing in of.objects:
        if _is_custom(thing):
            yield from _once("operators", thing, _against_operators)


def _against_operators(thing: Object) -> Iterator[str]:
    schema = _of_operators().get(f"{thing['apiVersion']}/{thing['kind']}")
    if schema is None:
        yield f"there is no schema of {thing['kind']} in {OPERATORS}"
        return
    spec = schema["properties"]["spec"]
    found = list(_errors(jsonschema.Draft202012Validator(spec), thing["spec"]))
    yield from found
    if not found:
        yield from _rules(spec, _defaulted(spec, thing["spec"]), "spec")


@functools.cache
def _of_operators() -> dict[str, Object]:
    found = {}
    for file in sorted(OPERATORS.glob("*.yaml")):
        for crd in yaml.load_all(file.read_text(), Loader=yaml.CSafeLoader):
            if crd and crd["kind"] == "CustomResourceDefinition":
                names = crd["spec"]
                for version in names["versions"]:
                    name = f"{names['group']}/{version['name']}/{names['names']['kind']}"
                    if name in _ours() and version["served"]:
                        found[name] = _closed(version["schema"]["openAPIV3Schema"])
    return found


def _closed(schema: Any) -> Any:
    """The schema, refusing fields that it does not list; formats and numbers of OpenAPI as JSON Schema has them."""
    if isinstance(schema, list):
        return [_closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: _closed(value) for key, value in schema.items()}
    if isinstance(schema.get("properties"), dict) and "type" in schema and not schema.get(PRESERVE):
        made.setdefault("additionalProperties", False)
    if schema.get("x-kubernetes-int-or-string"):
        made.pop("anyOf", None)
        made["type"] = ["integer", "string"]
    if schema.get("nullable"):
        made["type"] = [schema["type"], "null"]
    return made


def _defaulted(schema: Object, value: Any) -> Any:
    """What the API server would store: rules see defaults."""
    if isinstance(value, list):
        return [_defaulted(schema.get("items", {}), each) for each in value]
    if not isinstance(value, dict):
        return value
    properties, more = schema.get("properties", {}), schema.get("additionalProperties")
    full = {name: inner["default"] for name, inner in properties.items() if "default" in inner} | value
    rest = more if isinstance(more, dict) else {}
    return {name: _defaulted(properties.get(name, rest), inner) for name, inner in full.items()}


def _rules(schema: Object, value: Any, at: str) -> Iterator[str]:
    """The rules that a value breaks; those on changes (oldSelf) have nothing to look at."""
    for rule in schema.get("x-kubernetes-validations", []):
        if "oldSelf" not in rule["rule"] and cel.evaluate(rule["rule"], {"self": value}) is not True:
            yield f"{at}: {rule.get('message', rule['rule'])}"
    if isinstance(value, list):
        for number, each in enumerate(value):
            yield from _rules(schema.get("items", {}), each, f"{at}[{number}]")
    if isinstance(value, dict):
        more = schema.get("additionalProperties")
        for name, each in value.items():
            inner = schema.get("properties", {}).get(name, more if isinstance(more, dict) else {})
            yield from _rules(inner, each, f"{at}.{name}")
