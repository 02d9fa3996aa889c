"""What kustomize makes of an overlay, or of a choice of components, and how to look things up in it."""

import copy
import functools
import hashlib
import itertools
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml
from inspraak_dev.programs import kustomize

K8S = Path(__file__).parents[1] / "k8s"
NAME, COMPONENT, PART = (f"app.kubernetes.io/{word}" for word in ("name", "component", "part-of"))
DATA = "inspraak/data"
Object = dict[str, Any]
OVERLAYS = ("dev", "production")
IMAGES = ("gateway", "web", "tenancy", "identity", "voting", "notifications")
WORKLOADS = ("Deployment", "StatefulSet", "Job")
STORES = (("data-plain", "dev-secrets"), ("data-operators", "external-secrets"))
SCALERS = ((), ("autoscaling-hpa",), ("autoscaling-keda",))
OPTIONAL = ("network-policies", "gateway-api", "observability")


@dataclass(frozen=True)
class Rendering:
    """The objects of one rendering."""

    name: str
    objects: list[Object]
    components: frozenset[str] = field(default_factory=frozenset)

    @property
    def production(self) -> bool:
        return self.name == "production"

    def all(self, *kinds: str) -> Iterator[Object]:
        return (each for each in self.objects if each["kind"] in kinds)

    def names(self, *kinds: str) -> set[str]:
        return {name_of(each) for each in self.all(*kinds)}

    def get(self, kind: str, name: str) -> Object:
        """The object; of ConfigMaps, whose names end in a hash, the one that begins so."""
        for each in self.all(kind):
            found = name_of(each)
            if found == name or (kind == "ConfigMap" and found.rpartition("-")[0] == name):
                return each
        raise LookupError(f"there is no {kind} {name} in {self.name}")

    def copy(self) -> "Rendering":
        """One that may be changed."""
        return replace(self, objects=copy.deepcopy(self.objects))

    @property
    def ours(self) -> Iterator[Object]:
        """The workloads that run our images, and Redis."""
        return (each for each in self.all(*WORKLOADS) if labels_of(each).get(PART) == "inspraak")


def name_of(thing: Object) -> str:
    return str(thing["metadata"]["name"])


def title(thing: Object) -> str:
    return f"{thing['kind']} {name_of(thing)}"


def pod_of(workload: Object) -> Object:
    return workload["spec"]["template"]


def labels_of(workload: Object) -> dict[str, str]:
    return pod_of(workload)["metadata"].get("labels", {})


def role_of(workload: Object) -> tuple[str, str]:
    labels = labels_of(workload)
    return labels.get(NAME, ""), labels.get(COMPONENT, "")


def main_of(workload: Object) -> Object:
    """The one container."""
    return pod_of(workload)["spec"]["containers"][0]


def path_of(thing: Any, path: str, default: Any = None) -> Any:
    """What stands at `spec.template.spec`, or the default."""
    for step in path.split("."):
        if not isinstance(thing, dict) or step not in thing:
            return default
        thing = thing[step]
    return thing


def combinations() -> list[tuple[str, ...]]:
    """Every choice of components that may stand on the base."""
    chosen = [some for number in range(len(OPTIONAL) + 1) for some in itertools.combinations(OPTIONAL, number)]
    return [(*stores, *scaler, *some) for stores in STORES for scaler in SCALERS for some in chosen]


@functools.cache
def overlay(name: str) -> Rendering:
    folder = K8S / "overlays" / name
    listed = yaml.safe_load((folder / "kustomization.yaml").read_text())["components"]
    return Rendering(name, _objects(folder), frozenset(Path(each).name for each in listed))


@functools.cache
def combination(components: tuple[str, ...]) -> Rendering:
    """The base with these components, from a folder beside the overlays that is there for this moment only."""
    with tempfile.TemporaryDirectory() as folder:
        to = os.path.relpath(K8S, folder)
        lines = {
            "apiVersion": "kustomize.config.k8s.io/v1beta1",
            "kind": "Kustomization",
            "namespace": "inspraak",
            "resources": [f"{to}/base"],
            "components": [f"{to}/components/{each}" for each in components],
            "images": [{"name": f"inspraak/{each}", "newTag": "1.0"} for each in IMAGES],
        }
        (Path(folder) / "kustomization.yaml").write_text(yaml.safe_dump(lines))
        return Rendering("+".join(components), _objects(Path(folder)), frozenset(components))


def _objects(folder: Path) -> list[Object]:
    return [each for each in yaml.load_all(kustomize.render(folder), Loader=yaml.CSafeLoader) if each]


def fingerprint(thing: Object) -> str:
    return hashlib.sha256(repr(thing).encode()).hexdigest()
