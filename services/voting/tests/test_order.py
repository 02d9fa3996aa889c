from collections import Counter
from itertools import permutations
from uuid import UUID, uuid4

from hypothesis import given
from hypothesis import strategies as st
from voting.rules.order import options_in_order
from voting.rules.terms import Rule

POLL = UUID("018f4e1a-0000-7000-8000-000000000001")


@given(st.uuids(), st.text(), st.sets(st.integers(1, 100)))
def test_a_voter_sees_every_option_once_and_always_in_the_same_order(poll: UUID, voter: str, options: set[int]) -> None:
    seen = options_in_order(sorted(options), rule=Rule.APPROVAL, poll=poll, voter=voter)
    assert sorted(seen) == sorted(options)
    assert seen == options_in_order(sorted(options, reverse=True), rule=Rule.APPROVAL, poll=poll, voter=voter)


def test_every_order_is_about_as_frequent_as_every_other() -> None:
    orders = Counter(
        tuple(options_in_order([1, 2, 3], rule=Rule.SINGLE, poll=POLL, voter=str(number))) for number in range(6000)
    )
    assert set(orders) == set(permutations([1, 2, 3]))
    # the orders are fixed by the numbers above; 1,000 are expected of each, and 850 is five standard deviations below
    assert min(orders.values()) > 850


def test_the_order_of_one_poll_says_nothing_about_another() -> None:
    options = range(1, 9)
    seen = {tuple(options_in_order(options, rule=Rule.IRV, poll=uuid4(), voter="somebody")) for _ in range(10)}
    assert len(seen) > 1


def test_yes_stays_before_no() -> None:
    for number in range(20):
        assert options_in_order([1, 2], rule=Rule.YES_NO, poll=POLL, voter=str(number)) == [1, 2]
