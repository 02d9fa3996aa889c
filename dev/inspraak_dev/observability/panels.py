"""Grafana dashboards as data: what a panel shows, in which unit, and what to do about it."""

import itertools
import json
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from grafana_foundation_sdk.builders import common, prometheus, stat, timeseries
from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import common as common_models
from grafana_foundation_sdk.models import dashboard as models

SOURCE = "datasource"
DATASOURCE = models.DataSourceRef(type_val="prometheus", uid=f"${{{SOURCE}}}")
AS_LINE = common.GraphThresholdsStyleConfig().mode(common_models.GraphThresholdsStyleMode.DASHED)
GREEN, RED = "green", "red"


@dataclass(frozen=True)
class View:
    """A panel: lines over time, or the latest values as numbers.

    `queries` are what lines are called and their PromQL, `description` says what to do, `red_from` is where a value
    begins to be bad.
    """

    title: str
    unit: str
    queries: Mapping[str, str]
    description: str
    width: int
    number: bool
    red_from: float | None


def lines(
    title: str, unit: str, queries: Mapping[str, str], description: str, *, red_from: float | None = None
) -> View:
    """A panel of lines, half as wide as the board."""
    return View(title, unit, queries, description, width=12, number=False, red_from=red_from)


def number(
    title: str,
    unit: str,
    queries: Mapping[str, str],
    description: str,
    *,
    width: int = 6,
    red_from: float | None = None,
) -> View:
    """A tile of numbers; `width` is how many of the board's 24 columns it takes."""
    return View(title, unit, queries, description, width=width, number=True, red_from=red_from)


@dataclass(frozen=True)
class Board:
    """A dashboard: rows of panels under headings, and at most one choice of a label's values."""

    uid: str
    title: str
    description: str
    rows: Mapping[str, Sequence[View]]
    choose: tuple[str, str] | None = None
    """The name of a variable, and the `label_values(…)` that fills it."""


def text_of(board: Board) -> str:
    """The dashboard as Grafana imports it."""
    made = (
        build.Dashboard(board.title)
        .uid(board.uid)
        .description(board.description)
        .tags(["inspraak"])
        .timezone("browser")
        .time("now-6h", "now")
        .refresh("30s")
        .readonly()
        .tooltip(models.DashboardCursorSync.CROSSHAIR)
        .with_variable(build.DatasourceVariable(SOURCE).label("Prometheus").type("prometheus"))
    )
    if board.choose:
        made = made.with_variable(_choice(*board.choose))
    numbers = itertools.count(1)
    for heading, views in board.rows.items():
        made = made.with_row(build.Row(heading).id(next(numbers)))
        for view in views:
            made = made.with_panel(_panel(view).id(next(numbers)))
    return json.dumps(made.build(), cls=JSONEncoder, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def _choice(name: str, query: str) -> build.QueryVariable:
    return (
        build.QueryVariable(name)
        .label(name.capitalize())
        .datasource(DATASOURCE)
        .query(query)
        .refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .include_all(include_all=True)
        .multi(multi=True)
    )


def _panel(view: View) -> Any:
    panel: Any = stat.Panel() if view.number else _timeseries()
    panel = (
        panel.title(view.title)
        .description(view.description)
        .datasource(DATASOURCE)
        .unit(view.unit)
        .min(0)
        .span(view.width)
        .height(4 if view.number else 8)
    )
    if view.red_from is not None:
        panel = panel.thresholds(_thresholds(view.red_from))
        panel = panel if view.number else panel.thresholds_style(AS_LINE)
    for letter, (legend, expr) in zip(string.ascii_uppercase, view.queries.items(), strict=False):
        panel = panel.with_target(_target(expr, legend, instant=view.number).ref_id(letter))
    return panel


def _timeseries() -> timeseries.Panel:
    legend = (
        common.VizLegendOptions()
        .display_mode(common_models.LegendDisplayMode.TABLE)
        .placement(common_models.LegendPlacement.BOTTOM)
        .show_legend(show_legend=True)
        .calcs(["lastNotNull", "max"])
    )
    return timeseries.Panel().legend(legend).line_width(1).fill_opacity(10)


def _thresholds(red_from: float) -> build.ThresholdsConfig:
    steps = [models.Threshold(value=None, color=GREEN), models.Threshold(value=red_from, color=RED)]
    return build.ThresholdsConfig().mode(models.ThresholdsMode.ABSOLUTE).steps(steps)


def _target(expr: str, legend: str, *, instant: bool) -> prometheus.Dataquery:
    target = prometheus.Dataquery().expr(expr).legend_format(legend).datasource(DATASOURCE)
    return target.instant() if instant else target.range()
