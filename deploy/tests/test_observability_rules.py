"""The alert rules, tried out by promtool: what is healthy calls nobody, each trouble calls by its name."""

import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from inspraak_dev.errors import StackError
from inspraak_dev.observability import catalogue, promtool, rules

from deploy.tests.observability_queries import FOLDER, unknown
from deploy.tests.observability_queries import RULES as EVERY

RULES = FOLDER / "rules.yaml"
SLOS = {slo.name: slo for slo in rules.slos(FOLDER)}
ALERTS = {alert.name: alert for alert in rules.alerts(FOLDER)}
REQUESTS = "http_server_request_duration_seconds"
VOTE = 'job="gateway",service="gateway",route="/api/v1/polls/*/vote",method="PUT"'
PAGE = 'job="gateway",service="gateway",route="/",method="GET"'
SIGN_IN = 'job="gateway",service="gateway",route="/api/v1/sign-in/codes",method="POST"'
SERVICES = ("gateway", "web", "voting", "identity", "tenancy", "notifications")
CNPG = 'namespace="inspraak",pod="voting-db-1"'
Values = Mapping[str, str]

HEALTHY: Values = {
    **{f'up{{job="{service}",instance="{service}-{number}"}}': "1x200" for service in SERVICES for number in (1, 2)},
    f'{REQUESTS}_count{{{VOTE},code="200"}}': "0+6000x200",
    f'{REQUESTS}_bucket{{{VOTE},code="200",le="1.0"}}': "0+5990x200",
    f'{REQUESTS}_count{{{VOTE},code="503"}}': "0+1x200",
    f'{REQUESTS}_count{{{PAGE},code="200"}}': "0+6000x200",
    f'{REQUESTS}_count{{{PAGE},code="500"}}': "0+1x200",
    f'{REQUESTS}_count{{{SIGN_IN},code="202"}}': "0+600x200",
    'load_shed_total{job="gateway",service="voting",class="votes"}': "7x200",
    'batch_shed_total{job="voting",batch="votes"}': "0x200",
    'voting_ballots_rejected_total{job="voting",reason="poll_not_open"}': "0+60x200",
    'voting_ballots_rejected_total{job="voting",reason="database_unavailable"}': "12x200",
    'db_pool_wait_seconds_bucket{job="voting",le="0.025"}': "0+100x200",
    'db_pool_wait_seconds_bucket{job="voting",le="1.0"}': "0+101x200",
    'db_pool_wait_seconds_bucket{job="voting",le="+Inf"}': "0+101x200",
    'consumers_missing{job="identity",queue="identity",instance="1"}': "0x200",
    'consumers_missing{job="identity",queue="identity",instance="2"}': "0 1 0 0 1 0x200",
    'outbox_oldest_unpublished_seconds{job="voting"}': "0 3 1 0 8 0x200",
    'parked_messages{job="identity",queue="identity.parked"}': "0x200",
    'parked_messages{job="identity",queue="unrouted"}': "40x200",
    'queue_messages{job="identity",queue="identity"}': "0 800 20 0x200",
    'consumer_lag_seconds_bucket{job="identity",le="2.0"}': "0+10x200",
    'consumer_lag_seconds_bucket{job="identity",le="+Inf"}': "0+10x200",
    'due_parked{job="voting"}': "0x200",
    'due_overdue_seconds{job="voting"}': "0 1 0 2 0x200",
    'identity_codes_total{job="identity",outcome="made"}': "0+60x200",
    'identity_codes_total{job="identity",outcome="mailed"}': "0+58x200",
    'gateway_limits_alone{job="gateway"}': "0x200",
    'gateway_governments_age_seconds{job="gateway"}': "2x200",
    "rabbitmq_alarms_memory_used_watermark": "0x200",
    "rabbitmq_alarms_free_disk_space_watermark": "0x200",
    "rabbitmq_unreachable_cluster_peers_count": "0x200",
    f"cnpg_pg_replication_streaming_replicas{{{CNPG}}}": "2x200",
    'cnpg_pg_replication_streaming_replicas{namespace="inspraak",pod="voting-db-2"}': "0x200",
    f"cnpg_pg_replication_in_recovery{{{CNPG}}}": "0x200",
    'cnpg_pg_replication_in_recovery{namespace="inspraak",pod="voting-db-2"}': "1x200",
    f"cnpg_pg_stat_archiver_seconds_since_last_archival{{{CNPG}}}": "200x200",
    'cnpg_pg_stat_archiver_seconds_since_last_archival{namespace="inspraak",pod="voting-db-2"}': "90000+60x200",
    f"barman_cloud_cloudnative_pg_io_last_available_backup_timestamp{{{CNPG}}}": "0x200",  # time begins at 0 here
    'certmanager_certificate_expiration_timestamp_seconds{namespace="inspraak",name="hosts"}': f"{60 * 86400}x200",
}


