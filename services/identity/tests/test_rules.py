"""Pure decisions, without a server."""

import hashlib
from datetime import UTC, datetime, timedelta

import pytest
from chassis.refusals import Refused
from hypothesis import given
from hypothesis import strategies as st
from identity import rules
from identity.rules import Limit

T0 = datetime(2026, 11, 23, 12, tzinfo=UTC)
LIMITS = (Limit(5, timedelta(hours=1)), Limit(20, timedelta(days=1)))
moments = st.integers(0, 3 * 86_400).map(lambda seconds: T0 + timedelta(seconds=seconds))


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("An.Peeters@Example.COM", "an.peeters@example.com"),
        ("  a@b.be \n", "a@b.be"),
        ("o'brien+test@sub.example.be", "o'brien+test@sub.example.be"),
        ("a@café.be", "a@xn--caf-dma.be"),
        ("a@CAFÉ.be", "a@xn--caf-dma.be"),
    ],
)
def test_an_address_has_one_form(typed: str, kept: str) -> None:
    assert rules.normalised_email(typed) == kept


@pytest.mark.parametrize(
    ("email", "mailbox"),
    [
        ("an@b.be", "an@b.be"),
        ("an+poll@b.be", "an@b.be"),
        ("an+a+b@b.be", "an@b.be"),
        ("+an@b.be", "+an@b.be"),
    ],
)
def test_a_mailbox_is_an_address_without_its_tag(email: str, mailbox: str) -> None:
    assert rules.mailbox_of(email) == mailbox


@pytest.mark.parametrize(
    "text",
    [
        *("", "@", "a@", "@b.be", "a", "a@b", "a@b.123", "a b@c.be", "a@b..be", "a@-b.be", "a@b-.be", ".a@b.be"),
        *("a.@b.be", "a..b@c.be", "a@b.be\r\nBcc: x@y.be", "é@b.be", '"a b"@c.be', "a@b@c.be", "a@[127.0.0.1]"),
        *("a" * 65 + "@b.be", "a@" + "b" * 64 + ".be", "a@" + "b." * 130 + "be", "a\x00@b.be", "\uff41@b.be"),
    ],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="address"):
        rules.normalised_email(text)


@given(st.emails())
def test_normalising_twice_is_normalising_once(email: str) -> None:
    try:
        once = rules.normalised_email(email)
    except ValueError:
        return
    assert rules.normalised_email(once) == once
    assert once == once.lower()
    assert once.isascii()
    assert len(once) <= 254


@given(st.text())
def test_any_text_is_an_address_or_a_value_error(text: str) -> None:
    try:
        once = rules.normalised_email(text)
    except ValueError:
        return
    assert rules.normalised_email(once) == once


@given(st.lists(moments, max_size=200).map(sorted))
def test_no_hour_has_more_than_five_codes_and_no_day_more_than_twenty(asked: list[datetime]) -> None:
    sent: list[datetime] = []
    for now in asked:
        if rules.within(sent, LIMITS, now=now):
            sent.append(now)
    for limit in LIMITS:
        assert all(sum(one - limit.within < other <= one for other in sent) <= limit.count for one in sent)


def test_the_sixth_code_of_an_hour_goes_out_an_hour_after_the_first() -> None:
    sent = [T0 + timedelta(minutes=minute) for minute in range(5)]
    assert not rules.within(sent, LIMITS, now=T0 + timedelta(minutes=59, seconds=59))
    assert rules.within(sent, LIMITS, now=T0 + timedelta(hours=1))


