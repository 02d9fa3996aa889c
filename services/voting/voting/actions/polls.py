"""What can happen to a poll. Nothing here commits; each action locks its poll first.

A timer holds its own row before it asks for its poll, so who holds a poll never waits for a timer's row: `due.move` and
`due.cancel` leave one that is going off, which then finds out what became of its poll.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from chassis import due, telemetry
from chassis.clock import uuid7
from chassis.db import tenant_of, tenant_session
from chassis.outbox import emit
from chassis.refusals import Refused
from chassis.resources import resources_of
from contracts import voting as events
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from voting import queries
from voting.models import Government, Option, Outcome, Poll
from voting.rules import lifecycle
from voting.rules.ballots import Ballot
from voting.rules.counting import tally
from voting.rules.lifecycle import Reason
from voting.rules.terms import NO, Rule, Status

KEY = "poll"
"""The purpose of the keys that make a person's id a voter."""

VOTERS_KNOWN_FOR = timedelta(days=30)
"""How long after the end of a poll it can be told who cast which vote."""

YES_AND_NO = (
    {"nl": "Ja", "fr": "Oui", "de": "Ja", "en": "Yes"},
    {"nl": "Nee", "fr": "Non", "de": "Nein", "en": "No"},
)
OPENING, CLOSING, FORGETTING = "open_poll", "close_poll", "forget_voters"
Facts = Mapping[str, Any]


# Drafts


async def create(session: AsyncSession, facts: Facts, *, by: UUID, now: datetime) -> Poll:
    """Make a draft. `facts`: what `schemas.PollIn` holds.

    Refused: as `lifecycle.check_terms`.
    """
    tenant = tenant_of(session)
    await session.execute(insert(Government).values(id=tenant).on_conflict_do_nothing())
    poll = Poll(tenant_id=tenant, id=uuid7(), version=1, status=Status.DRAFT, notices=[], created_by=by)
    _write(poll, facts, now)
    session.add(poll)
    await session.flush()
    _note_for_audit(session, poll, "created", by, now)
    return poll


async def change(
    session: AsyncSession, poll_id: UUID, facts: Facts, *, by: UUID, now: datetime, seen: int | None = None
) -> Poll:
    """Change what `facts` names of a draft; `seen` is the version that its author had before them.

    Refused: `poll_frozen`, `changed_meanwhile`, and as `lifecycle.check_terms`.
    """
    poll = await queries.locked_poll(session, poll_id)
    lifecycle.check_change(poll.terms, now)
    lifecycle.check_unchanged(poll.version, seen)
    _write(poll, facts, now)
    await session.flush()
    _note_for_audit(session, poll, "changed", by, now)
    return poll


async def delete(session: AsyncSession, poll_id: UUID, *, by: UUID, now: datetime) -> None:
    """Delete a draft. Refused: `poll_frozen`."""
    poll = await queries.locked_poll(session, poll_id)
    lifecycle.check_change(poll.terms, now)
    _note_for_audit(session, poll, "deleted", by, now)
    await session.delete(poll)


def _write(poll: Poll, facts: Facts, now: datetime) -> None:
    for name, value in facts.items():
        if name != "options":
            setattr(poll, name, value)
    poll.changed_at = now
    options = facts.get("options", [])
    if poll.rule == Rule.YES_NO:
        if options:
            raise Refused("options_are_fixed", options=NO)
        options = [{"labels": labels, "descriptions": {}} for labels in YES_AND_NO]
    if options or "options" in facts:
        poll.options = [
            Option(tenant_id=poll.tenant_id, poll_id=poll.id, number=number, **option)
            for number, option in enumerate(options, 1)
        ]
    lifecycle.check_terms(poll.terms)


# From announcing to publishing


async def schedule(session: AsyncSession, poll_id: UUID, *, by: UUID, now: datetime, seen: int | None = None) -> Poll:
    """Announce a draft: what people vote on is fixed from here on. One whose time has come opens at once.

    Refused: `changed_meanwhile` (since the version that was `seen`), and as `lifecycle.check_schedule`.
    """
    poll, now = await _locked(session, poll_id, now)
    lifecycle.check_schedule(poll.terms, now)
    lifecycle.check_unchanged(poll.version, seen)
    await resources_of(session).keyring.create(session, KEY, poll.id)
    poll.status = Status.SCHEDULED
    await _tell(session, poll, events.PollScheduled, now)
    _note_for_audit(session, poll, "scheduled", by, now)
    opens_at, closes_at = _times(poll)
    await due.at(session, OPENING, subject=poll.id, when=opens_at)
    await due.at(session, CLOSING, subject=poll.id, when=closes_at)
    await settle(session, poll, now=now)
    return poll