@dataclass(frozen=True)
class Trouble:
    """What is otherwise than healthy, who is called after 100 minutes, and by which labels."""

    changed: Values
    labels: Mapping[str, str]
    gone: Sequence[str] = ()
    at: str = "100m"


def of(**labels: str) -> Mapping[str, str]:
    return labels


TROUBLES: Mapping[str, Sequence[Trouble]] = {
    "ServiceGone": [
        Trouble({f'up{{job="web",instance="web-{number}"}}': "0x200" for number in (1, 2)}, of(job="web")),
        Trouble({}, of(job="voting"), gone=[f'up{{job="voting",instance="voting-{number}"}}' for number in (1, 2)]),
    ],
    "VotesSentAway": [
        Trouble({'load_shed_total{job="gateway",service="voting",class="votes"}': "0+60x200"}, {}),
        Trouble(
            {'batch_shed_total{job="voting",batch="votes"}': "0+60x200"},
            {},
            gone=['load_shed_total{job="gateway",service="voting",class="votes"}'],
        ),
    ],
    "VotesWithoutDatabase": [
        Trouble({'voting_ballots_rejected_total{job="voting",reason="database_unavailable"}': "0+6x200"}, {})
    ],
    "DatabasePoolWait": [
        Trouble({'db_pool_wait_seconds_bucket{job="voting",le="0.025"}': "0+80x200"}, of(job="voting"))
    ],
    "ConsumersMissing": [
        Trouble(
            {f'consumers_missing{{job="identity",queue="identity",instance="{number}"}}': "1x200" for number in (1, 2)},
            of(job="identity", queue="identity"),
        )
    ],
    "OutboxStuck": [Trouble({'outbox_oldest_unpublished_seconds{job="voting"}': "0+60x200"}, of(job="voting"))],
    "MessagesParked": [
        Trouble({'parked_messages{job="identity",queue="identity.parked"}': "1x200"}, of(queue="identity.parked"))
    ],
    "QueueGrows": [
        Trouble({'queue_messages{job="identity",queue="identity"}': "0+20x200"}, of(queue="identity")),
    ],
    "EventsHandledLate": [
        Trouble(
            {
                'consumer_lag_seconds_bucket{job="identity",le="2.0"}': "0+5x200",
                'consumer_lag_seconds_bucket{job="identity",le="300.0"}': "0+5x200",
                'consumer_lag_seconds_bucket{job="identity",le="900.0"}': "0+10x200",
            },
            of(job="identity"),
        )
    ],
    "TimersParked": [Trouble({'due_parked{job="voting"}': "2x200"}, of(job="voting"))],
    "TimersLate": [Trouble({'due_overdue_seconds{job="voting"}': "0+60x200"}, of(job="voting"))],
    "CodesNotMailed": [
        Trouble({'identity_codes_total{job="identity",outcome="mailed"}': "0+20x200"}, {}),
        Trouble({}, {}, gone=['identity_codes_total{job="identity",outcome="mailed"}']),
    ],
    "LimitsWithoutRedis": [Trouble({'gateway_limits_alone{job="gateway"}': "1x200"}, of(job="gateway"))],
    "GovernmentsOutdated": [Trouble({'gateway_governments_age_seconds{job="gateway"}': "0+60x200"}, of(job="gateway"))],
    "BrokerAlarm": [
        Trouble({"rabbitmq_alarms_memory_used_watermark": "1x200"}, {}),
        Trouble({"rabbitmq_alarms_free_disk_space_watermark": "1x200"}, {}),
    ],
    "BrokerNodeGone": [Trouble({"rabbitmq_unreachable_cluster_peers_count": "1x200"}, {})],
    "NoStandby": [
        Trouble(
            {f"cnpg_pg_replication_streaming_replicas{{{CNPG}}}": "0x200"},
            of(namespace="inspraak", pod="voting-db-1"),
        )
    ],
    "ArchivingStopped": [
        Trouble(
            {f"cnpg_pg_stat_archiver_seconds_since_last_archival{{{CNPG}}}": "0+60x200"},
            of(namespace="inspraak", pod="voting-db-1"),
        )
    ],
    "BackupOld": [
        Trouble(
            {f"barman_cloud_cloudnative_pg_io_last_available_backup_timestamp{{{CNPG}}}": f"-{40 * 3600}x200"},
            of(namespace="inspraak"),
        )
    ],
    "CertificateEnds": [
        Trouble(
            {'certmanager_certificate_expiration_timestamp_seconds{namespace="inspraak",name="hosts"}': "864000x200"},
            of(namespace="inspraak", name="hosts"),
        )
    ],
}


