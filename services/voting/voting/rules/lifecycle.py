"""The life of a poll: draft → scheduled → open → closed → published, or cancelled on the way.

Open is what the clock says: `status_at` is right also where no worker has noted an opening or closing yet. From
scheduling on nothing of what people vote on changes; what may still happen (extending, closing early, cancelling) needs
a reason that is published.
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Final

from chassis.refusals import Refused

from voting.rules.terms import NO, Form, Rule, Status, Terms

FEWEST_OPTIONS: Final = 2
MOST_OPTIONS: Final = 100
"""More than anyone reads on one ballot, few enough that every rule counts fast."""

Reason = Mapping[str, str]
"""The public reason for a change, by language."""


def status_at(terms: Terms, now: datetime) -> Status:
    """Where a poll stands at an instant. It is open from `opens_at` until just before `closes_at`."""
    if terms.status not in {Status.SCHEDULED, Status.OPEN}:
        return terms.status
    opens_at, closes_at = _window(terms)
    if now < opens_at:
        return Status.SCHEDULED
    return Status.OPEN if now < closes_at else Status.CLOSED


def check_open(terms: Terms, now: datetime) -> None:
    """Whether votes may be cast, changed and withdrawn. Refused: `poll_not_open`."""
    where = status_at(terms, now)
    if where is not Status.OPEN:
        raise Refused("poll_not_open", poll=where, opens_at=terms.opens_at, closes_at=terms.closes_at)


def check_begun(terms: Terms, now: datetime) -> None:
    """Whether a poll takes ballots or has taken them. Refused: `poll_not_begun`."""
    where = status_at(terms, now)
    if where in {Status.DRAFT, Status.SCHEDULED}:
        raise Refused("poll_not_begun", poll=where, opens_at=terms.opens_at)


def check_change(terms: Terms, now: datetime) -> None:
    """Whether a poll's content may be changed, or the poll deleted: only a draft's. Refused: `poll_frozen`."""
    _only_in({Status.DRAFT}, terms, now, code="poll_frozen")


def check_unchanged(version: int, seen: int | None) -> None:
    """Whether a poll is still the one that was seen, where that was said. Refused: `changed_meanwhile`."""
    if seen is not None and seen != version:
        raise Refused("changed_meanwhile", version=version, seen=seen)


def check_terms(terms: Terms) -> None:
    """Whether a poll's terms make sense, draft or not.

    Refused: `options_are_fixed` (yes/no has two), `wrong_number_of_options`, `max_choices_not_used` (by this rule),
    `wrong_max_choices`, `rules_read_different_ballots`, `rule_compared_twice`, `opens_after_closing`.
    """
    form = terms.form
    if terms.rule is Rule.YES_NO and terms.options != NO:
        raise Refused("options_are_fixed", options=NO)
    if terms.options > MOST_OPTIONS:
        raise Refused("wrong_number_of_options", least=FEWEST_OPTIONS, most=MOST_OPTIONS)
    if terms.max_choices is not None:
        if form is not Form.SET:
            raise Refused("max_choices_not_used", rule=terms.rule)
        if not 1 <= terms.max_choices <= max(terms.options, 1):
            raise Refused("wrong_max_choices", least=1, most=terms.options)
    if terms.opens_at and terms.closes_at and terms.opens_at >= terms.closes_at:
        raise Refused("opens_after_closing", opens_at=terms.opens_at, closes_at=terms.closes_at)


def check_schedule(terms: Terms, now: datetime) -> None:
    """Whether a draft is complete and may be announced. An opening time in the past opens it at once.

    Refused: `not_a_draft`, `times_missing`, `closes_in_the_past`, `wrong_number_of_options`, and as `check_terms`.
    """
    _only_in({Status.DRAFT}, terms, now, code="not_a_draft")
    check_terms(terms)
    if terms.options < FEWEST_OPTIONS:
        raise Refused("wrong_number_of_options", least=FEWEST_OPTIONS, most=MOST_OPTIONS)
    if not (terms.opens_at and terms.closes_at):
        raise Refused("times_missing")
    if terms.closes_at <= now:
        raise Refused("closes_in_the_past", closes_at=terms.closes_at)


def check_extend(
    terms: Terms, now: datetime, *, closes_at: datetime, reason: Reason, languages: Collection[str]
) -> None:
    """Whether a poll may close later; a poll that has closed stays closed.

    Refused: `poll_not_running` (neither scheduled nor open), `not_later` (a poll is never shortened by extending),
    `reason_missing`.
    """
    _only_in({Status.SCHEDULED, Status.OPEN}, terms, now, code="poll_not_running")
    _, current = _window(terms)
    if closes_at <= current:
        raise Refused("not_later", closes_at=current)
    check_reason(reason, languages)


def check_close(terms: Terms, now: datetime, *, reason: Reason, languages: Collection[str]) -> None:
    """Whether an open poll may be closed before its time. Refused: `poll_not_open`, `reason_missing`."""
    check_open(terms, now)
    check_reason(reason, languages)


def check_cancel(terms: Terms, now: datetime, *, reason: Reason, languages: Collection[str]) -> None:
    """Whether a poll may be called off: only before it closes, so that nobody calls off a result they have seen.

    Refused: `poll_not_running`, `reason_missing`.
    """
    _only_in({Status.SCHEDULED, Status.OPEN}, terms, now, code="poll_not_running")
    check_reason(reason, languages)


def check_publish(terms: Terms, now: datetime) -> None:
    """Whether the result may be published. Refused: `poll_not_closed`."""
    _only_in({Status.CLOSED}, terms, now, code="poll_not_closed")


def check_reason(reason: Reason, languages: Iterable[str]) -> None:
    """Whether a public reason can be read in each of the poll's languages. Refused: `reason_missing`."""
    missing = [language for language in languages if not reason.get(language, "").strip()]
    if missing or not any(text.strip() for text in reason.values()):
        raise Refused("reason_missing", languages=missing)


def _only_in(phases: Collection[Status], terms: Terms, now: datetime, *, code: str) -> None:
    where = status_at(terms, now)
    if where not in phases:
        raise Refused(code, poll=where)


def _window(terms: Terms) -> tuple[datetime, datetime]:
    if terms.opens_at is None or terms.closes_at is None:
        raise ValueError(f"a {terms.status} poll has an opening and a closing time")
    return terms.opens_at, terms.closes_at