@pytest.mark.parametrize(
    ("client", "network"),
    [
        ("203.0.113.9", "203.0.113.0/24"),
        ("::ffff:203.0.113.9", "203.0.113.0/24"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1::/48"),
        ("unix:", "unix:"),
        (None, ""),
    ],
)
def test_addresses_side_by_side_are_one_network(client: str | None, network: str) -> None:
    assert rules.network_of(client) == network


GRACE, IDLE = timedelta(seconds=10), timedelta(days=90)


@pytest.mark.parametrize(
    ("ended", "idle_days", "rotated_seconds_ago", "verdict"),
    [
        (False, 0, None, "rotate"),
        (False, 89, None, "rotate"),
        (False, 90, None, "over"),
        (True, 0, None, "over"),
        (False, 0, 0, "repeat"),
        (False, 0, 10, "repeat"),
        (False, 0, 11, "reused"),
        (True, 0, 11, "over"),
    ],
)
def test_a_refresh_token_is_judged(
    *, ended: bool, idle_days: int, rotated_seconds_ago: int | None, verdict: str
) -> None:
    rotated_at = None if rotated_seconds_ago is None else T0 - timedelta(seconds=rotated_seconds_ago)
    used_at = T0 - timedelta(days=idle_days)
    given_verdict = rules.judge_refresh(
        ended=ended, used_at=used_at, rotated_at=rotated_at, now=T0, grace=GRACE, idle=IDLE
    )
    assert given_verdict == verdict


def test_operators_belong_to_the_platform_and_all_other_roles_to_governments() -> None:
    rules.check_role("operator", platform=True)
    rules.check_role("moderator", platform=False)
    for role, platform in (("operator", False), ("administrator", True)):
        with pytest.raises(Refused, match="role_not_of_this_realm"):
            rules.check_role(role, platform=platform)


def test_the_last_who_can_give_roles_stays() -> None:
    rules.check_not_last("administrator", 1, platform=False)
    rules.check_not_last("moderator", 0, platform=False)
    for role, platform in (("administrator", False), ("operator", True)):
        with pytest.raises(Refused, match="last_administrator"):
            rules.check_not_last(role, 0, platform=platform)


def test_only_the_ruling_role_of_the_own_realm_rules() -> None:
    rules.check_rules(["administrator", "moderator"], platform=False)
    rules.check_rules(["operator"], platform=True)
    for roles, platform in (([], False), (["operator"], False), (["administrator"], True)):
        with pytest.raises(Refused, match="forbidden"):
            rules.check_rules(roles, platform=platform)


class Key:
    def __init__(self, signs_from: datetime) -> None:
        self.signs_from = signs_from


KEPT = timedelta(seconds=1025)


@given(st.lists(moments, min_size=1, max_size=5, unique=True), moments)
def test_whatever_signed_within_the_life_of_a_token_is_published_and_so_is_what_signs_next(
    starts: list[datetime], now: datetime
) -> None:
    keys = [Key(start) for start in starts]
    published = rules.published_keys(keys, now=now, kept=KEPT)
    for seconds in range(0, 1025, 25):
        assert rules.signing_key(keys, now=now - timedelta(seconds=seconds)) in published
    assert all(key in published for key in keys if key.signs_from > now)


def test_a_replaced_key_is_published_until_its_last_token_has_ended() -> None:
    old, new = Key(T0), Key(T0 + timedelta(days=1))
    assert rules.published_keys([new, old], now=new.signs_from + KEPT - timedelta(seconds=1), kept=KEPT) == [old, new]
    assert rules.published_keys([new, old], now=new.signs_from + KEPT, kept=KEPT) == [new]


def test_the_first_key_signs_before_its_time_so_that_clocks_that_differ_do_not_stop_sign_in() -> None:
    only = Key(T0)
    assert rules.signing_key([only], now=T0 - timedelta(seconds=1)) is only
    assert rules.signing_key([], now=T0) is None


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(), json_values, max_size=4))
def test_canonical_json_does_not_depend_on_the_order_of_keys(value: dict[str, object]) -> None:
    turned = dict(reversed(list(value.items())))
    assert rules.canonical_json(value) == rules.canonical_json(turned)


def test_canonical_json_is_what_it_is() -> None:
    """A stored chain must be checkable by later versions and by other programs."""
    entry = {"b": [1, None, True], "a": "é", "c": {"z": 0, "y": "\n"}}
    assert rules.canonical_json(entry) == '{"a":"é","b":[1,null,true],"c":{"y":"\\n","z":0}}'.encode()
    expected = hashlib.sha256(bytes(32) + rules.canonical_json(entry)).digest()
    assert rules.chain_hash(rules.FIRST_HASH, entry) == expected


@pytest.mark.parametrize("value", [{"a": 1.5}, {"a": [1, {"b": 0.1}]}])
def test_an_audit_entry_holds_no_fractions(value: dict[str, object]) -> None:
    with pytest.raises(TypeError):
        rules.canonical_json(value)
