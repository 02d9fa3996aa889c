"""What is named exists: pods by selectors, ports, scale targets, keys of Secrets and ConfigMaps, accounts, backends."""

from collections.abc import Iterator

from deploy.tests.checks.registry import check
from deploy.tests.checks.settings import keys_of
from deploy.tests.rendering import (
    WORKLOADS,
    Object,
    Rendering,
    labels_of,
    main_of,
    name_of,
    path_of,
    pod_of,
    title,
)

LABELLED = {  # Secrets that an operator reads only with this label
    "importCredentialsSecret": ("rabbitmq.com/topology-operator", "true"),
}


@check
def selectors(of: Rendering) -> Iterator[str]:
    """Whoever selects pods selects some; two workloads never share a pod."""
    workloads = list(of.all(*WORKLOADS))
    for each in of.all("Service", "PodDisruptionBudget"):
        wanted = each["spec"]["selector"].get("matchLabels", each["spec"]["selector"])
        if not any(wanted.items() <= labels_of(workload).items() for workload in workloads):
            yield f"{title(each)} selects no pod"
    for workload in workloads:
        if workload["kind"] == "Job":
            continue
        selector = workload["spec"]["selector"]["matchLabels"]
        found = [title(other) for other in workloads if selector.items() <= labels_of(other).items()]
        if found != [title(workload)]:
            yield f"{title(workload)} selects the pods of {found}"


@check
def ports(of: Rendering) -> Iterator[str]:
    """A Service leads to ports that its pods have; probes and routes too."""
    for service in of.all("Service"):
        for workload in of.all(*WORKLOADS):
            if not service["spec"]["selector"].items() <= labels_of(workload).items():
                continue
            named = {port["name"] for port in main_of(workload).get("ports", [])}
            missing = {port["targetPort"] for port in service["spec"]["ports"]} - named
            yield from (f"{title(service)} leads to {port}, which {title(workload)} has not" for port in missing)
    for workload in of.all(*WORKLOADS):
        main = main_of(workload)
        named = {port["name"] for port in main.get("ports", [])}
        for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
            for way in ("httpGet", "tcpSocket"):
                port = path_of(main, f"{probe}.{way}.port")
                if port is not None and port not in named:
                    yield f"{title(workload)}: its {probe} asks {port}, which it has not"


@check
def secrets_and_settings(of: Rendering) -> Iterator[str]:
    """Every Secret and ConfigMap that is used is there with the keys that are used, and none is there for nothing."""
    used: set[tuple[str, str]] = set()
    for user, kind, name, keys in _references(of):
        used.add((kind, name))
        found = keys_of(of, kind, name)
        if found is None:
            yield f"{user} uses the {kind} {name}, which nobody makes"
        else:
            yield from (f"{user} uses the key {key} of {kind} {name}, which it has not" for key in keys - found.keys())
    made = {("ConfigMap", name) for name in of.names("ConfigMap")} | {("Secret", name) for name in of.names("Secret")}
    made |= {("Secret", each["spec"]["target"]["name"]) for each in of.all("ExternalSecret")}
    optional = {("Secret", "keda-rabbitmq")}  # KEDA is a choice
    yield from (f"nobody uses the {kind} {name}" for kind, name in sorted(made - used - optional))


def _references(of: Rendering) -> Iterator[tuple[str, str, str, set[str]]]:
    for workload in of.all(*WORKLOADS):
        for source in main_of(workload).get("envFrom", []):
            kind = "ConfigMap" if "configMapRef" in source else "Secret"
            yield title(workload), kind, next(iter(source.values()))["name"], set()
        for entry in main_of(workload).get("env", []):
            for way, kind in (("secretKeyRef", "Secret"), ("configMapKeyRef", "ConfigMap")):
                if found := path_of(entry, f"valueFrom.{way}"):
                    yield title(workload), kind, found["name"], {found["key"]}
        for volume in pod_of(workload)["spec"].get("volumes", []):
            if "configMap" in volume:
                yield title(workload), "ConfigMap", volume["configMap"]["name"], set()
    yield from _of_operators(of)


