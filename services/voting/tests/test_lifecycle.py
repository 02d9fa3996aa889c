from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from chassis.refusals import Refused
from hypothesis import given
from hypothesis import strategies as st
from voting.rules import lifecycle
from voting.rules.terms import Rule, Status, Terms

OPENS = datetime(2026, 12, 1, 8, tzinfo=UTC)
CLOSES = datetime(2026, 12, 15, 19, tzinfo=UTC)
BEFORE, DURING, AFTER = OPENS - timedelta(days=1), OPENS + timedelta(days=1), CLOSES + timedelta(days=1)
TICK = timedelta(microseconds=1)
REASON = {"nl": "Panne bij de aanmelding", "fr": "Panne"}
LANGUAGES = ["nl", "fr"]

POLL = Terms(status=Status.SCHEDULED, rule=Rule.SINGLE, options=3, opens_at=OPENS, closes_at=CLOSES)


def in_status(status: Status) -> Terms:
    return replace(POLL, status=status)


def refusal(action: Callable[[], object]) -> str:
    with pytest.raises(Refused) as refused:
        action()
    assert refused.value.status == 409
    return refused.value.code


@pytest.mark.parametrize("noted", [Status.SCHEDULED, Status.OPEN])
def test_a_poll_takes_ballots_from_opening_until_just_before_closing_whatever_a_worker_has_noted(noted: Status) -> None:
    poll = in_status(noted)
    assert refusal(lambda: lifecycle.check_open(poll, OPENS - TICK)) == "poll_not_open"
    lifecycle.check_open(poll, OPENS)
    lifecycle.check_open(poll, CLOSES - TICK)
    assert refusal(lambda: lifecycle.check_open(poll, CLOSES)) == "poll_not_open"


@given(st.sampled_from([Status.SCHEDULED, Status.OPEN]), st.datetimes(timezones=st.just(UTC)))
def test_the_clock_alone_says_whether_a_scheduled_poll_is_open(noted: Status, now: datetime) -> None:
    where = lifecycle.status_at(in_status(noted), now)
    assert (where is Status.SCHEDULED) == (now < OPENS)
    assert (where is Status.OPEN) == (OPENS <= now < CLOSES)
    assert (where is Status.CLOSED) == (now >= CLOSES)


@pytest.mark.parametrize("status", [Status.DRAFT, Status.CLOSED, Status.PUBLISHED, Status.CANCELLED])
@pytest.mark.parametrize("now", [BEFORE, DURING, AFTER])
def test_the_clock_never_opens_what_is_not_scheduled(status: Status, now: datetime) -> None:
    poll = in_status(status)
    assert lifecycle.status_at(poll, now) is status
    assert refusal(lambda: lifecycle.check_open(poll, now)) == "poll_not_open"


def test_a_refused_vote_learns_when_the_poll_is_open() -> None:
    with pytest.raises(Refused) as refused:
        lifecycle.check_open(POLL, BEFORE)
    assert refused.value.facts == {"poll": "scheduled", "opens_at": OPENS, "closes_at": CLOSES}


def test_only_a_draft_may_be_changed() -> None:
    lifecycle.check_change(in_status(Status.DRAFT), DURING)


@pytest.mark.parametrize("status", sorted(set(Status) - {Status.DRAFT}))
def test_nothing_of_a_poll_changes_once_it_is_scheduled(status: Status) -> None:
    assert refusal(lambda: lifecycle.check_change(in_status(status), BEFORE)) == "poll_frozen"


def test_a_complete_draft_can_be_scheduled_also_to_open_at_once() -> None:
    draft = in_status(Status.DRAFT)
    lifecycle.check_schedule(draft, BEFORE)
    lifecycle.check_schedule(draft, DURING)
    assert refusal(lambda: lifecycle.check_schedule(draft, CLOSES)) == "closes_in_the_past"
    assert refusal(lambda: lifecycle.check_schedule(POLL, BEFORE)) == "not_a_draft"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"opens_at": None}, "times_missing"),
        ({"closes_at": None}, "times_missing"),
        ({"opens_at": CLOSES}, "opens_after_closing"),
        ({"opens_at": CLOSES + TICK}, "opens_after_closing"),
        ({"options": 1}, "wrong_number_of_options"),
        ({"options": 101}, "wrong_number_of_options"),
        ({"rule": Rule.YES_NO}, "options_are_fixed"),
        ({"max_choices": 2}, "max_choices_not_used"),
        ({"rule": Rule.APPROVAL, "max_choices": 0}, "wrong_max_choices"),
        ({"rule": Rule.APPROVAL, "max_choices": 4}, "wrong_max_choices"),
        ({"compared_with": (Rule.APPROVAL,)}, "rules_read_different_ballots"),
        ({"compared_with": (Rule.SINGLE,)}, "rule_compared_twice"),
    ],
)
def test_terms_that_make_no_sense_are_never_scheduled(change: dict[str, object], code: str) -> None:
    draft = replace(in_status(Status.DRAFT), **change)  # type: ignore[arg-type]  # each case changes another field
    assert refusal(lambda: lifecycle.check_schedule(draft, BEFORE)) == code


