"""What a process is told is what its settings know; what it needs is there; no password goes to who does not call."""

import functools
import importlib
import json
import os
from collections.abc import Iterator, Mapping
from unittest import mock

from chassis.settings import BadSettingsError, Settings
from gateway.routes import Table

from deploy.tests.checks.registry import check
from deploy.tests.declared import CALLS, HARMLESS, SECRET_CALLS, SERVICES
from deploy.tests.rendering import Object, Rendering, main_of, role_of, title

SAMPLE_KEY = "A" * 43
SAMPLES = {"INSPRAAK_SMTP_URL": "smtp://mail.example.org:587"}


def settings_of(service: str) -> type[Settings]:
    """A service's settings model."""
    found: type[Settings] = importlib.import_module(f"{service}.settings").Settings
    return found


@functools.cache
def table() -> Table:
    """The gateway's routing table."""
    return Table.load()


def keys_of(of: Rendering, kind: str, name: str) -> Mapping[str, str | None] | None:
    """The keys of a ConfigMap or Secret with their values, None where only the store knows; None if absent."""
    for found in of.all(kind):
        if found["metadata"]["name"] == name:
            return found.get("data", {})
    for found in of.all("ExternalSecret") if kind == "Secret" else ():
        target = found["spec"]["target"]
        if target["name"] == name:
            template = target.get("template", {}).get("data")
            return template or {entry["secretKey"]: None for entry in found["spec"]["data"]}
    return None


def environment_of(of: Rendering, workload: Object) -> dict[str, str]:
    """The environment of a workload's container; secrets by samples. What is missing is another check's business."""
    main, told = main_of(workload), dict[str, str]()
    for source in main.get("envFrom", []):
        if "configMapRef" in source:
            told |= {k: v or "" for k, v in (keys_of(of, "ConfigMap", source["configMapRef"]["name"]) or {}).items()}
        else:
            found = keys_of(of, "Secret", source["secretRef"]["name"]) or {}
            told |= {key: SAMPLES.get(key, SAMPLE_KEY) for key in found}
    for entry in main.get("env", []):
        value = entry.get("value", "secret")
        for name in told:
            value = value.replace(f"$({name})", told[name])
        told[entry["name"]] = value
    return told


@check
def settings(of: Rendering) -> Iterator[str]:
    """Every process would start: its settings take what it is told, and know every variable."""
    for workload in of.ours:
        service, component = role_of(workload)
        if component == "cache":
            continue
        model, told = settings_of(service), environment_of(of, workload)
        own = {name for name in told if name.startswith("INSPRAAK_")}
        known = {f"INSPRAAK_{field.upper()}" for field in model.model_fields}
        yield from (f"{title(workload)} is told {name}, which it does not know" for name in sorted(own - known))
        yield from (
            f"{title(workload)}: {name}: {told[name]} is not put together" for name in own if "$(" in told[name]
        )
        try:
            loaded = _started(service, tuple(sorted(told.items())))
        except BadSettingsError as error:
            yield f"{title(workload)} would not start: {error}"
            continue
        if of.production and loaded.environment != "production":
            yield f"{title(workload)} is not told that it is in production"
        if loaded.host != "0.0.0.0":  # noqa: S104 - in a pod
            yield f"{title(workload)} does not listen to other pods"


@functools.cache
def _started(service: str, told: tuple[tuple[str, str], ...]) -> Settings:
    """The settings of a process with this environment; the same ones are in many renderings."""
    with mock.patch.dict(os.environ, dict(told), clear=True):
        return settings_of(service).load()


@check
def calls(of: Rendering) -> Iterator[str]:
    """A process is told where everything is that it calls, and is given no password for what it does not call."""
    there = {role_of(workload): workload for workload in of.ours}
    if there.keys() != CALLS.keys():
        yield f"the pods are not those of declared.py: {sorted(there.keys() ^ CALLS.keys())}"
    for role, workload in there.items():
        told, wanted = environment_of(of, workload).keys(), CALLS.get(role, set())
        yield from (f"{title(workload)} is not told {name}" for name in sorted(wanted - told))
        extra = {name for name in told & SECRET_CALLS - wanted if name not in HARMLESS or role[1] != "migrate"}
        yield from (f"{title(workload)} is told {name}, and does not call it" for name in sorted(extra))


@check
def routing(of: Rendering) -> Iterator[str]:
    """The gateway is told the address of every service of its routing table, and of no other."""
    workload = next(each for each in of.ours if role_of(each) == ("gateway", "api"))
    told = set(json.loads(environment_of(of, workload).get(SERVICES, "{}")))
    if told != set(table().services):
        yield f"the gateway's services are not those of routes.toml: {sorted(told ^ set(table().services))}"
