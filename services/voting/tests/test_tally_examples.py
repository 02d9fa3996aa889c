"""Published elections, as facts: what each rule must say about them."""

from fractions import Fraction
from pathlib import Path

import pytest
from voting.rules.ballots import Ballot
from voting.rules.counting import tally
from voting.rules.preflib import Election, parse
from voting.rules.result import Because, Fact
from voting.rules.terms import Rule

PREFLIB = Path(__file__).parents[4] / "shared/data/preflib"


def orders(**counts: int) -> dict[Ballot, int]:
    """`orders(ACB=5)`: five ballots rank A first, then C, then B; A is option 1."""
    return {tuple((ord(letter) - ord("A") + 1,) for letter in order): count for order, count in counts.items()}


def election(name: str) -> Election:
    path = PREFLIB / name
    if not path.exists():
        pytest.skip(f"the shared PrefLib data is not beside the repository: {path}")
    return parse(path.read_bytes(), name)


def winners(voted: Election, rule: Rule) -> list[str]:
    return [voted.names[option] for option in tally(rule, voted.ballots(rule), tuple(voted.names)).winners]


# Memphis, Nashville, Chattanooga, Knoxville: the capital of Tennessee, the usual example of single-winner rules
TENNESSEE = orders(ABCD=42, BCDA=26, CDBA=15, DCBA=17)


def test_tennessee_by_plurality_chooses_memphis() -> None:
    result = tally("single", TENNESSEE, range(1, 5))
    assert result.winners == (1,)
    assert result.rounds[0].totals == {1: 42, 2: 26, 3: 15, 4: 17}
    assert result.facts == (Fact(code="most_votes", options=(1,), votes=(Fraction(42),)),)


def test_tennessee_by_instant_runoff_chooses_knoxville_in_three_rounds() -> None:
    result = tally("irv", TENNESSEE, range(1, 5))
    assert result.winners == (4,)
    assert [each.totals for each in result.rounds] == [
        {1: 42, 2: 26, 3: 15, 4: 17},
        {1: 42, 2: 26, 4: 32},
        {1: 42, 4: 58},
    ]
    assert [each.eliminated for each in result.rounds] == [(3,), (2,), ()]
    assert [each.because for each in result.rounds] == [Because.FEWEST_VOTES, Because.FEWEST_VOTES, None]
    assert result.ranking == ((4,), (1,), (2,), (3,))
    assert result.facts == (Fact(code="majority", options=(4,), votes=(Fraction(58), Fraction(100))),)


def test_tennessee_by_schulze_chooses_nashville_whom_majorities_prefer_to_each_other_city() -> None:
    result = tally("schulze", TENNESSEE, range(1, 5))
    assert result.ranking == ((2,), (3,), (4,), (1,))
    assert result.pairwise is not None
    assert result.pairwise[2] == {1: 58, 3: 68, 4: 68}
    assert result.facts == (Fact(code="condorcet_winner", options=(2,)),)


def test_the_example_of_45_ballots_has_the_matrix_paths_and_order_that_schulze_gives() -> None:
    ballots = orders(ACBED=5, ADECB=5, BEDAC=8, CABED=3, CAEBD=7, CBADE=2, DCEBA=7, EBADC=8)
    result = tally("schulze", ballots, range(1, 6))
    assert result.ballots == 45
    assert result.pairwise == {
        1: {2: 20, 3: 26, 4: 30, 5: 22},
        2: {1: 25, 3: 16, 4: 33, 5: 18},
        3: {1: 19, 2: 29, 4: 17, 5: 24},
        4: {1: 15, 2: 12, 3: 28, 5: 14},
        5: {1: 23, 2: 27, 3: 21, 4: 31},
    }
    assert result.strongest_paths == {
        1: {2: 28, 3: 28, 4: 30, 5: 24},
        2: {1: 25, 3: 28, 4: 33, 5: 24},
        3: {1: 25, 2: 29, 4: 29, 5: 24},
        4: {1: 25, 2: 28, 3: 28, 5: 24},
        5: {1: 25, 2: 28, 3: 28, 4: 31},
    }
    assert result.ranking == ((5,), (1,), (3,), (2,), (4,))
    assert result.facts == (Fact(code="no_condorcet_winner"), Fact(code="strongest_paths", options=(5,)))


def test_two_winners_by_schulze_are_declared_tied() -> None:
    result = tally("schulze", orders(ABCD=3, DABC=2, DBCA=2, CBDA=2), range(1, 5))
    assert result.winners == (2, 4)
    assert result.tied
    assert Fact(code="tie", options=(2, 4)) in result.facts


def test_burlington_2009_is_won_by_another_under_each_rule() -> None:
    voted = election("00005-00000002.toi")
    assert winners(voted, Rule.SINGLE) == ["Kurt Wright"]
    assert winners(voted, Rule.IRV) == ["Bob Kiss"]
    assert winners(voted, Rule.SCHULZE) == ["Andy Montroll"]


def test_burlington_2009_ends_by_instant_runoff_with_4314_votes_to_4064() -> None:
    voted = election("00005-00000002.toi")
    last = tally("irv", voted.orders, tuple(voted.names)).rounds[-1]
    assert {voted.names[option]: votes for option, votes in last.totals.items()} == {
        "Bob Kiss": 4314,
        "Kurt Wright": 4064,
    }
    assert last.exhausted == 8980 - 4314 - 4064


def test_burlington_2009_prefers_montroll_to_kiss_by_4067_to_3477() -> None:
    voted = election("00005-00000002.toi")
    pairs = tally("schulze", voted.orders, tuple(voted.names)).pairwise
    number = {name: option for option, name in voted.names.items()}
    assert pairs is not None
    assert pairs[number["Andy Montroll"]][number["Bob Kiss"]] == 4067
    assert pairs[number["Bob Kiss"]][number["Andy Montroll"]] == 3477


@pytest.mark.parametrize("name", ["00002-00000001.soi", "00002-00000001.toc"])
@pytest.mark.parametrize("rule", [Rule.SINGLE, Rule.IRV, Rule.SCHULZE])
def test_debian_2002_is_won_by_garbee_under_every_rule(name: str, rule: Rule) -> None:
    assert winners(election(name), rule) == ["Bdale Garbee"]


def test_gy_les_nonains_2002_approves_most_of_chirac() -> None:
    voted = election("00026-00000001.cat")
    result = tally("approval", voted.ballots(Rule.APPROVAL), tuple(voted.names))
    assert winners(voted, Rule.APPROVAL) == ["Chirac"]
    assert (result.ballots, result.blank) == (365, 13)
    assert result.rounds[0].totals[5] == 139
