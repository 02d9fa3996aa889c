"""Every metric that the platform's processes export, found in their code; and `docs/metrics.md`."""

import functools
import importlib
import inspect
import pkgutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from prometheus_client.metrics import MetricWrapperBase

PACKAGES = ("chassis", "tenancy", "identity", "voting", "notifications", "gateway", "web")
SUFFIXES = {"counter": ("_total",), "gauge": ("",), "histogram": ("_bucket", "_sum", "_count")}
OF_THE_SCRAPE = ("job", "instance")


@dataclass(frozen=True)
class Measured:
    """A metric as it is defined: its family's name, kind, labels, help, and the module that defines it."""

    name: str
    kind: str
    labels: tuple[str, ...]
    help: str
    module: str

    @property
    def series(self) -> tuple[str, ...]:
        """The names under which Prometheus stores it."""
        return tuple(f"{self.name}{suffix}" for suffix in SUFFIXES[self.kind])

    @property
    def title(self) -> str:
        """The name to look it up by."""
        return self.series[0] if self.kind == "counter" else self.name


@functools.cache
def metrics() -> tuple[Measured, ...]:
    """All metrics of the code, by name. Imports every module of the platform, connects to nothing."""
    found: dict[str, Measured] = {}
    for module in _modules():
        for value in vars(module).values():
            if isinstance(value, MetricWrapperBase):
                measured = _measured(value, module)
                known = found.get(measured.name)
                if known is None or _defines(module, value):
                    found[measured.name] = measured
    return tuple(sorted(found.values(), key=lambda one: one.name))


def _modules() -> Iterator[ModuleType]:
    for package in PACKAGES:
        root = importlib.import_module(package)
        yield root
        for module in pkgutil.walk_packages(root.__path__, f"{package}."):
            if not module.name.endswith(".__main__"):
                yield importlib.import_module(module.name)


def _measured(metric: MetricWrapperBase, module: ModuleType) -> Measured:
    [family] = metric.describe()
    labels: Any = metric._labelnames  # noqa: SLF001 - describe() tells everything but these
    return Measured(family.name, family.type, tuple(labels), family.documentation, module.__name__)


def _defines(module: ModuleType, metric: MetricWrapperBase) -> bool:
    """Whether a metric is made in this module and not imported from another: only there stands its name in quotes."""
    [family] = metric.describe()
    return f'"{family.name}' in inspect.getsource(module)


@dataclass(frozen=True)
class Foreign:
    """A series that others export and that our alerts or dashboards read."""

    labels: tuple[str, ...]
    by: str
    help: str


FOREIGN: Mapping[str, Foreign] = {
    "up": Foreign((), "Prometheus", "1 when the last scrape of a process succeeded"),
    "certmanager_certificate_expiration_timestamp_seconds": Foreign(
        ("name", "namespace"), "cert-manager", "When a certificate ends, seconds since the epoch"
    ),
    "barman_cloud_cloudnative_pg_io_last_available_backup_timestamp": Foreign(
        ("namespace", "pod"), "CloudNativePG with the Barman Cloud plugin", "When the last good backup was made"
    ),
    "cnpg_pg_stat_archiver_seconds_since_last_archival": Foreign(
        ("namespace", "pod"), "CloudNativePG", "Time since the write-ahead log was last archived"
    ),
    "cnpg_pg_replication_streaming_replicas": Foreign(
        ("namespace", "pod"), "CloudNativePG", "Standbys that stream from this instance"
    ),
    "cnpg_pg_replication_in_recovery": Foreign(("namespace", "pod"), "CloudNativePG", "1 on a standby, 0 on a primary"),
    "rabbitmq_alarms_memory_used_watermark": Foreign((), "RabbitMQ", "1 while a node is short of memory"),
    "rabbitmq_alarms_free_disk_space_watermark": Foreign((), "RabbitMQ", "1 while a node is short of disk"),
    "rabbitmq_unreachable_cluster_peers_count": Foreign((), "RabbitMQ", "Nodes that a node does not reach"),
}


def labels_of() -> dict[str, frozenset[str]]:
    """Every known series and the labels that it may be asked for, those of the scrape included."""
    known: dict[str, frozenset[str]] = {}
    for one in metrics():
        for series in one.series:
            known[series] = frozenset((*one.labels, *OF_THE_SCRAPE, *(("le",) if series.endswith("_bucket") else ())))
    for name, foreign in FOREIGN.items():
        known[name] = frozenset((*foreign.labels, *OF_THE_SCRAPE))
    return known


HEAD = """\
# Metrics

Written by `make contracts` from the code; `.uv/bin/uv run inspraak metrics` prints the same list. Every process tells
its numbers at `/metrics`, the gateway on its internal listener. A counter's series ends in `_total`, a histogram's
in `_bucket`, `_sum` and `_count`. No label holds a person, a government, a poll or an address.

Alerts and dashboards expect the label `job` to be the process's name (`voting`, `gateway` …) and the label `service` of
our own metrics to be left as it is: see `deploy/observability/README.md`.

"""


def document() -> str:
    """The text of `docs/metrics.md`."""
    ours = [
        f"| `{one.title}` | {one.kind} | {_quoted(one.labels)} | {one.help} | `{one.module}` |" for one in metrics()
    ]
    others = [f"| `{name}` | {_quoted(one.labels)} | {one.help} | {one.by} |" for name, one in FOREIGN.items()]
    return HEAD + "\n".join(
        [
            "| metric | kind | labels | what it says | defined in |",
            "|---|---|---|---|---|",
            *ours,
            "",
            "## Metrics of others that the alerts and dashboards read",
            "| metric | labels | what it says | told by |",
            "|---|---|---|---|",
            *others,
            "",
        ]
    )


def _quoted(labels: tuple[str, ...]) -> str:
    return ", ".join(f"`{label}`" for label in labels)


def main(_: list[str]) -> int:
    """`inspraak metrics`: one line a metric."""
    for one in metrics():
        labels = f"{{{', '.join(one.labels)}}}" if one.labels else ""
        print(f"{one.title}{labels}  {one.kind}  {one.help}")
    return 0