async def close_when_due(session: AsyncSession, poll_id: UUID, *, now: datetime) -> None:
    """What the closing timer does; set anew where the poll was extended while the timer waited for it."""
    poll = await queries.locked_poll(session, poll_id)
    await settle(session, poll, now=now)
    if poll.status in queries.NOTED:
        _, closes_at = _times(poll)
        await due.at(session, CLOSING, subject=poll.id, when=closes_at)


async def settle(session: AsyncSession, poll: Poll, *, now: datetime) -> None:
    """Note in a locked poll what the clock says of it: that it has opened, or that it has closed. Twice is once."""
    where = lifecycle.status_at(poll.terms, now)
    if where == poll.status:
        return
    if where is Status.OPEN:
        await due.cancel(session, OPENING, subject=poll.id)
        poll.status = Status.OPEN
        await _tell(session, poll, events.PollOpened, now)
    elif where is Status.CLOSED:
        await _end(session, poll, now)


async def extend(
    session: AsyncSession, poll_id: UUID, *, closes_at: datetime, reason: Reason, by: UUID, now: datetime
) -> Poll:
    """Let a poll close later. Refused: as `lifecycle.check_extend`."""
    poll, now = await _locked(session, poll_id, now)
    lifecycle.check_extend(poll.terms, now, closes_at=closes_at, reason=reason, languages=poll.titles)
    await due.move(session, CLOSING, subject=poll.id, when=closes_at)
    poll.closes_at = closes_at
    _note(poll, "extended", reason, now)
    await _tell(session, poll, events.PollChanged, now)
    _note_for_audit(session, poll, "extended", by, now)
    await settle(session, poll, now=now)
    return poll


async def close_early(session: AsyncSession, poll_id: UUID, *, reason: Reason, by: UUID, now: datetime) -> Poll:
    """Close an open poll before its time and count it. Refused: as `lifecycle.check_close`."""
    poll, now = await _locked(session, poll_id, now)
    lifecycle.check_close(poll.terms, now, reason=reason, languages=poll.titles)
    await _end(session, poll, now, early=reason)
    _note_for_audit(session, poll, "closed_early", by, now)
    return poll


async def cancel(session: AsyncSession, poll_id: UUID, *, reason: Reason, by: UUID, now: datetime) -> Poll:
    """Call a poll off before it closes; it will have no result. Refused: as `lifecycle.check_cancel`."""
    poll, now = await _locked(session, poll_id, now)
    lifecycle.check_cancel(poll.terms, now, reason=reason, languages=poll.titles)
    await _only_forgetting_is_left(session, poll, now)
    poll.status = Status.CANCELLED
    _note(poll, "cancelled", reason, now)
    await _tell(session, poll, events.PollCancelled, now)
    _note_for_audit(session, poll, "cancelled", by, now)
    return poll


async def publish(session: AsyncSession, poll_id: UUID, *, by: UUID, now: datetime) -> Poll:
    """Publish the result of a poll that has closed. Refused: as `lifecycle.check_publish`."""
    poll, now = await _locked(session, poll_id, now)
    await settle(session, poll, now=now)
    lifecycle.check_publish(poll.terms, now)
    outcome = await queries.outcome(session, poll.id)
    poll.status = Status.PUBLISHED
    await _tell(session, poll, events.ResultPublished, now, **_result(outcome))
    _note_for_audit(session, poll, "published", by, now)
    return poll


async def forget_voters(session: AsyncSession, poll_id: UUID) -> None:
    """Destroy the key that makes people's ids voters: from now on nobody can tell who cast which vote."""
    await resources_of(session).keyring.destroy(session, KEY, poll_id)


async def _locked(session: AsyncSession, poll_id: UUID, now: datetime) -> tuple[Poll, datetime]:
    """A poll that is about to change, and the time by which that is decided.

    Who waits for the lock may wait past an opening or closing, so the time is what it is once the poll is held: by the
    database's clock, as for votes, or `now` where that is later.
    """
    poll = await queries.locked_poll(session, poll_id)
    return poll, max(now, await queries.clock(session))


