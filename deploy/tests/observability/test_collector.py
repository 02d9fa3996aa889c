"""The collector's configuration, which no schema checks: what is used is defined and the other way round."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from chassis.telemetry import ADDRESSES, QUERY

FILE = Path(__file__).parents[2] / "observability" / "collector.yaml"
KINDS = ("receivers", "processors", "exporters")


@pytest.fixture(scope="module")
def config() -> dict[str, Any]:
    return yaml.safe_load(FILE.read_text())


def test_every_component_of_every_pipeline_is_defined_and_nothing_is_defined_in_vain(config: dict[str, Any]) -> None:
    pipelines = config["service"]["pipelines"].values()
    assert pipelines
    for kind in KINDS:
        used = {name for pipeline in pipelines for name in pipeline[kind]}
        assert used == set(config[kind]), kind
    assert set(config["service"]["extensions"]) == set(config["extensions"])
    assert set(config) == {"extensions", "service", *KINDS}


def test_memory_is_guarded_first_people_are_taken_out_before_anything_is_kept_and_batches_come_last(
    config: dict[str, Any],
) -> None:
    for pipeline in config["service"]["pipelines"].values():
        order = pipeline["processors"]
        assert order[0] == "memory_limiter"
        assert order[-1] == "batch"
        assert order.index("attributes/people") < order.index("redaction/people") < order.index("tail_sampling")
        assert len(set(order)) == len(order)


def test_what_is_kept_are_errors_what_is_slow_and_one_in_twenty_of_the_rest(config: dict[str, Any]) -> None:
    policies = {policy["type"]: policy for policy in config["processors"]["tail_sampling"]["policies"]}
    assert policies["status_code"]["status_code"] == {"status_codes": ["ERROR"]}
    assert policies["latency"]["latency"] == {"threshold_ms": 750}
    assert policies["probabilistic"]["probabilistic"] == {"sampling_percentage": 5}
    assert len(policies) == len(config["processors"]["tail_sampling"]["policies"]) == 3
    for policy in policies.values():
        assert policy["type"] in policy, "a policy's settings stand under its type"


def test_it_takes_otlp_and_sends_otlp_to_where_the_environment_says(config: dict[str, Any]) -> None:
    assert set(config["receivers"]["otlp"]["protocols"]) == {"grpc", "http"}
    assert set(config["exporters"]) == {"otlp"}
    assert config["exporters"]["otlp"]["endpoint"] == "${env:OTLP_ENDPOINT}"


def test_queries_which_the_processes_take_out_are_taken_out_here_again(config: dict[str, Any]) -> None:
    deleted = {action["key"] for action in config["processors"]["attributes/people"]["actions"]}
    assert QUERY in deleted
    assert not deleted & (ADDRESSES - {QUERY}), "addresses without their query are what traces are for"
