"""`deploy/observability/rules.yaml`: objectives become recording rules and burn-rate alerts, alerts by hand join them.

An objective allows a share of bad events, its budget, over 30 days. A burn rate of 14.4 uses up 2 % of the budget in an
hour. Each alert asks two windows: the long one says that it matters, the short one that it still goes on.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, model_validator

from inspraak_dev.errors import StackError

Rule = dict[str, Any]
RUNBOOKS = "docs/runbooks"
HEAD = """\
# Written by `make contracts` from slos.yaml and alerts.yaml: change those. promtool takes this file as it is.
"""


@dataclass(frozen=True)
class Burn:
    """How many times too fast a budget is used up, over which two windows, and who hears of it."""

    rate: float
    long: str
    short: str
    severity: str

    @property
    def pace(self) -> str:
        """What the alert's name ends in."""
        return "Fast" if self.severity == "page" else "Slowly"


BURNS = (
    Burn(14.4, "1h", "5m", "page"),
    Burn(6, "6h", "30m", "page"),
    Burn(3, "1d", "2h", "ticket"),
    Burn(1, "3d", "6h", "ticket"),
)
WINDOWS = ("5m", "30m", "1h", "2h", "6h", "1d", "3d")
SECONDS = {"m": 60, "h": 3600, "d": 86400}


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Slo(_Strict):
    """One objective of `slos.yaml`, which says what its fields mean."""

    name: str = Field(pattern=r"^[A-Z]\w+$")
    objective: float = Field(gt=0, lt=100)
    description: str
    bad: str | None = None
    total: str | None = None
    bad_while: str | None = None
    at_least: int = Field(default=0, ge=0)
    runbook: str

    @model_validator(mode="after")
    def _events_or_time(self) -> "Slo":
        if (self.bad_while is None) == (self.bad is None or self.total is None):
            raise ValueError(f"{self.name}: either bad and total, or bad_while")
        return self

    @property
    def budget(self) -> float:
        """The share of bad events that is allowed."""
        return round(1 - self.objective / 100, 8)

    def share(self, window: str) -> str:
        """PromQL for the share of bad events in a window."""
        if self.bad_while is not None:
            return f'avg_over_time(slo:bad:now{{slo="{self.name}"}}[{window}])'
        return f"({self.bad}) / ({self.total})".replace("$window", window)

    def events(self, window: str) -> str | None:
        """PromQL that holds when there were enough bad events in a window; None for an objective of time."""
        if self.bad is None or not self.at_least:
            return None
        bad = self.bad.replace("$window", window)
        return f"({bad}) * {seconds(window)} >= {self.at_least}"


class Alert(_Strict):
    """One alert of `alerts.yaml`."""

    name: str = Field(pattern=r"^[A-Z]\w+$")
    expr: str
    for_: str = Field(default="0m", alias="for", pattern=r"^\d+[mh]$")
    severity: str = Field(pattern="^(page|ticket)$")
    summary: str
    description: str
    runbook: str


def seconds(window: str) -> int:
    """A window's length: `seconds("5m") == 300`."""
    return int(window[:-1]) * SECONDS[window[-1]]


def slos(folder: Path) -> Sequence[Slo]:
    """The objectives of a folder's `slos.yaml`."""
    return [Slo.model_validate(entry) for entry in _read(folder / "slos.yaml")["slos"]]


def alerts(folder: Path) -> Sequence[Alert]:
    """The alerts of a folder's `alerts.yaml`."""
    return [Alert.model_validate(entry) for entry in _read(folder / "alerts.yaml")["alerts"]]


def document(folder: Path) -> str:
    """The text of `rules.yaml`; a `StackError` where two alerts have one name."""
    objectives, by_hand = slos(folder), alerts(folder)
    names = [slo.name for slo in objectives] + [alert.name for alert in by_hand]
    if twice := {name for name in names if names.count(name) > 1}:
        raise StackError(f"{folder}: more than one objective or alert is called {', '.join(sorted(twice))}")
    groups = [
        {"name": "inspraak-objectives", "interval": "1m", "rules": list(_recorded(objectives))},
        {"name": "inspraak-budgets", "interval": "1m", "rules": list(_burning(objectives))},
        {"name": "inspraak-alerts", "interval": "30s", "rules": [_alert(alert) for alert in by_hand]},
    ]
    return HEAD + yaml.safe_dump({"groups": groups}, sort_keys=False, width=10_000, allow_unicode=True)


def _recorded(objectives: Iterable[Slo]) -> Iterable[Rule]:
    for slo in objectives:
        if slo.bad_while is not None:
            yield {"record": "slo:bad:now", "expr": slo.bad_while, "labels": {"slo": slo.name}}
        for window in WINDOWS:
            yield {"record": f"slo:bad:ratio{window}", "expr": slo.share(window), "labels": {"slo": slo.name}}


def _burning(objectives: Iterable[Slo]) -> Iterable[Rule]:
    for slo in objectives:
        for burn in BURNS:
            yield {
                "alert": f"{slo.name}BudgetBurns{burn.pace}",
                "expr": _too_fast(slo, burn),
                "for": "2m",
                "labels": {"severity": burn.severity, "slo": slo.name, "burn_rate": f"{burn.rate:g}"},
                "annotations": {
                    "summary": f"{{{{ $value | humanizePercentage }}}} bad in {burn.long}: {slo.name} promises"
                    f" {slo.objective:g} % good",
                    "description": f"{slo.description} At this pace the budget of 30 days is gone in"
                    f" {_days(30 / burn.rate)}.",
                    "runbook_url": f"{RUNBOOKS}/{slo.runbook}",
                },
            }


def _too_fast(slo: Slo, burn: Burn) -> str:
    limit = f"{burn.rate * slo.budget:.6g}"
    both = " and ".join(f'slo:bad:ratio{window}{{slo="{slo.name}"}} > {limit}' for window in (burn.long, burn.short))
    enough = slo.events(burn.long)
    return f"{both} and on () ({enough})" if enough else both


def _days(days: float) -> str:
    return f"{days:.0f} days" if days >= 3 else f"{days * 24:.0f} hours"  # noqa: PLR2004 - below three days hours read better


def _alert(alert: Alert) -> Rule:
    return {
        "alert": alert.name,
        "expr": alert.expr,
        **({"for": alert.for_} if alert.for_ != "0m" else {}),
        "labels": {"severity": alert.severity},
        "annotations": {
            "summary": alert.summary,
            "description": alert.description,
            "runbook_url": f"{RUNBOOKS}/{alert.runbook}",
        },
    }


def _read(file: Path) -> Any:
    return yaml.safe_load(file.read_text("utf-8"))
