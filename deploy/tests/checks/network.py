"""Network policies, evaluated as Kubernetes does, allow exactly the calls of `declared.py`."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from deploy.tests.checks.registry import check
from deploy.tests.checks.settings import environment_of
from deploy.tests.declared import CALLS, SERVICES, SMTP
from deploy.tests.rendering import DATA, WORKLOADS, Object, Rendering, labels_of, main_of, name_of, path_of, role_of

MAIL = frozenset({25, 465, 587})
COLLECTOR = 4318
DENY = {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


@dataclass(frozen=True)
class Peer:
    """A pod, or one of another namespace, or somebody outside the cluster."""

    name: str
    labels: frozenset[tuple[str, str]] = frozenset()
    namespace: str | None = "inspraak"
    ports: frozenset[int] = frozenset()


OUTSIDE = Peer("outside", namespace=None)
MONITORING = Peer("monitoring", namespace="monitoring")


@check
def network(of: Rendering) -> Iterator[str]:
    """Both ways: every declared call is allowed, and nothing else is."""
    if "network-policies" not in of.components:
        return
    policies, pods = list(of.all("NetworkPolicy")), list(_pods(of))
    if DENY not in [policy["spec"] for policy in policies]:
        yield "nothing is forbidden to pods that no other policy names"
    ours = [pod for pod in pods if ("app.kubernetes.io/part-of", "inspraak") in pod.labels]
    allowed = {
        (source.name, target.name, port)
        for source in (*ours, OUTSIDE, MONITORING)
        for target in pods
        for port in target.ports
        if source != target and _allowed(policies, source, target, port)
    }
    for pod in ours:
        allowed |= {(pod.name, "outside", port) for port in MAIL if _allowed(policies, pod, OUTSIDE, port)}
        allowed |= {(pod.name, "monitoring", COLLECTOR)} if _allowed(policies, pod, MONITORING, COLLECTOR) else set()
    wanted = set(_wanted(of, pods))
    yield from (f"{a} cannot call {b} on {port}" for a, b, port in sorted(wanted - allowed))
    yield from (f"{a} could call {b} on {port}" for a, b, port in sorted(allowed - wanted))


def _pods(of: Rendering) -> Iterator[Peer]:
    for workload in of.all(*WORKLOADS):
        labels = labels_of(workload)
        name = labels.get(DATA) or "-".join(role_of(workload))
        ports = frozenset(port["containerPort"] for port in main_of(workload).get("ports", []))
        data = {"voting-db": {5432}, "platform-db": {5432}, "events": {5672}}
        yield Peer(name, frozenset(labels.items()), ports=frozenset(data.get(name, ports)))
    for path, kind in (
        ("spec.inheritedMetadata.labels", "Cluster"),
        ("spec.template.metadata.labels", "Pooler"),
        ("spec.override.statefulSet.spec.template.metadata.labels", "RabbitmqCluster"),
    ):
        for each in of.all(kind):
            labels = path_of(each, path, {})
            port = 5672 if kind == "RabbitmqCluster" else 5432
            name = {"Pooler": path_of(each, "spec.cluster.name")}.get(kind, name_of(each))
            yield Peer(str(name), frozenset(labels.items()), ports=frozenset({port}))


def _wanted(of: Rendering, pods: list[Peer]) -> Iterator[tuple[str, str, int]]:
    """The calls that settings lead to, and what comes from outside."""
    services = dict(_services(of))
    for workload in of.ours:
        role = role_of(workload)
        told, source = environment_of(of, workload), "-".join(role)
        for variable in CALLS.get(role, set()):
            if variable == SMTP:
                yield from ((source, "outside", port) for port in MAIL)
                continue
            urls = json.loads(told[variable]).values() if variable == SERVICES else [told[variable]]
            for url in urls:
                parts = urlsplit(url)
                target, port = services.get((parts.hostname, parts.port), (f"nobody ({url})", 0))
                if target != source:
                    yield source, target, port
        yield source, "monitoring", COLLECTOR
    for pod in pods:
        yield from (("monitoring", pod.name, port) for port in pod.ports & {8000, 8081})
    yield from ((who, "gateway-api", 8080) for who in ("outside", "monitoring"))


def _services(of: Rendering) -> Iterator[tuple[tuple[str | None, int | None], tuple[str, int]]]:
    """(host, port) -> (pod, its port), also of the Services that operators make."""
    for service in of.all("Service"):
        for workload in of.all(*WORKLOADS):
            if service["spec"]["selector"].items() <= labels_of(workload).items():
                numbers = {port["name"]: port["containerPort"] for port in main_of(workload)["ports"]}
                target = labels_of(workload).get(DATA) or "-".join(role_of(workload))
                for port in service["spec"]["ports"]:
                    yield (name_of(service), port["port"]), (target, numbers[port["targetPort"]])
    for each in of.all("Cluster", "Pooler", "RabbitmqCluster"):
        name = name_of(each)
        match each["kind"]:
            case "Cluster":
                yield (f"{name}-rw", 5432), (name, 5432)
            case "Pooler":
                yield (name, 5432), (each["spec"]["cluster"]["name"], 5432)
            case _:
                yield (name, 5672), (name, 5672)


def _allowed(policies: list[Object], source: Peer, target: Peer, port: int) -> bool:
    leaves = source.namespace != "inspraak" or _passes(policies, source, target, port, "Egress")
    return leaves and (target.namespace != "inspraak" or _passes(policies, target, source, port, "Ingress"))


def _passes(policies: list[Object], of: Peer, other: Peer, port: int, way: str) -> bool:
    """Whether policies that concern a pod let traffic with the other pass; all does where none concerns it."""
    own = [p["spec"] for p in policies if way in p["spec"]["policyTypes"] and _selects(p["spec"]["podSelector"], of)]
    peers = "to" if way == "Egress" else "from"
    rules = [rule for spec in own for rule in spec.get(way.lower(), [])]
    return not own or any(_port(rule, port) and _peer(rule.get(peers), other) for rule in rules)


def _port(rule: Object, port: int) -> bool:
    return "ports" not in rule or any(each["port"] == port for each in rule["ports"])


def _peer(peers: list[Object] | None, other: Peer) -> bool:
    return peers is None or any(_is(peer, other) for peer in peers)


def _is(peer: Object, other: Peer) -> bool:
    if "namespaceSelector" in peer:
        return _matches(peer["namespaceSelector"], {"kubernetes.io/metadata.name": other.namespace})
    return other.namespace == "inspraak" and "podSelector" in peer and _selects(peer["podSelector"], other)


def _selects(selector: Object, pod: Peer) -> bool:
    return _matches(selector, dict(pod.labels))


def _matches(selector: Object, labels: Mapping[str, Any]) -> bool:
    exact = all(labels.get(key) == value for key, value in selector.get("matchLabels", {}).items())
    return exact and all(labels.get(one["key"]) in one["values"] for one in selector.get("matchExpressions", []))
