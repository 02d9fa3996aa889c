"""Grafana dashboards as data: what a panel shows, in which unit, and what to do about it."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from grafana_foundation_sdk.builders import common, prometheus, stat, timeseries
from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import common as common_models
from grafana_foundation_sdk.models import dashboard as models

SOURCE = "datasource"
BOARD_VARIABLES = {"$__rate_interval": "5m", "$service": "voting"}
"""What Grafana fills in, with an example of what."""
DATASOURCE = models.DataSourceRef(type_val="prometheus", uid=f"${{{SOURCE}}}")
AS_LINE = common.GraphThresholdsStyleConfig().mode(common_models.GraphThresholdsStyleMode.DASHED)
GREEN, RED = "green", "red"


@dataclass(frozen=True)
class Query:
    """One line of a panel: PromQL and how the line is called."""

    expr: str
    legend: str


@dataclass(frozen=True)
class View:
    """A panel. `description` says what to do; `red_from` is where a value begins to be bad."""

    title: str
    description: str
    unit: str
    queries: tuple[Query, ...]
    width: int = 12
    number: bool = False
    red_from: float | None = None


@dataclass(frozen=True)
class Board:
    """A dashboard: rows of panels under headings, and at most one choice of a label's values."""

    uid: str
    title: str
    description: str
    rows: Sequence[tuple[str, Sequence[View]]]
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
    numbers = iter(range(1, 1000))
    for heading, views in board.rows:
        made = made.with_row(build.Row(heading).id(next(numbers)))
        for panel in _panels(views, numbers):
            made = made.with_panel(panel)
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


def _panels(views: Iterable[View], numbers: Iterator[int]) -> Iterator[Any]:
    for view in views:
        panel: Any = stat.Panel() if view.number else _lines()
        panel = (
            panel.id(next(numbers))
            .title(view.title)
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
        for letter, query in zip("ABCDEF", view.queries, strict=False):
            panel = panel.with_target(_target(query, instant=view.number).ref_id(letter))
        yield panel


def _lines() -> timeseries.Panel:
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


def _target(query: Query, *, instant: bool) -> prometheus.Dataquery:
    target = prometheus.Dataquery().expr(query.expr).legend_format(query.legend).datasource(DATASOURCE)
    return target.instant() if instant else target.range()
