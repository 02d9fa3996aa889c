"""Scaling, connections and times fit together."""

import re
from collections.abc import Iterator

from chassis.db import ASKED_AT_FIRST

from deploy.tests.checks.registry import check
from deploy.tests.checks.settings import environment_of, settings_of, table
from deploy.tests.rendering import Object, Rendering, main_of, name_of, path_of, role_of, title

SCALERS = ("ScaledObject", "HorizontalPodAutoscaler")
OWN_CONNECTIONS = 20  # migrations, exporter, the operator, replication, three for superusers
SECONDS = {"s": 1, "m": 60, "h": 3600}


def _bounds(scaler: Object) -> tuple[int, int]:
    spec = scaler["spec"]
    low = spec.get("minReplicaCount", spec.get("minReplicas", 1))
    return low, spec.get("maxReplicaCount", spec.get("maxReplicas", 1))


@check
def scaling(of: Rendering) -> Iterator[str]:
    """One scaler at the most for a Deployment that exists and says no number itself; in production two pods or more."""
    targets = [scaler["spec"]["scaleTargetRef"]["name"] for scaler in of.all(*SCALERS)]
    for scaler in of.all(*SCALERS):
        target, (low, high) = scaler["spec"]["scaleTargetRef"]["name"], _bounds(scaler)
        if target not in of.names("Deployment"):
            yield f"{title(scaler)} scales {target}, which is not there"
        elif "replicas" in of.get("Deployment", target)["spec"]:
            yield f"Deployment {target} says how many it is although {title(scaler)} decides that"
        if targets.count(target) > 1:
            yield f"Deployment {target} has two scalers"
        wanted = [
            int(path_of(trigger, "metadata.desiredReplicas", 0)) for trigger in scaler["spec"].get("triggers", [])
        ]
        if not low <= max([low, path_of(scaler, "spec.fallback.replicas", low), *wanted]) <= high:
            yield f"{title(scaler)} cannot reach what it promises"
    for workload in of.ours if of.production else ():
        _, component = role_of(workload)
        if (
            component in ("api", "worker")
            and name_of(workload) not in targets
            and workload["spec"].get("replicas", 1) < 2
        ):
            yield f"{title(workload)} is one pod in production"


@check
def what_is_scaled_by_exists(of: Rendering) -> Iterator[str]:
    """Prometheus is asked for metrics that the code has, the broker for queues that exist."""
    queues = {path_of(each, "spec.name") for each in of.all("Queue")}
    for scaler in of.all("ScaledObject"):
        for trigger in scaler["spec"]["triggers"]:
            told = trigger["metadata"]
            if "query" in told and told["query"] != _in_flight(scaler["spec"]["scaleTargetRef"]["name"]):
                yield f"{title(scaler)} asks for a metric that nobody tells: {told['query']}"
            if queues and "queueName" in told and told["queueName"] not in queues:
                yield f"{title(scaler)} counts the queue {told['queueName']}, which is not there"


def _in_flight(service: str) -> str:
    return f'sum(http_server_active_requests{{service="{service}"}})'  # chassis.telemetry.ACTIVE_REQUESTS


def most(of: Rendering, workload: Object) -> int:
    """The most pods of a Deployment at one moment: as far as it scales, and one more during an update."""
    for scaler in of.all(*SCALERS):
        if scaler["spec"]["scaleTargetRef"]["name"] == name_of(workload):
            return _bounds(scaler)[1] + 1
    return int(workload["spec"].get("replicas", 1)) + 1


@check
def connections(of: Rendering) -> Iterator[str]:
    """All pods' pools fit into the poolers, and all poolers' into PostgreSQL."""
    for pooler in of.all("Pooler"):
        cluster, parameters = pooler["spec"]["cluster"]["name"], pooler["spec"]["pgbouncer"]["parameters"]
        clients, pairs = 0, set[str]()
        for workload in of.ours:
            told = environment_of(of, workload)
            if f"@{name_of(pooler)}:" not in told.get("INSPRAAK_DATABASE_URL", ""):
                continue
            service, _ = role_of(workload)
            pairs.add(service)
            clients += most(of, workload) * _pool(service, told)
        instances = pooler["spec"]["instances"]
        if clients > instances * int(parameters["max_client_conn"]):
            yield f"{title(pooler)}: {clients} connections of pods do not fit"
        server = instances * int(parameters["default_pool_size"]) * len(pairs) + OWN_CONNECTIONS
        allowed = int(of.get("Cluster", cluster)["spec"]["postgresql"]["parameters"]["max_connections"])
        if server > allowed:
            yield f"{title(pooler)}: its {server} connections do not fit into the {allowed} of {cluster}"
        if (
            int(parameters.get("max_prepared_statements", 0)) <= 0
            or pooler["spec"]["pgbouncer"]["poolMode"] != "transaction"
        ):
            yield f"{title(pooler)} does not keep prepared statements in transaction mode"
        ignored = set(re.split(r"[,\s]+", parameters.get("ignore_startup_parameters", "")))
        yield from (
            f"{title(pooler)} refuses connections that ask for {name}" for name in ASKED_AT_FIRST.keys() - ignored
        )


def _pool(service: str, told: dict[str, str]) -> int:
    """Connections of one pod: the pool, and for voting those of the ballot box."""
    fields = settings_of(service).model_fields
    names = [name for name in ("database_pool", "vote_writers") if name in fields]
    return sum(int(told.get(f"INSPRAAK_{name.upper()}", fields[name].default)) for name in names)


@check
def times(of: Rendering) -> Iterator[str]:
    """Who waits for another waits longer than that one may take."""
    longest = max(route.timeout for route in table().routes)
    for route in of.all("HTTPRoute"):
        for rule in route["spec"]["rules"]:
            for name, text in rule.get("timeouts", {}).items():
                number, unit = re.fullmatch(r"(\d+)([smh])", text).groups()
                if int(number) and int(number) * SECONDS[unit] <= longest:
                    yield f"{title(route)}: its {name} timeout cuts off routes that may take {longest} s"


@check
def durability(of: Rendering) -> Iterator[str]:
    """A vote that was answered is on two machines, its changes are archived, and every night there is a copy."""
    for cluster in of.all("Cluster"):
        synchronous = path_of(cluster, "spec.postgresql.synchronous", {})
        if synchronous.get("number", 0) < 1 or synchronous.get("dataDurability") != "required":
            yield f"{title(cluster)} answers before a second machine has it"
        if cluster["spec"]["instances"] < 3:
            yield f"{title(cluster)} stops when one machine does"
        if not any(plugin.get("isWALArchiver") for plugin in cluster["spec"].get("plugins", [])):
            yield f"{title(cluster)} archives nothing"
        nightly = [each for each in of.all("ScheduledBackup") if each["spec"]["cluster"]["name"] == name_of(cluster)]
        if not nightly or any(len(each["spec"]["schedule"].split()) != 6 for each in nightly):
            yield f"{title(cluster)} has no nightly copy"


@check
def measured(of: Rendering) -> Iterator[str]:
    """Where Prometheus finds pods by annotations it is told the port that has /metrics."""
    if "observability" not in of.components:
        return
    for workload in of.ours:
        name, component = role_of(workload)
        if component not in ("api", "worker"):
            continue
        told = path_of(workload, "spec.template.metadata.annotations", {})
        wanted = "internal" if name == "gateway" else "http"
        port = next(port["containerPort"] for port in main_of(workload)["ports"] if port["name"] == wanted)
        if told.get("prometheus.io/scrape") != "true" or told.get("prometheus.io/port") != str(port):
            yield f"{title(workload)} is not measured on {port}"
