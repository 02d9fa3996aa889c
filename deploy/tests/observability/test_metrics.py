"""What the code measures stands in the catalogue, all of it, and says what it is."""

import subprocess
import sys

import pytest
from inspraak_dev.observability import catalogue
from prometheus_client import REGISTRY

OURS = catalogue.metrics()
OF_PYTHON = ("python_", "process_")  # told by prometheus_client itself


def test_everything_that_is_registered_stands_in_the_catalogue() -> None:
    registered = {family.name for family in REGISTRY.collect() if not family.name.startswith(OF_PYTHON)}
    assert len(registered) > 25
    assert registered == {one.name for one in OURS}


def test_a_metric_is_listed_under_the_module_that_defines_it() -> None:
    where = {one.name: one.module for one in OURS}
    assert where["outbox_pending"] == "chassis.messaging_telemetry"
    assert where["http_server_request_duration_seconds"] == "chassis.telemetry"
    assert where["identity_codes"] == "identity.metrics"


@pytest.mark.parametrize("one", OURS, ids=lambda one: one.name)
def test_a_metric_says_what_it_is_and_no_label_tells_people_apart(one: catalogue.Measured) -> None:
    assert one.help[0] == one.help[0].upper()
    assert len(one.help) > 15
    assert not set(one.labels) & {"tenant", "government", "person", "poll", "account", "address", "client", "email"}


def test_the_list_is_printed_without_any_server() -> None:
    code = "from inspraak_dev.cli import main; main(['metrics'])"
    told = subprocess.run([sys.executable, "-c", code], env={}, capture_output=True, text=True, check=True)
    assert "voting_ballots_rejected_total{reason}  counter  Votes that were refused" in told.stdout
    assert len(told.stdout.splitlines()) == len(OURS)


def test_what_others_measure_has_no_name_of_ours() -> None:
    assert not catalogue.FOREIGN.keys() & {series for one in OURS for series in one.series}
