"""The alert rules as they are committed: promtool takes them, they ask for what is measured, and say what to do."""

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from inspraak_dev.observability import catalogue, rules

from deploy.tests.observability.committed import ALERTS, FILE, FOLDER, RULES, SLOS
from deploy.tests.observability.queries import unknown


def test_promtool_takes_the_rules(tool: Path) -> None:
    done = subprocess.run([tool, "check", "rules", FILE], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    number = len(SLOS) * (len(rules.WINDOWS) + len(rules.BURNS)) + 1 + len(ALERTS)
    assert f"{number} rules found" in done.stdout


def test_promtool_takes_the_way_of_scraping(tool: Path, tmp_path: Path) -> None:
    """Debian builds it without Kubernetes, so that one part stands in for another that finds nobody."""
    config = yaml.safe_load((FOLDER / "prometheus.yaml").read_text())
    [scrape] = config["scrape_configs"]
    assert [found["role"] for found in scrape.pop("kubernetes_sd_configs")] == ["pod"]
    scrape["static_configs"] = [{"targets": []}]
    (tmp_path / "rules.yaml").write_text(FILE.read_text())
    (tmp_path / "prometheus.yaml").write_text(yaml.safe_dump(config))
    command = [tool, "check", "config", tmp_path / "prometheus.yaml"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "rules found" in done.stdout


def test_promtool_finds_a_rule_that_is_broken(tool: Path, tmp_path: Path) -> None:
    broken = tmp_path / "rules.yaml"
    broken.write_text(FILE.read_text().replace("sum by (job)", "sum by job", 1))
    done = subprocess.run([tool, "check", "rules", broken], capture_output=True, text=True, check=False)
    assert done.returncode != 0


# What an alert says


ALERTING = [rule for rule in RULES if "alert" in rule]


@pytest.mark.parametrize("rule", ALERTING, ids=lambda rule: f"{rule['alert']}-{rule['labels'].get('burn_rate', '')}")
def test_an_alert_says_how_bad_it_is_what_it_means_and_where_to_read_on(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in {"page", "ticket"}
    said = rule["annotations"]
    assert set(said) == {"summary", "description", "runbook_url"}
    assert len(said["summary"]) < 120
    assert len(said["description"]) > 40
    assert said["runbook_url"].startswith("docs/runbooks/")


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.get("alert") or rule["record"])
def test_a_rule_asks_for_what_is_measured(rule: dict[str, Any]) -> None:
    assert unknown(rule["expr"]) == []


def test_what_others_measure_is_listed_only_where_it_is_asked_for() -> None:
    boards = " ".join(file.read_text() for file in (FOLDER / "dashboards").glob("*.json"))
    text = FILE.read_text() + boards
    assert not [name for name in catalogue.FOREIGN if name not in text]
