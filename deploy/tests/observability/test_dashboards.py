"""The dashboards: made from code, asking only for what is measured, and saying what to do."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from inspraak_dev.observability import dashboards

from deploy.tests.observability.committed import FOLDER
from deploy.tests.observability.queries import unknown

BOARDS = {name: json.loads(text) for name, text in dashboards.documents().items()}
FILLED_IN = {"$__rate_interval": "5m", "$service": "voting"}  # by Grafana: an example of each
UNITS = {"reqps", "ops", "percentunit", "s", "short", "bytes"}
Panel = dict[str, Any]


def panels() -> Iterator[tuple[str, Panel]]:
    for name, board in BOARDS.items():
        for panel in board["panels"]:
            if panel["type"] != "row":
                yield f"{name}: {panel['title']}", panel


def queries() -> Iterator[tuple[str, str]]:
    for title, panel in panels():
        for target in panel["targets"]:
            yield f"{title} {target['refId']}", target["expr"]


def filled_in(expr: str) -> str:
    for variable, value in FILLED_IN.items():
        expr = expr.replace(variable, value)
    assert "$" not in expr, "a variable that nobody defines"
    return expr


@pytest.mark.parametrize(("where", "expr"), list(queries()), ids=[where for where, _ in queries()])
def test_a_panel_asks_for_what_is_measured(where: str, expr: str) -> None:
    assert unknown(filled_in(expr)) == [], where


@pytest.mark.parametrize(
    ("expr", "wrong"),
    [
        ("sum(rate(votes_total[5m]))", ["no metric votes_total"]),
        ("up{service='x'} / on (job) outbox_pending", ["up has no label service"]),
        (
            "histogram_quantile(0.5, sum by (le) (rate(batch_rows_bucket{kind='x'}[5m])))",
            ["batch_rows_bucket has no label kind"],
        ),
        ("avg_over_time((max(outbox_age) > bool 30)[5m:1m])", ["no metric outbox_age"]),
        ("-up + absent(down)", ["no metric down"]),
    ],
)
def test_what_nobody_measures_is_found_wherever_it_stands(expr: str, wrong: list[str]) -> None:
    assert unknown(expr) == wrong


@pytest.mark.parametrize(("where", "panel"), list(panels()), ids=[where for where, _ in panels()])
def test_a_panel_has_a_title_a_unit_and_says_what_to_do(where: str, panel: Panel) -> None:
    assert panel["title"], where
    assert len(panel["description"]) > 40
    assert panel["fieldConfig"]["defaults"]["unit"] in UNITS
    assert {target["refId"] for target in panel["targets"]} == set("ABCDEF"[: len(panel["targets"])])
    assert all(target["legendFormat"] for target in panel["targets"])


@pytest.mark.parametrize("name", list(BOARDS))
def test_the_source_is_a_variable_everywhere(name: str) -> None:
    text = json.dumps(BOARDS[name])
    assert set(re.findall(r'"uid": "([^"]+)"', text)) == {BOARDS[name]["uid"], "${datasource}"}
    variables = {variable["name"]: variable for variable in BOARDS[name]["templating"]["list"]}
    assert variables["datasource"]["type"] == "datasource"


def test_names_and_numbers_are_unique() -> None:
    uids = [board["uid"] for board in BOARDS.values()]
    assert len(set(uids)) == len(uids) == 3
    for board in BOARDS.values():
        ids = [panel["id"] for panel in board["panels"]]
        assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("name", list(BOARDS))
def test_panels_do_not_overlap_and_fit_the_grid(name: str) -> None:
    taken = set()
    for panel in BOARDS[name]["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert at["x"] + at["w"] <= 24
        assert not cells & taken, panel["title"]
        taken |= cells


def test_the_committed_dashboards_are_those_of_the_code() -> None:
    committed = {file.name: file.read_text("utf-8") for file in (FOLDER / "dashboards").glob("*.json")}
    assert committed == dict(dashboards.documents())
