"""Reads."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

import orjson
from chassis.db import tenant_of
from chassis.pages import Page, PageRequest, keyset
from chassis.refusals import Refused
from sqlalchemy import (
    ARRAY,
    ColumnElement,
    LargeBinary,
    Select,
    Text,
    Uuid,
    and_,
    cast,
    collate,
    column,
    event,
    func,
    literal,
    or_,
    select,
)
from sqlalchemy.ext.asyncio import AsyncSession

from voting.models import Government, Outcome, Poll, Vote
from voting.recent import RECENT
from voting.rules.ballots import Ballot, ballot_from_json
from voting.rules.terms import Status

T = TypeVar("T")
Into = Callable[[Vote, Poll], T]
EXPORT_ROWS = 1_000
AS_TEXT = collate(cast(Vote.choices, Text), "C")
NOTED: tuple[str, ...] = (Status.SCHEDULED, Status.OPEN)


async def visible_poll(session: AsyncSession, poll_id: UUID, *, drafts: bool) -> Poll:
    """A poll that the reader may see; a draft is not there for those who make none."""
    found = _found(await session.get(Poll, (tenant_of(session), poll_id)))
    if found.status == Status.DRAFT and not drafts:
        raise Refused("not_found", status=404)
    return found


async def announced_poll(session: AsyncSession, poll_id: UUID) -> Poll:
    """A poll that everyone may see, as it is or was a second ago; for reading only."""
    key = (tenant_of(session), poll_id)
    poll = RECENT.get(key)
    if poll is None:
        poll = await visible_poll(session, poll_id, drafts=False)
        RECENT.put(key, poll)
    return poll


async def locked_poll(session: AsyncSession, poll_id: UUID) -> Poll:
    """A poll that is about to change: whoever wants to change it or vote in it waits; 404 where there is none."""
    key = (tenant_of(session), poll_id)
    event.listen(session.sync_session, "after_commit", lambda _: RECENT.forget(key), once=True)
    return _found(await session.get(Poll, (tenant_of(session), poll_id), with_for_update=True))


async def clock(session: AsyncSession) -> datetime:
    """The time by the clock that opens and closes the ballot box."""
    now: datetime = (await session.execute(select(func.clock_timestamp()))).scalar_one()
    return now


def _found(poll: Poll | None) -> Poll:
    if poll is None:
        raise Refused("not_found", status=404)
    return poll


def polls(session: AsyncSession, status: Status | None, *, drafts: bool, now: datetime) -> Select[Poll]:
    """The polls of the session's government that stand at `status` now, or all that the reader may see."""
    query = select(Poll).where(Poll.tenant_id == tenant_of(session))
    if status is not None:
        query = query.where(_stands_at(status, now))
    return query if drafts else query.where(Poll.status != Status.DRAFT)


def _stands_at(status: Status, now: datetime | ColumnElement[datetime]) -> ColumnElement[bool]:
    """`rules.lifecycle.status_at`, as a condition."""
    noted = Poll.status.in_(NOTED)
    match status:
        case Status.SCHEDULED:
            return and_(noted, Poll.opens_at > now)
        case Status.OPEN:
            return and_(noted, Poll.opens_at <= now, Poll.closes_at > now)
        case Status.CLOSED:
            return or_(Poll.status == status, and_(noted, Poll.closes_at <= now))
        case _:
            return Poll.status == status


async def lock_against_closing(session: AsyncSession, poll_id: UUID) -> bool:
    """Whether a poll takes votes; if so, it goes on doing so until the session ends."""
    this = (Poll.tenant_id == tenant_of(session), Poll.id == poll_id)
    takes_votes = _stands_at(Status.OPEN, func.clock_timestamp())
    return await session.scalar(select(Poll.id).where(*this, takes_votes).with_for_update(read=True)) is not None


async def vote(session: AsyncSession, poll_id: UUID, voter: bytes) -> Vote | None:
    """The vote of a voter."""
    return await session.get(Vote, (tenant_of(session), poll_id, voter))


async def votes_of(
    session: AsyncSession, voters: Mapping[UUID, bytes], *, paging: PageRequest, into: Into[T]
) -> Page[T]:
    """One person's votes with their polls, the newest poll first: `voters` is who the person is in each poll."""
    pairs = func.unnest(literal(list(voters), ARRAY(Uuid())), literal(list(voters.values()), ARRAY(LargeBinary())))
    mine = pairs.table_valued(column("poll_id", Uuid()), column("voter", LargeBinary())).render_derived("mine")
    query = (
        select(Vote, Poll)
        .join(mine, and_(Vote.poll_id == mine.c.poll_id, Vote.voter == mine.c.voter))
        .join(Poll, and_(Poll.tenant_id == Vote.tenant_id, Poll.id == Vote.poll_id))
        .where(Vote.tenant_id == tenant_of(session))
    )
    return await keyset(session, query, order=(Poll.id.desc(),), paging=paging, into=lambda row: into(*row))


async def count_votes(session: AsyncSession, poll_id: UUID) -> int:
    """How many votes a poll has now."""
    this = (Vote.tenant_id == tenant_of(session), Vote.poll_id == poll_id)
    return (await session.execute(select(func.count()).where(*this))).scalar_one()


async def count_ballots(session: AsyncSession, poll: Poll) -> dict[Ballot, int]:
    """How often each distinct ballot was cast: one pass over the poll's votes."""
    form = poll.terms.form
    rows = await session.execute(_distinct_ballots(session, poll.id))
    return {ballot_from_json(orjson.loads(choices), form): count for choices, count in rows}


async def ballots(session: AsyncSession, poll_id: UUID) -> AsyncIterator[list[Any]]:
    """Every ballot as JSON has it, equal ones together: nothing tells whose it is or when it was cast."""
    query = _distinct_ballots(session, poll_id).order_by(AS_TEXT).execution_options(yield_per=EXPORT_ROWS)
    async for text, count in await session.stream(query):
        choices = orjson.loads(text)
        for _ in range(count):
            yield choices


async def distinct_ballots(session: AsyncSession, poll: Poll) -> AsyncIterator[tuple[Ballot, int]]:
    """Each distinct ballot and how often it was cast, the most frequent first."""
    form = poll.terms.form
    order = (func.count().desc(), AS_TEXT)
    query = _distinct_ballots(session, poll.id).order_by(*order).execution_options(yield_per=EXPORT_ROWS)
    async for text, count in await session.stream(query):
        yield ballot_from_json(orjson.loads(text), form), count


def _distinct_ballots(session: AsyncSession, poll_id: UUID) -> Select[str, int]:
    """As text: PostgreSQL groups and sorts bytes three times as fast as JSON, and writes equal JSON alike."""
    this = (Vote.tenant_id == tenant_of(session), Vote.poll_id == poll_id)
    return select(AS_TEXT, func.count()).where(*this).group_by(AS_TEXT)


async def outcome(session: AsyncSession, poll_id: UUID) -> Outcome:
    """What a closed poll came to."""
    return await session.get_one(Outcome, (tenant_of(session), poll_id))


async def governments(session: AsyncSession) -> Sequence[UUID]:
    """Every government that has had a poll here."""
    return (await session.scalars(select(Government.id).order_by(Government.id))).all()


async def announced_polls(session: AsyncSession) -> Sequence[Poll]:
    """Every poll of the session's government that the public knows of, oldest first."""
    announced = (Poll.tenant_id == tenant_of(session), Poll.status != Status.DRAFT)
    return (await session.scalars(select(Poll).where(*announced).order_by(Poll.id))).all()