def _of_operators(of: Rendering) -> Iterator[tuple[str, str, str, set[str]]]:
    login = {"username", "password"}
    for each in of.objects:
        for path in ("passwordSecret", "importCredentialsSecret", "bootstrap.initdb.secret"):
            if found := path_of(each, f"spec.{path}"):
                yield title(each), "Secret", found["name"], login
        for reference in path_of(each, "spec.secretTargetRef", []):
            yield title(each), "Secret", reference["name"], {reference["key"]}
        for reference in path_of(each, "spec.configuration.s3Credentials", {}).values():
            yield title(each), "Secret", reference["name"], {reference["key"]}


@check
def labels_for_operators(of: Rendering) -> Iterator[str]:
    """The topology operator reads only Secrets that say that it may."""
    by_target = {each["spec"]["target"]["name"]: each for each in of.all("ExternalSecret")}
    for user in of.all("User"):
        name = path_of(user, "spec.importCredentialsSecret.name")
        if name in by_target:
            found = path_of(by_target[name], "spec.target.template.metadata.labels", {})
            label, value = LABELLED["importCredentialsSecret"]
            if found.get(label) != value:
                yield f"{title(user)}: its Secret lacks the label {label}"


@check
def accounts_and_owners(of: Rendering) -> Iterator[str]:
    """Accounts, clusters, brokers, users, volumes and stores that are named exist."""
    clusters, brokers, stores = of.names("Cluster"), of.names("RabbitmqCluster"), of.names("ObjectStore")
    for workload in of.ours:
        account = pod_of(workload)["spec"].get("serviceAccountName")
        if account not in of.names("ServiceAccount"):
            yield f"{title(workload)} runs as {account}, which is no ServiceAccount"
    for each in of.objects:
        for path, known in (
            ("spec.cluster.name", clusters),
            ("spec.rabbitmqClusterReference.name", brokers),
            ("spec.userReference.name", of.names("User")),
        ):
            named = path_of(each, path)
            if named is not None and named not in known:
                yield f"{title(each)} names {named}, which is not there"
        for plugin in path_of(each, "spec.plugins", []):
            if path_of(plugin, "parameters.barmanObjectName") not in stores:
                yield f"{title(each)} keeps its backups nowhere"
        for trigger in path_of(each, "spec.triggers", []):
            named = path_of(trigger, "authenticationRef.name")
            if named is not None and named not in of.names("TriggerAuthentication"):
                yield f"{title(each)} names {named}, which is not there"


@check
def way_in(of: Rendering) -> Iterator[str]:
    """Routes hang on listeners that exist, lead to ports that exist, and certificates have a maker."""
    listeners = {
        (name_of(gateway), listener["name"]): listener
        for gateway in of.all("Gateway")
        for listener in gateway["spec"]["listeners"]
    }
    for gateway in of.all("Gateway"):
        made = "cert-manager.io/cluster-issuer" in gateway["metadata"].get("annotations", {})
        if not made and any("tls" in listener for listener in gateway["spec"]["listeners"]):
            yield f"{title(gateway)}: nobody makes its certificate"
    for route in of.all("HTTPRoute"):
        for parent in route["spec"]["parentRefs"]:
            listener = listeners.get((parent["name"], parent["sectionName"]))
            if listener is None:
                yield f"{title(route)} hangs on {parent['sectionName']}, which is no listener"
            elif set(route["spec"]["hostnames"]) - {listener["hostname"]}:
                yield f"{title(route)} has names that its listener has not"
        for rule in route["spec"]["rules"]:
            yield from _backends(of, route, rule)


def _backends(of: Rendering, route: Object, rule: Object) -> Iterator[str]:
    there = {(name_of(each), port["port"]) for each in of.all("Service") for port in each["spec"]["ports"]}
    for backend in rule.get("backendRefs", []):
        if (backend["name"], backend["port"]) not in there:
            yield f"{title(route)} leads to {backend['name']}:{backend['port']}, which is not there"
