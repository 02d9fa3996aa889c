"""Exchanges, queues, bindings and rights at the broker are those that the code declares."""

import re
from collections.abc import Iterator

from inspraak_dev.topology import topologies

from deploy.tests.checks.registry import check
from deploy.tests.checks.settings import environment_of
from deploy.tests.rendering import Rendering, name_of, role_of, title

DEFAULT_EXCHANGE = "amq.default"


@check
def topology(of: Rendering) -> Iterator[str]:
    """The same exchanges, queues with their arguments, and bindings as the workers would make."""
    if not of.names("RabbitmqCluster"):
        return
    exchanges, queues, bindings = {}, {}, set()
    for wanted in topologies():
        exchanges |= {each.name: (each.type, dict(each.arguments)) for each in wanted.exchanges}
        queues |= {each.name: dict(each.arguments) for each in wanted.queues}
        bindings |= {(exchange, each.name, key) for each in wanted.queues for exchange, key in each.bindings}
    specs = [each["spec"] for each in of.all("Exchange")]
    yield from _differ("exchange", exchanges, {s["name"]: (s["type"], s.get("arguments", {})) for s in specs})
    specs = [each["spec"] for each in of.all("Queue")]
    made = {s["name"]: {"x-queue-type": s.get("type", "classic")} | s.get("arguments", {}) for s in specs}
    yield from _differ("queue", queues, made)
    specs = [each["spec"] for each in of.all("Binding")]
    found = {(s["source"], s["destination"], s["routingKey"]) for s in specs if s["destinationType"] == "queue"}
    yield from (f"the binding {each} is not what the code declares" for each in sorted(bindings ^ found))
    for each in of.all("Exchange", "Queue", "Binding", "Permission"):
        if each["spec"].get("vhost") != "inspraak":
            yield f"{title(each)} is not in the virtual host inspraak"
        if each["kind"] in ("Exchange", "Queue") and not each["spec"].get("durable"):
            yield f"{title(each)} is gone after a restart"
        if each["kind"] == "Queue" and each["spec"].get("deletionPolicy") != "retain":
            yield f"{title(each)} is deleted with its messages when it is no longer listed"


def _differ(kind: str, wanted: dict, made: dict) -> Iterator[str]:
    for name in sorted(wanted.keys() | made.keys()):
        if wanted.get(name) != made.get(name):
            yield f"the {kind} {name} is {made.get(name)}, and the code declares {wanted.get(name)}"


@check
def rights(of: Rendering) -> Iterator[str]:
    """A service's user may publish, send by name, and read its own queues; it may make nothing."""
    if not of.names("RabbitmqCluster"):
        return
    granted = {each["spec"]["userReference"]["name"]: each["spec"]["permissions"] for each in of.all("Permission")}
    names = {DEFAULT_EXCHANGE, *(e.name for t in topologies() for e in (*t.exchanges, *t.queues))}
    for wanted in topologies():
        own = {wanted.service, wanted.parked} if wanted.consumes else set()
        allowed = granted.get(wanted.service, {})
        for right, needs in (("configure", set()), ("write", {"events", DEFAULT_EXCHANGE}), ("read", own)):
            expression = allowed.get(right) or "^$"
            found = {name for name in names if re.search(expression, name)}
            if found != needs:
                yield f"the user {wanted.service} may {right} {sorted(found)}, and needs {sorted(needs)}"


@check
def who_makes_the_topology(of: Rendering) -> Iterator[str]:
    """Workers look for what the operator makes, and make it themselves where there is no operator."""
    given = bool(of.names("RabbitmqCluster"))
    for workload in of.ours:
        if role_of(workload)[1] != "worker":
            continue
        told = environment_of(of, workload).get("INSPRAAK_TOPOLOGY_GIVEN", "false") == "true"
        if told != given:
            yield f"{title(workload)} is told INSPRAAK_TOPOLOGY_GIVEN={str(told).lower()}"


@check
def databases(of: Rendering) -> Iterator[str]:
    """Each service has a database that its owner owns; the role that serves owns nothing and passes no policy."""
    if not of.names("Cluster"):
        return
    specs = [each["spec"] for each in of.all("Database")]
    made = {spec["name"]: (spec["owner"], spec["cluster"]["name"]) for spec in specs}
    for cluster in of.all("Cluster"):
        first = cluster["spec"]["bootstrap"]["initdb"]
        made[first["database"]] = (first["owner"], name_of(cluster))
    roles = {each["spec"]["name"]: each["spec"] for each in of.all("DatabaseRole")}
    for service in [wanted.service for wanted in topologies()]:
        owner, cluster_name = made.get(service, (None, None))
        if owner != f"{service}_owner":
            yield f"the database {service} is not owned by {service}_owner"
        for role, bypass in ((service, False), (f"{service}_owner", True)):
            yield from _role(role, roles.get(role, {}), cluster_name, bypass=bypass)
        yield from _addresses(of, service, f"{cluster_name}-(rw|pooler)")


def _role(role: str, spec: dict, cluster: str | None, *, bypass: bool) -> Iterator[str]:
    if not spec.get("login") or spec.get("cluster", {}).get("name") != cluster:
        yield f"the role {role} cannot log in to {cluster}"
    if bool(spec.get("bypassrls")) != bypass or spec.get("superuser"):
        yield f"the role {role} has the wrong rights"


def _addresses(of: Rendering, service: str, host: str) -> Iterator[str]:
    """Owners by the direct way, since a pooler keeps no locks of a session; all others by the pooler."""
    for workload in of.ours:
        if role_of(workload)[0] != service:
            continue
        told = environment_of(of, workload)
        for variable, role in (("DATABASE_URL", service), ("MIGRATION_DATABASE_URL", f"{service}_owner")):
            url = told.get(f"INSPRAAK_{variable}")
            if url and not re.fullmatch(rf"postgresql://{role}(:[^@]+)?@{host}:5432/{service}", url):
                yield f"{title(workload)} does not use its database as {role}: {url}"
        if "-pooler" in told.get("INSPRAAK_MIGRATION_DATABASE_URL", ""):
            yield f"{title(workload)} migrates through a pooler"
