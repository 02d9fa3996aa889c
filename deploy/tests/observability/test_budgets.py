"""Budgets that are used too fast: who is called at which pace, and who is not."""

from collections.abc import Mapping, Sequence

import pytest
from inspraak_dev.observability import rules

from deploy.tests.observability.committed import SLOS
from deploy.tests.observability.series import PAGE, REQUESTS, SIGN_IN, VOTE, Values
from deploy.tests.observability.trial import Trial

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
    trial.expect(burning(share), {"7h50m": expected}, only=BUDGETS, every="2m", evaluated="10m")


def test_once_it_is_mended_nobody_is_called_any_more(trial: Trial) -> None:
    """The long window still remembers; the short one knows better."""
    values = {
        f'{REQUESTS}_count{{{PAGE},code="200"}}': f"0+{EACH}x{STEPS}",
        f'{REQUESTS}_count{{{PAGE},code="500"}}': f"0+{EACH}x30 {EACH * 30}x{STEPS}",
    }
    both = fired(*rules.BURNS[:2], of=["Pages"])
    trial.expect(values, {"60m": both, "100m": []}, only="PagesBudgetBurnsFast", every="2m", evaluated="2m")


def test_votes_that_were_sent_away_are_counted_apart(trial: Trial) -> None:
    away = {
        f'{REQUESTS}_count{{{VOTE},code="200"}}': "0+6000x200",
        f'{REQUESTS}_count{{{VOTE},code="503"}}': "0+900x200",
        'load_shed_total{job="gateway",service="voting",class="votes"}': "0+600x200",
        'batch_shed_total{job="voting",batch="votes"}': "0+300x200",
    }
    trial.expect(away, {"100m": []}, only="VotesBudget.+", evaluated="5m")
    failed = away | {f'{REQUESTS}_count{{{VOTE},code="503"}}': "0+1400x200"}
    trial.expect(failed, {"100m": fired(*rules.BURNS, of=["Votes"])}, only="VotesBudget.+", evaluated="5m")


def test_one_failure_at_night_calls_nobody(trial: Trial) -> None:
    night = {
        f'{REQUESTS}_count{{{SIGN_IN},code="202"}}': "0 0 1 1 1 2 2 2 3x100",
        f'{REQUESTS}_count{{{SIGN_IN},code="503"}}': "0 0 0 0 0 1 1 1 2x100",
    }
    trial.expect(night, {"7m": [], "10m": [], "30m": []}, only="SignIn.+")


def test_events_that_are_late_use_up_the_budget_of_time(trial: Trial) -> None:
    name = 'outbox_oldest_unpublished_seconds{job="voting"}'
    quiet = f"3x{STEPS}"
    slowly = f"3x{STEPS - 120 - 2} 45 3x119"  # two minutes, four hours ago
    badly = f"3x{STEPS - 11} 90x10"
    for values, burns in ((quiet, ()), (slowly, rules.BURNS[3:]), (badly, rules.BURNS)):
        expected = fired(*burns, of=["EventsInTime"])
        trial.expect({name: values}, {"7h58m": expected}, only="EventsInTime.+", every="2m", evaluated="2m")