@pytest.fixture(scope="module")
def tool() -> Path:
    try:
        return promtool.find()
    except StackError as error:
        pytest.fail(str(error))


class Trial:
    """Runs committed rules over series that are made up, and compares which alerts fire."""

    def __init__(self, tool: Path, folder: Path) -> None:
        self._tool, self._folder = tool, folder

    def expect(
        self,
        values: Values,
        at: str,
        fired: Sequence[Mapping[str, str]],
        *,
        only: str = ".+",
        every: str = "1m",
        evaluated: str = "1m",
    ) -> None:
        """At a moment exactly these alerts fire, of those whose names match `only`; their rules alone are run."""
        labels = [", ".join(f'{key}="{value}"' for key, value in sorted(one.items())) for one in fired]
        test = {
            "rule_files": [str(self._rules(only))],
            "evaluation_interval": evaluated,
            "tests": [
                {
                    "interval": every,
                    "input_series": [{"series": series, "values": text} for series, text in values.items()],
                    "promql_expr_test": [
                        {
                            "expr": f'ALERTS{{alertstate="firing",alertname=~"{only}"}}',
                            "eval_time": at,
                            "exp_samples": [
                                {"labels": f'ALERTS{{alertstate="firing", {text}}}', "value": 1} for text in labels
                            ],
                        }
                    ],
                }
            ],
        }
        file = self._folder / "test.yaml"
        file.write_text(yaml.safe_dump(test))
        done = subprocess.run([self._tool, "test", "rules", file], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

    def _rules(self, only: str) -> Path:
        groups = yaml.safe_load(RULES.read_text())["groups"]
        alerts = [rule for group in groups for rule in group["rules"] if re.fullmatch(only, rule.get("alert", ""))]
        objectives = {rule["labels"].get("slo") for rule in alerts}
        recorded = [rule for rule in groups[0]["rules"] if rule["labels"]["slo"] in objectives]
        file = self._folder / "rules.yaml"
        named = {"recorded": recorded, "alerts": alerts}
        file.write_text(yaml.safe_dump({"groups": [{"name": name, "rules": kept} for name, kept in named.items()]}))
        return file


@pytest.fixture
def trial(tool: Path, tmp_path: Path) -> Trial:
    return Trial(tool, tmp_path)


def test_promtool_takes_the_rules(tool: Path) -> None:
    done = subprocess.run([tool, "check", "rules", RULES], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    number = len(SLOS) * (len(rules.WINDOWS) + len(rules.BURNS)) + 1 + len(ALERTS)
    assert f"{number} rules found" in done.stdout


def test_promtool_takes_the_way_of_scraping(tool: Path, tmp_path: Path) -> None:
    """Debian builds it without Kubernetes, so that one part stands in for another that finds nobody."""
    config = yaml.safe_load((FOLDER / "prometheus.yaml").read_text())
    [scrape] = config["scrape_configs"]
    assert [found["role"] for found in scrape.pop("kubernetes_sd_configs")] == ["pod"]
    scrape["static_configs"] = [{"targets": []}]
    (tmp_path / "rules.yaml").write_text(RULES.read_text())
    (tmp_path / "prometheus.yaml").write_text(yaml.safe_dump(config))
    command = [tool, "check", "config", tmp_path / "prometheus.yaml"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "rules found" in done.stdout


def test_promtool_finds_a_rule_that_is_broken(tool: Path, tmp_path: Path) -> None:
    broken = tmp_path / "rules.yaml"
    broken.write_text(RULES.read_text().replace("sum by (job)", "sum by job", 1))
    done = subprocess.run([tool, "check", "rules", broken], capture_output=True, text=True, check=False)
    assert done.returncode != 0


def test_the_committed_rules_are_made_from_the_objectives_and_the_alerts() -> None:
    assert RULES.read_text("utf-8") == rules.document(FOLDER)


def test_a_healthy_system_calls_nobody(trial: Trial) -> None:
    trial.expect(HEALTHY, "150m", [])


def test_every_alert_is_tried_out() -> None:
    assert TROUBLES.keys() == ALERTS.keys()


CASES = [(name, number) for name, troubles in TROUBLES.items() for number in range(len(troubles))]


@pytest.mark.parametrize(("name", "number"), CASES)
def test_an_alert_fires_for_its_trouble(trial: Trial, name: str, number: int) -> None:
    trouble = TROUBLES[name][number]
    assert not set(trouble.gone) - HEALTHY.keys()
    values = {series: text for series, text in HEALTHY.items() if series not in trouble.gone} | dict(trouble.changed)
    fired = {"alertname": name, "severity": ALERTS[name].severity, **trouble.labels}
    by_hand = "|".join(ALERTS)
    trial.expect(values, trouble.at, [fired], only=by_hand)


def test_an_alert_waits_before_it_calls(trial: Trial) -> None:
    broken = {f'up{{job="web",instance="web-{number}"}}': "1x9 0x20" for number in (1, 2)}
    fired = {"alertname": "ServiceGone", "severity": "page", "job": "web"}
    trial.expect(HEALTHY | broken, "11m", [], only="ServiceGone")
    trial.expect(HEALTHY | broken, "13m", [fired], only="ServiceGone")


# Objectives: eight hours, a value every two minutes. A share is the same over a window that is only partly filled, and
# promtool begins to lose samples once it has more than a day and a half of them.

STEPS = 8 * 30
EACH = 12_000  # requests in two minutes


def burning(share: float) -> Values:
    """Series of every objective of events, of which this many times its budget is bad."""
    bad = {name: EACH * share * slo.budget for name, slo in SLOS.items()}
    return {
        f'{REQUESTS}_count{{{VOTE},code="200"}}': f"0+{EACH}x{STEPS}",
        f'{REQUESTS}_count{{{VOTE},code="500"}}': f"0+{bad['Votes']:.6f}x{STEPS}",
        f'{REQUESTS}_bucket{{{VOTE},code="200",le="1.0"}}': f"0+{EACH - bad['VotesInTime']:.6f}x{STEPS}",
        f'{REQUESTS}_count{{{PAGE},code="200"}}': f"0+{EACH}x{STEPS}",
        f'{REQUESTS}_count{{{PAGE},code="500"}}': f"0+{bad['Pages']:.6f}x{STEPS}",
        f'{REQUESTS}_count{{{SIGN_IN},code="202"}}': f"0+{EACH}x{STEPS}",
        f'{REQUESTS}_count{{{SIGN_IN},code="503"}}': f"0+{bad['SignIn']:.6f}x{STEPS}",
    }


def fired(*burns: rules.Burn, of: Sequence[str]) -> list[Mapping[str, str]]:
    return [
        {
            "alertname": f"{name}BudgetBurns{burn.pace}",
            "severity": burn.severity,
            "slo": name,
            "burn_rate": f"{burn.rate:g}",
        }
        for name in of
        for burn in burns
    ]


EVENTS = [name for name, slo in SLOS.items() if slo.bad_while is None]
BUDGETS = f"({'|'.join(EVENTS)})BudgetBurns(Fast|Slowly)"


@pytest.mark.parametrize(
    ("share", "burns"),
    [
        (0.8, ()),
        (1.5, rules.BURNS[3:]),
        (4, rules.BURNS[2:]),
        (8, rules.BURNS[1:]),
        (20, rules.BURNS),
    ],
)
def test_a_budget_that_is_used_too_fast_calls_at_the_pace_at_which_it_is_used(
    trial: Trial, share: float, burns: Sequence[rules.Burn]
) -> None:
    expected = fired(*burns, of=EVENTS)
    trial.expect(burning(share), "7h50m", expected, only=BUDGETS, every="2m", evaluated="5m")


def test_once_it_is_mended_nobody_is_called_any_more(trial: Trial) -> None:
    """The long window still remembers; the short one knows better."""
    values = {
        f'{REQUESTS}_count{{{PAGE},code="200"}}': f"0+{EACH}x{STEPS}",
        f'{REQUESTS}_count{{{PAGE},code="500"}}': f"0+{EACH}x30 {EACH * 30}x{STEPS}",
    }
    both = fired(*rules.BURNS[:2], of=["Pages"])
    trial.expect(values, "60m", both, only="PagesBudgetBurnsFast", every="2m", evaluated="2m")
    trial.expect(values, "100m", [], only="PagesBudgetBurnsFast", every="2m", evaluated="2m")


def test_votes_that_were_sent_away_are_counted_apart(trial: Trial) -> None:
    away = {
        f'{REQUESTS}_count{{{VOTE},code="200"}}': "0+6000x200",
        f'{REQUESTS}_count{{{VOTE},code="503"}}': "0+900x200",
        'load_shed_total{job="gateway",service="voting",class="votes"}': "0+600x200",
        'batch_shed_total{job="voting",batch="votes"}': "0+300x200",
    }
    trial.expect(away, "100m", [], only="VotesBudget.+")
    failed = away | {f'{REQUESTS}_count{{{VOTE},code="503"}}': "0+1400x200"}
    trial.expect(failed, "100m", fired(*rules.BURNS, of=["Votes"]), only="VotesBudget.+")


def test_one_failure_at_night_calls_nobody(trial: Trial) -> None:
    night = {
        f'{REQUESTS}_count{{{SIGN_IN},code="202"}}': "0 0 1 1 1 2 2 2 3x100",
        f'{REQUESTS}_count{{{SIGN_IN},code="503"}}': "0 0 0 0 0 1 1 1 2x100",
    }
    for at in ("7m", "10m", "30m"):
        trial.expect(night, at, [], only="SignIn.+")


def test_events_that_are_late_use_up_the_budget_of_time(trial: Trial) -> None:
    name = 'outbox_oldest_unpublished_seconds{job="voting"}'
    quiet = f"3x{STEPS}"
    slowly = f"3x{STEPS - 120 - 2} 45 3x119"  # two minutes, four hours ago
    badly = f"3x{STEPS - 11} 90x10"
    for values, burns in ((quiet, ()), (slowly, rules.BURNS[3:]), (badly, rules.BURNS)):
        expected = fired(*burns, of=["EventsInTime"])
        trial.expect({name: values}, "7h58m", expected, only="EventsInTime.+", every="2m", evaluated="2m")


# What an alert says


ALERTING = [rule for rule in EVERY if "alert" in rule]


@pytest.mark.parametrize("rule", ALERTING, ids=lambda rule: f"{rule['alert']}-{rule['labels'].get('burn_rate', '')}")
def test_an_alert_says_how_bad_it_is_what_it_means_and_where_to_read_on(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in {"page", "ticket"}
    said = rule["annotations"]
    assert set(said) == {"summary", "description", "runbook_url"}
    assert len(said["summary"]) < 120
    assert len(said["description"]) > 40
    assert said["runbook_url"].startswith("docs/runbooks/")


@pytest.mark.parametrize("rule", EVERY, ids=lambda rule: rule.get("alert") or rule["record"])
def test_a_rule_asks_for_what_is_measured(rule: dict[str, Any]) -> None:
    assert unknown(rule["expr"]) == []


def test_what_others_measure_is_listed_only_where_it_is_asked_for() -> None:
    boards = " ".join(file.read_text() for file in (FOLDER / "dashboards").glob("*.json"))
    text = RULES.read_text() + boards
    assert not [name for name in catalogue.FOREIGN if name not in text]
