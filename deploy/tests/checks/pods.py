"""Every pod: restricted security, images that say what they are, an end that loses nothing, room to move."""

import re
from collections.abc import Iterator

from deploy.tests.checks.registry import check
from deploy.tests.checks.settings import environment_of
from deploy.tests.rendering import WORKLOADS, Object, Rendering, main_of, path_of, pod_of, role_of, title

DIGEST = re.compile(r"@sha256:[0-9a-f]{64}$")
VERSION = re.compile(r":(\d+\.\d+[\w.-]*|dev)$")
RESTRICTED_VOLUMES = {
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "persistentVolumeClaim",
    "projected",
    "secret",
}
HOST = ("hostNetwork", "hostPID", "hostIPC")


@check
def pod_security(of: Rendering) -> Iterator[str]:
    """Kubernetes' restricted standard, and a root that cannot be written to in what is ours."""
    for workload in of.all(*WORKLOADS):
        spec = pod_of(workload)["spec"]
        of_pod = spec.get("securityContext", {})
        yield from (f"{title(workload)} uses {word}" for word in HOST if spec.get(word))
        for volume in spec.get("volumes", []):
            if not RESTRICTED_VOLUMES & volume.keys():
                yield f"{title(workload)}: the volume {volume['name']} is of a kind that is not allowed"
        if spec.get("automountServiceAccountToken") is not False or spec.get("enableServiceLinks") is not False:
            yield f"{title(workload)} is told more of the cluster than it needs"
        for container in [*spec["containers"], *spec.get("initContainers", [])]:
            yield from (f"{title(workload)}: {what}" for what in _unrestricted(container, of_pod))


def _unrestricted(container: Object, of_pod: Object) -> Iterator[str]:
    own = container.get("securityContext", {})
    both = of_pod | own
    if own.get("privileged") or own.get("allowPrivilegeEscalation") is not False:
        yield "it may gain privileges"
    if both.get("runAsNonRoot") is not True or not both.get("runAsUser"):
        yield "it may run as root"
    if path_of(both, "seccompProfile.type") not in ("RuntimeDefault", "Localhost"):
        yield "it has no seccomp profile"
    capabilities = own.get("capabilities", {})
    if capabilities.get("drop") != ["ALL"] or set(capabilities.get("add", [])) - {"NET_BIND_SERVICE"}:
        yield "it keeps capabilities"
    if any(port.get("hostPort") for port in container.get("ports", [])):
        yield "it takes a port of its machine"


@check
def read_only_root(of: Rendering) -> Iterator[str]:
    """What is ours writes to /tmp and nowhere else."""
    for workload in of.ours:
        main = main_of(workload)
        mounts = [mount["mountPath"] for mount in main.get("volumeMounts", [])]
        if not path_of(main, "securityContext.readOnlyRootFilesystem") or "/tmp" not in mounts:  # noqa: S108 - in a pod
            yield f"{title(workload)} may write elsewhere than in /tmp"


@check
def images(of: Rendering) -> Iterator[str]:
    """Nobody runs :latest; in production an image is known by its content."""
    for workload in of.all(*WORKLOADS):
        image = main_of(workload)["image"]
        if of.production and not DIGEST.search(image):
            yield f"{title(workload)}: {image} has no digest"
        elif not DIGEST.search(image) and not VERSION.search(image):
            yield f"{title(workload)}: {image} has no version"
    for cluster in of.all("Cluster"):
        if not VERSION.search(cluster["spec"].get("imageName", "")):
            yield f"{title(cluster)}: its image has no version"


@check
def drain(of: Rendering) -> Iterator[str]:
    """A pod has time to be forgotten by its callers, to finish its requests, and then its messages."""
    for workload in of.ours:
        if workload["kind"] != "Deployment":
            continue
        spec = pod_of(workload)["spec"]
        forgotten = path_of(main_of(workload), "lifecycle.preStop.sleep.seconds", 0)
        graceful = int(environment_of(of, workload).get("INSPRAAK_GRACEFUL_SHUTDOWN", 30))
        if forgotten < 5:
            yield f"{title(workload)} ends before others know of it"
        if spec.get("terminationGracePeriodSeconds", 30) <= forgotten + graceful * 5 / 3:  # chassis.worker: two thirds
            yield f"{title(workload)} is killed before it has finished"


@check
def resources(of: Rendering) -> Iterator[str]:
    """What a pod needs is said; its memory ends somewhere, its CPU does not (throttling at a peak is worse)."""
    for workload in of.all(*WORKLOADS):
        found = main_of(workload).get("resources", {})
        if not {"cpu", "memory"} <= found.get("requests", {}).keys() or found.get("limits", {}).keys() != {"memory"}:
            yield f"{title(workload)} asks for CPU and memory, and limits memory only"


@check
def probes(of: Rendering) -> Iterator[str]:
    """Started and alive by /livez, which touches nothing; ready by /readyz; never on the public port."""
    for workload in of.ours:
        name, component = role_of(workload)
        if component not in ("api", "worker"):
            continue
        main = main_of(workload)
        port = "internal" if name == "gateway" else "http"
        for probe, path in (("startup", "/livez"), ("liveness", "/livez"), ("readiness", "/readyz")):
            found = path_of(main, f"{probe}Probe.httpGet", {})
            if (found.get("path"), found.get("port")) != (path, port):
                yield f"{title(workload)}: its {probe} probe does not ask {path} on {port}"


@check
def spread(of: Rendering) -> Iterator[str]:
    """Pods of one role stand on different machines in different zones, and one is taken away at a time."""
    budgets = [path_of(each, "spec.selector.matchLabels", {}) for each in of.all("PodDisruptionBudget")]
    for workload in of.ours:
        _, component = role_of(workload)
        if workload["kind"] != "Deployment" or component == "cache":
            continue
        constraints = pod_of(workload)["spec"].get("topologySpreadConstraints", [])
        if {one["topologyKey"] for one in constraints} != {"topology.kubernetes.io/zone", "kubernetes.io/hostname"}:
            yield f"{title(workload)} is not spread over zones and machines"
        if workload["spec"]["selector"]["matchLabels"] not in budgets:
            yield f"{title(workload)} has no disruption budget"
        if path_of(workload, "spec.strategy.rollingUpdate.maxUnavailable") != 0:
            yield f"{title(workload)} is updated by taking pods away first"
    for budget in of.all("PodDisruptionBudget"):
        if budget["spec"].get("maxUnavailable") != 1:
            yield f"{title(budget)} does not let one pod go at a time"
