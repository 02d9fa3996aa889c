"""Polls: what anyone may read, what officials do with them."""

import hashlib
from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from chassis.auth import Actor, Visitor, require
from chassis.clock import Now
from chassis.db import Session
from chassis.idempotency import idempotent
from chassis.pages import Page, Paging, keyset
from chassis.problems import problems
from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel

from voting import queries
from voting.actions import polls
from voting.models import Poll
from voting.rules.lifecycle import status_at
from voting.rules.order import options_in_order
from voting.rules.terms import Status
from voting.schemas import Announcement, Extension, OptionOut, PollIn, PollOut, PollPatch, WithReason

OFFICIALS = ("administrator", "project_manager")
FRESH_SECONDS = 5
NOT_MODIFIED = 304
ORDER_STAYS_FOR = 3600
Official = Annotated[Actor, Depends(require(*OFFICIALS))]
router = APIRouter(prefix="/api/v1/polls")
TERMS = (
    "options_are_fixed",
    "wrong_number_of_options",
    "max_choices_not_used",
    "wrong_max_choices",
    "rules_read_different_ballots",
    "rule_compared_twice",
    "opens_after_closing",
)
OFFICIAL = ("not_signed_in", "forbidden", "not_found", "invalid")


# Reading


@router.get("", responses=problems("invalid"), response_model=Page[PollOut])
async def get_polls(
    request: Request, session: Session, visitor: Visitor, paging: Paging, now: Now, *, status: Status | None = None
) -> Response:
    """The government's polls, newest first: those that were announced, for officials also the drafts."""
    drafts = is_official(visitor)
    moments: list[datetime | None] = []

    def out(poll: Poll) -> PollOut:
        moments.extend((poll.opens_at, poll.closes_at))
        return poll_out(poll, visitor, now)

    query = queries.polls(session, status, drafts=drafts, now=now)
    page = await keyset(session, query, order=(Poll.id.desc(),), paging=paging, into=out)
    return readable(request, page, visitor, now, changes_at=moments)


@router.get("/{poll_id}", responses=problems("not_found", "invalid"), response_model=PollOut)
async def get_poll(request: Request, poll_id: UUID, session: Session, visitor: Visitor, now: Now) -> Response:
    """One poll. The options stand in an order that is random per voter and stays the same for them."""
    if is_official(visitor):  # who changes polls sees at once what they changed, drafts included
        poll = await queries.visible_poll(session, poll_id, drafts=True)
    else:
        poll = await queries.announced_poll(session, poll_id)
    shown = poll_out(poll, visitor, now)
    return readable(request, shown, visitor, now, changes_at=(poll.opens_at, poll.closes_at))


def is_official(visitor: Actor | None) -> bool:
    """Whether the reader makes polls, so may see drafts and results that are not published."""
    return visitor is not None and visitor.has(*OFFICIALS)


def poll_out(poll: Poll, reader: Actor | None, now: datetime) -> PollOut:
    """A poll as this reader sees it now. Visitors share an order of the options, for an hour."""
    voter = str(reader.person_id) if reader else f"visitors of {now.timestamp() // ORDER_STAYS_FOR}"
    return PollOut(
        poll_id=poll.id,
        version=poll.version,
        status=status_at(poll.terms, now),
        titles=poll.titles,
        questions=poll.questions,
        descriptions=poll.descriptions,
        rule=poll.rule,
        compared_with=poll.compared_with,
        options=_options(poll, voter),
        max_choices=poll.max_choices,
        opens_at=poll.opens_at,
        closes_at=poll.closes_at,
        level=poll.level,
        notices=poll.notices,
        ballots=poll.ballots,
        blank=poll.blank if poll.status == Status.PUBLISHED else None,  # a part of the result
    )


def _options(poll: Poll, voter: str) -> list[OptionOut]:
    numbers: list[int] = [option.number for option in poll.options]
    if poll.status != Status.DRAFT:  # its author reads a draft as they wrote it
        numbers = options_in_order(numbers, rule=poll.terms.rule, poll=poll.id, voter=voter)
    by_number = {option.number: option for option in poll.options}
    return [OptionOut.model_validate(by_number[number]) for number in numbers]