def test_a_draft_may_still_lack_times_and_options() -> None:
    lifecycle.check_terms(replace(in_status(Status.DRAFT), options=0, opens_at=None, closes_at=None))


@pytest.mark.parametrize(
    ("status", "now"), [(Status.SCHEDULED, BEFORE), (Status.SCHEDULED, DURING), (Status.OPEN, DURING)]
)
def test_extending_closes_later_for_a_public_reason(status: Status, now: datetime) -> None:
    def extend(closes_at: datetime, reason: dict[str, str]) -> None:
        lifecycle.check_extend(in_status(status), now, closes_at=closes_at, reason=reason, languages=LANGUAGES)

    extend(CLOSES + TICK, REASON)
    assert refusal(lambda: extend(CLOSES, REASON)) == "not_later"
    assert refusal(lambda: extend(CLOSES - TICK, REASON)) == "not_later"
    assert refusal(lambda: extend(AFTER, {})) == "reason_missing"


@pytest.mark.parametrize("status", [Status.SCHEDULED, Status.CLOSED, Status.PUBLISHED, Status.CANCELLED])
def test_a_poll_that_has_closed_is_neither_extended_nor_cancelled(status: Status) -> None:
    def extend() -> None:
        later = AFTER + timedelta(days=1)
        lifecycle.check_extend(in_status(status), AFTER, closes_at=later, reason=REASON, languages=LANGUAGES)

    def cancel() -> None:
        lifecycle.check_cancel(in_status(status), AFTER, reason=REASON, languages=LANGUAGES)

    assert refusal(extend) == refusal(cancel) == "poll_not_running"


def test_a_draft_is_deleted_not_cancelled() -> None:
    draft = in_status(Status.DRAFT)
    assert (
        refusal(lambda: lifecycle.check_cancel(draft, BEFORE, reason=REASON, languages=LANGUAGES)) == "poll_not_running"
    )


def test_cancelling_and_closing_early_need_a_public_reason() -> None:
    lifecycle.check_cancel(POLL, BEFORE, reason=REASON, languages=LANGUAGES)
    lifecycle.check_cancel(POLL, DURING, reason=REASON, languages=LANGUAGES)
    lifecycle.check_close(POLL, DURING, reason=REASON, languages=LANGUAGES)
    assert refusal(lambda: lifecycle.check_cancel(POLL, DURING, reason={}, languages=LANGUAGES)) == "reason_missing"
    assert refusal(lambda: lifecycle.check_close(POLL, DURING, reason={}, languages=LANGUAGES)) == "reason_missing"


@pytest.mark.parametrize("now", [BEFORE, AFTER])
def test_only_an_open_poll_is_closed_early(now: datetime) -> None:
    assert refusal(lambda: lifecycle.check_close(POLL, now, reason=REASON, languages=LANGUAGES)) == "poll_not_open"


def test_a_reason_is_given_in_each_language_of_the_poll() -> None:
    with pytest.raises(Refused) as refused:
        lifecycle.check_reason({"nl": "Panne", "fr": "  "}, LANGUAGES)
    assert refused.value.facts == {"languages": ["fr"]}
    assert refusal(lambda: lifecycle.check_reason({"nl": " "}, [])) == "reason_missing"


def test_a_result_is_published_once_the_poll_has_closed() -> None:
    lifecycle.check_publish(POLL, CLOSES)
    lifecycle.check_publish(in_status(Status.CLOSED), DURING)


@pytest.mark.parametrize(
    ("status", "now"), [(Status.SCHEDULED, DURING), (Status.PUBLISHED, AFTER), (Status.CANCELLED, AFTER)]
)
def test_no_other_result_is_published(status: Status, now: datetime) -> None:
    assert refusal(lambda: lifecycle.check_publish(in_status(status), now)) == "poll_not_closed"


def test_a_scheduled_poll_without_times_is_an_error_not_a_refusal() -> None:
    with pytest.raises(ValueError, match="opening and a closing time"):
        lifecycle.status_at(replace(POLL, opens_at=None), BEFORE)
