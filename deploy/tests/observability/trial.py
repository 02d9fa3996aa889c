"""Trying out the committed rules with promtool: which alerts fire over series that are made up."""

import json
import re
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from deploy.tests.observability.committed import RULES
from deploy.tests.observability.series import Values

Fired = Sequence[Mapping[str, str]]
"""The labels of alerts."""


class Trial:
    """Runs committed rules over series that are made up, and compares which alerts fire."""

    def __init__(self, tool: Path, folder: Path) -> None:
        self._tool, self._folder = tool, folder

    def expect(
        self,
        values: Values,
        moments: Mapping[str, Fired],
        *,
        only: str = ".+",
        every: str = "1m",
        evaluated: str = "1m",
    ) -> None:
        """At each moment exactly these alerts fire, of those whose names match `only`; their rules alone are run."""
        firing = f'ALERTS{{alertstate="firing",alertname=~"{only}"}}'
        test = {
            "rule_files": [self._write("rules.json", {"groups": [{"name": "tried", "rules": _rules(only)}]})],
            "evaluation_interval": evaluated,
            "tests": [
                {
                    "interval": every,
                    "input_series": [{"series": series, "values": text} for series, text in values.items()],
                    "promql_expr_test": [
                        {"expr": firing, "eval_time": at, "exp_samples": [_sample(alert) for alert in fired]}
                        for at, fired in moments.items()
                    ],
                }
            ],
        }
        command = [self._tool, "test", "rules", self._write("test.json", test)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

    def _write(self, name: str, content: object) -> str:
        """A file for promtool, which reads YAML; all JSON is."""
        file = self._folder / name
        file.write_text(json.dumps(content))
        return str(file)


def _rules(only: str) -> Sequence[Mapping[str, object]]:
    """Alerts by their names, and what is recorded for them."""
    alerts = [rule for rule in RULES if re.fullmatch(only, rule.get("alert", ""))]
    objectives = {rule["labels"].get("slo") for rule in alerts}
    return [rule for rule in RULES if "record" in rule and rule["labels"]["slo"] in objectives] + alerts


def _sample(alert: Mapping[str, str]) -> Mapping[str, object]:
    labels = ", ".join(f'{key}="{value}"' for key, value in sorted(alert.items()))
    return {"labels": f'ALERTS{{alertstate="firing", {labels}}}', "value": 1}