def readable(
    request: Request,
    body: BaseModel,
    visitor: Actor | None,
    now: datetime,
    *,
    changes_at: Iterable[datetime | None] = (),
    fresh: int = FRESH_SECONDS,
) -> Response:
    """An answer that caches may keep for visitors, `fresh` seconds at most and never past what changes it."""
    raw = body.model_dump_json().encode()
    if visitor is not None:
        return Response(raw, media_type="application/json", headers={"cache-control": "private, no-store"})
    seconds = [fresh, *(int((moment - now).total_seconds()) for moment in changes_at if moment and moment > now)]
    etag = f'"{hashlib.blake2b(raw, digest_size=12).hexdigest()}"'
    headers = {"cache-control": f"public, max-age={min(seconds)}", "etag": etag, "vary": "authorization"}
    if request.headers.get("if-none-match") == etag:
        return Response(status_code=NOT_MODIFIED, headers=headers)
    return Response(raw, media_type="application/json", headers=headers)


# Drafts


@router.post(
    "",
    status_code=201,
    responses=problems("not_signed_in", "forbidden", "invalid", *TERMS, "still_running"),
)
@idempotent
async def post_poll(body: PollIn, session: Session, actor: Official, now: Now) -> PollOut:
    """Make a draft."""
    poll = await polls.create(session, _facts(body), by=actor.person_id, now=now)
    return poll_out(poll, actor, now)


@router.patch("/{poll_id}", responses=problems(*OFFICIAL, *TERMS, "poll_frozen", "changed_meanwhile"))
async def patch_poll(poll_id: UUID, body: PollPatch, session: Session, actor: Official, now: Now) -> PollOut:
    """Change a draft; what is absent stays. From scheduling on nothing can be changed here."""
    facts = _facts(body, exclude_unset=True, exclude={"version"})
    poll = await polls.change(session, poll_id, facts, by=actor.person_id, now=now, seen=body.version)
    return poll_out(poll, actor, now)


@router.delete("/{poll_id}", status_code=204, responses=problems(*OFFICIAL, "poll_frozen"))
async def delete_poll(poll_id: UUID, session: Session, actor: Official, now: Now) -> None:
    """Delete a draft."""
    await polls.delete(session, poll_id, by=actor.person_id, now=now)


def _facts(body: BaseModel, **how: Any) -> dict[str, Any]:
    facts = body.model_dump(**how)
    if "options" in facts:
        facts["options"] = [{"descriptions": {}, **option} for option in facts["options"]]
    return facts


# From announcing to publishing


@router.post(
    "/{poll_id}/schedule",
    responses=problems(*OFFICIAL, *TERMS, "not_a_draft", "times_missing", "closes_in_the_past", "changed_meanwhile"),
)
async def post_schedule(
    poll_id: UUID, session: Session, actor: Official, now: Now, body: Announcement | None = None
) -> PollOut:
    """Announce a draft: it opens and closes at its times, and what people vote on is fixed."""
    seen = body.version if body else None
    return poll_out(await polls.schedule(session, poll_id, by=actor.person_id, now=now, seen=seen), actor, now)


@router.post("/{poll_id}/extend", responses=problems(*OFFICIAL, "poll_not_running", "not_later", "reason_missing"))
async def post_extend(poll_id: UUID, body: Extension, session: Session, actor: Official, now: Now) -> PollOut:
    """Let a poll close later, for a public reason."""
    poll = await polls.extend(
        session, poll_id, closes_at=body.closes_at, reason=_reason(body), by=actor.person_id, now=now
    )
    return poll_out(poll, actor, now)


@router.post("/{poll_id}/cancel", responses=problems(*OFFICIAL, "poll_not_running", "reason_missing"))
async def post_cancel(poll_id: UUID, body: WithReason, session: Session, actor: Official, now: Now) -> PollOut:
    """Call a poll off before it closes, for a public reason; it will have no result."""
    return poll_out(await polls.cancel(session, poll_id, reason=_reason(body), by=actor.person_id, now=now), actor, now)


@router.post("/{poll_id}/close", responses=problems(*OFFICIAL, "poll_not_open", "reason_missing"))
async def post_close(poll_id: UUID, body: WithReason, session: Session, actor: Official, now: Now) -> PollOut:
    """Close an open poll before its time, for a public reason."""
    return poll_out(
        await polls.close_early(session, poll_id, reason=_reason(body), by=actor.person_id, now=now), actor, now
    )


@router.post("/{poll_id}/publish", responses=problems(*OFFICIAL, "poll_not_closed"))
async def post_publish(poll_id: UUID, session: Session, actor: Official, now: Now) -> PollOut:
    """Publish the result of a poll that has closed."""
    return poll_out(await polls.publish(session, poll_id, by=actor.person_id, now=now), actor, now)


def _reason(body: Extension | WithReason) -> dict[str, str]:
    reason: dict[str, str] = body.model_dump()["reason"]
    return reason
