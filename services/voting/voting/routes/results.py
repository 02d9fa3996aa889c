"""Results."""

from uuid import UUID

from chassis.auth import Visitor
from chassis.clock import Now
from chassis.db import Session
from chassis.problems import problems
from chassis.refusals import Refused
from fastapi import APIRouter, Request, Response
from sqlalchemy.ext.asyncio import AsyncSession

from voting import queries
from voting.models import Poll
from voting.routes.polls import is_official, readable
from voting.rules.terms import Status
from voting.schemas import ResultOut, TurnoutOut

FINAL_SECONDS = 60  # a published result never changes
TURNOUT_SECONDS = 30
router = APIRouter(prefix="/api/v1/polls/{poll_id}")


@router.get("/result", responses=problems("not_found", "result_not_published", "invalid"), response_model=ResultOut)
async def get_result(request: Request, poll_id: UUID, session: Session, visitor: Visitor, now: Now) -> Response:
    """The result, once it is published; officials see it from closing on."""
    poll = await queries.visible_poll(session, poll_id, drafts=is_official(visitor))
    _check_readable(poll, official=is_official(visitor))
    outcome = await queries.outcome(session, poll_id)
    result = ResultOut(poll_id=poll.id, ballots=poll.ballots or 0, blank=poll.blank or 0, results=outcome.results)
    return readable(request, result, visitor, now, fresh=FINAL_SECONDS)


@router.get("/turnout", responses=problems("not_found", "poll_not_begun", "invalid"), response_model=TurnoutOut)
async def get_turnout(request: Request, poll_id: UUID, now: Now) -> Response:
    """How many ballots there are, from opening on; the same for everyone, and half a minute old at most.

    No other number about an open poll is public, and none about its options is known to anyone before it closes.
    """
    turnout = await request.app.state.turnouts.of(request.state.tenant_id, poll_id)
    shown = TurnoutOut(ballots=turnout.ballots, at=turnout.at)
    return readable(request, shown, None, now, changes_at=(turnout.closes_at,), fresh=TURNOUT_SECONDS)


def _check_readable(poll: Poll, *, official: bool) -> None:
    if poll.status == Status.PUBLISHED or (official and poll.status == Status.CLOSED):
        return
    raise Refused("result_not_published")


async def published(session: AsyncSession, poll_id: UUID) -> Poll:
    """A poll whose result everyone may read. Refused: 404 `not_found`, `result_not_published`."""
    poll = await queries.visible_poll(session, poll_id, drafts=False)
    _check_readable(poll, official=False)
    return poll
