"""The alerts: what is healthy calls nobody, each trouble calls by its name."""

import pytest

from deploy.tests.observability.committed import ALERTS
from deploy.tests.observability.series import HEALTHY, TROUBLES
from deploy.tests.observability.trial import Trial


def test_a_healthy_system_calls_nobody(trial: Trial) -> None:
    trial.expect(HEALTHY, {"20m": [], "60m": [], "150m": []}, evaluated="2m")


def test_every_alert_is_tried_out() -> None:
    assert TROUBLES.keys() == ALERTS.keys()


CASES = [(name, number) for name, troubles in TROUBLES.items() for number in range(len(troubles))]


@pytest.mark.parametrize(("name", "number"), CASES)
def test_an_alert_fires_for_its_trouble(trial: Trial, name: str, number: int) -> None:
    trouble = TROUBLES[name][number]
    assert not set(trouble.gone) - HEALTHY.keys()
    values = {series: text for series, text in HEALTHY.items() if series not in trouble.gone} | dict(trouble.changed)
    fired = {"alertname": name, "severity": ALERTS[name].severity, **trouble.labels}
    trial.expect(values, {"100m": [fired]}, only="|".join(ALERTS), evaluated="5m")


def test_an_alert_waits_before_it_calls(trial: Trial) -> None:
    broken = {f'up{{job="web",instance="web-{number}"}}': "1x9 0x20" for number in (1, 2)}
    fired = {"alertname": "ServiceGone", "severity": "page", "job": "web"}
    trial.expect(HEALTHY | broken, {"11m": [], "13m": [fired]}, only="ServiceGone")