async def _end(session: AsyncSession, poll: Poll, now: datetime, *, early: Reason | None = None) -> None:
    """Close and count a locked poll: votes under way held it, so all that were accepted are seen here."""
    counted = await queries.count_ballots(session, poll)
    rules, numbers = [poll.rule, *poll.compared_with], [option.number for option in poll.options]
    results = await asyncio.to_thread(_tally, rules, counted, numbers)  # while a large count runs others are served
    await _only_forgetting_is_left(session, poll, now)
    session.add(Outcome(tenant_id=poll.tenant_id, poll_id=poll.id, results=results, counted_at=now))
    if early:
        poll.closes_at = now
        _note(poll, "closed_early", early, now)
    poll.status = Status.CLOSED
    poll.ballots, poll.blank = sum(counted.values()), counted.get((), 0)
    await _tell(session, poll, events.PollClosed, now)


def _tally(rules: Sequence[str], counted: Mapping[Ballot, int], options: Sequence[int]) -> list[dict[str, Any]]:
    return [tally(rule, counted, options).as_json() for rule in rules]


async def _only_forgetting_is_left(session: AsyncSession, poll: Poll, now: datetime) -> None:
    for kind in (OPENING, CLOSING):
        await due.cancel(session, kind, subject=poll.id)
    await due.at(session, FORGETTING, subject=poll.id, when=now + VOTERS_KNOWN_FOR)


def _note(poll: Poll, kind: str, reason: Reason, now: datetime) -> None:
    notice = {"kind": kind, "reason": {language: text.strip() for language, text in reason.items()}}
    poll.notices = [*poll.notices, {**notice, "at": now.isoformat()}]


def _times(poll: Poll) -> tuple[datetime, datetime]:
    if poll.opens_at is None or poll.closes_at is None:
        raise ValueError("a poll that was announced has its times")
    return poll.opens_at, poll.closes_at


# Telling others


async def _tell(session: AsyncSession, poll: Poll, event: type[events.PollState], now: datetime, **more: Any) -> None:
    telemetry.about(poll_id=poll.id)
    poll.changed_at = now
    await session.flush()  # the new version exists before the event that carries it
    emit(session, event(**state(poll), **more), sequence=poll.version, now=now)


def _note_for_audit(session: AsyncSession, poll: Poll, action: events.Action, by: UUID, now: datetime) -> None:
    """Who did it is told apart from what everyone may know of a poll."""
    acted = events.OfficialActed(poll_id=poll.id, action=action, person_id=by, at=now)
    emit(session, acted, sequence=poll.version, now=now)


def state(poll: Poll) -> dict[str, Any]:
    """A poll's whole public state, as its events carry it."""
    return {
        "poll_id": poll.id,
        "status": poll.status,
        "titles": poll.titles,
        "rule": poll.rule,
        "compared_with": tuple(poll.compared_with),
        "options": tuple(events.PollOption(number=option.number, labels=option.labels) for option in poll.options),
        "opens_at": poll.opens_at,
        "closes_at": poll.closes_at,
        "notices": tuple(events.PollNotice(**notice) for notice in poll.notices),
        "ballots": poll.ballots,
        "blank": poll.blank,
    }


def _result(outcome: Outcome) -> dict[str, Any]:
    first = outcome.results[0]
    return {name: first[name] for name in ("winners", "ranking", "tied")}


LATEST: dict[str, type[events.PollState]] = {
    Status.SCHEDULED: events.PollScheduled,
    Status.OPEN: events.PollOpened,
    Status.CLOSED: events.PollClosed,
    Status.CANCELLED: events.PollCancelled,
}


async def republish(
    sessions: async_sessionmaker[AsyncSession],
) -> AsyncIterator[tuple[events.PollState, int, UUID]]:
    """Every announced poll's current state again, with its sequence, for a consumer that joins late."""
    async with tenant_session(sessions) as session:
        governments = await queries.governments(session)
    for government in governments:
        async with tenant_session(sessions, government) as session:
            for poll in await queries.announced_polls(session):
                yield await _event_of(session, poll), poll.version, government


async def _event_of(session: AsyncSession, poll: Poll) -> events.PollState:
    if poll.status == Status.PUBLISHED:
        return events.ResultPublished(**state(poll), **_result(await queries.outcome(session, poll.id)))
    return LATEST[poll.status](**state(poll))
