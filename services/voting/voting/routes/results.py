"""Results and the ballots behind them."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any
from uuid import UUID

import orjson
from chassis.auth import Visitor
from chassis.clock import Now
from chassis.db import Session, tenant_session
from chassis.problems import problems
from chassis.refusals import Refused
from fastapi import APIRouter, Request, Response
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import StreamingResponse

from voting import queries
from voting.models import Poll
from voting.routes.polls import is_official, readable
from voting.rules.ballots import Ballot, ballot_from_json
from voting.rules.terms import Form, Status
from voting.schemas import ResultOut

FINAL_SECONDS = 60  # a published result never changes
PIECE = 64 * 1024
DOWNLOAD_SECONDS = 300
BALLOTS = problems("not_found", "result_not_published", "invalid") | problems("too_many_exports", status=503)
router = APIRouter(prefix="/api/v1/polls/{poll_id}")
Lines = Callable[[AsyncSession, Poll], AsyncIterator[bytes]]


@router.get("/result", responses=problems("not_found", "result_not_published", "invalid"), response_model=ResultOut)
async def get_result(request: Request, poll_id: UUID, session: Session, visitor: Visitor, now: Now) -> Response:
    """The result, once it is published; officials see it from closing on."""
    poll = await queries.visible_poll(session, poll_id, drafts=is_official(visitor))
    _check_readable(poll, official=is_official(visitor))
    outcome = await queries.outcome(session, poll_id)
    result = ResultOut(poll_id=poll.id, ballots=poll.ballots or 0, blank=poll.blank or 0, results=outcome.results)
    return readable(request, result, visitor, now, fresh=FINAL_SECONDS)


def _check_readable(poll: Poll, *, official: bool) -> None:
    if poll.status == Status.PUBLISHED or (official and poll.status == Status.CLOSED):
        return
    raise Refused("result_not_published")


@router.get("/ballots.csv", response_class=StreamingResponse, responses=BALLOTS)
async def get_ballots_csv(request: Request, poll_id: UUID, session: Session) -> Response:
    """Every ballot, a row each: 1 under what was chosen, in rankings the rank, else the grade; a blank one is empty.

    Equal ballots stand together; nothing tells whose they are or when they were cast.
    """
    poll = await _published(session, poll_id)
    return await _download(request, poll, _csv, "text/csv; charset=utf-8")


@router.get("/ballots.json", response_class=StreamingResponse, responses=BALLOTS)
async def get_ballots_json(request: Request, poll_id: UUID, session: Session) -> Response:
    """Every ballot as it was cast; equal ballots stand together, and nothing tells whose they are."""
    poll = await _published(session, poll_id)
    return await _download(request, poll, _json, "application/json")


async def _published(session: AsyncSession, poll_id: UUID) -> Poll:
    poll = await queries.visible_poll(session, poll_id, drafts=False)
    _check_readable(poll, official=False)
    return poll


async def _download(request: Request, poll: Poll, lines: Lines, media_type: str) -> Response:
    """Stream from a session of its own: the request's is closed before a body is sent.

    The first piece is read before the answer begins, so that a database that has no time is a problem, not half a file.
    A download holds a connection for as long as its reader takes, so there are few at once and none is endless.
    """
    turns: asyncio.Semaphore = request.app.state.export_turns
    if turns.locked():
        raise Refused("too_many_exports", status=503)
    sessions, tenant = request.app.state.sessions, poll.tenant_id

    async def body() -> AsyncIterator[bytes]:
        async with turns, asyncio.timeout(DOWNLOAD_SECONDS), tenant_session(sessions, tenant) as session:
            async for piece in _pieces(lines(session, poll)):
                yield piece

    pieces = body()
    first = await anext(pieces)

    async def all_of_it() -> AsyncIterator[bytes]:
        yield first
        async for piece in pieces:
            yield piece

    headers = {
        "cache-control": f"public, max-age={FINAL_SECONDS}",
        "content-disposition": f'attachment; filename="ballots-{poll.id}.{lines.__name__.strip("_")}"',
    }
    return StreamingResponse(all_of_it(), media_type=media_type, headers=headers)


async def _pieces(lines: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Lines gathered into pieces that are worth sending."""
    held = bytearray()
    async for line in lines:
        held += line
        if len(held) >= PIECE:
            yield bytes(held)
            held.clear()
    yield bytes(held)


async def _csv(session: AsyncSession, poll: Poll) -> AsyncIterator[bytes]:
    numbers = [option.number for option in poll.options]
    form = poll.terms.form
    yield _csv_line([f"option_{number}" for number in numbers])
    async for choices in queries.ballots(session, poll.id):
        cells = _cells(ballot_from_json(choices, form), form)
        yield _csv_line([cells.get(number, "") for number in numbers])


def _cells(ballot: Ballot, form: Form) -> dict[int, int]:
    """What stands under each option that a ballot names: its grade, its rank, or 1."""
    if form is Form.GRADES:
        return {option: grade for option, grade in ballot}  # noqa: C416 - pairs, which a type of groups does not tell
    ranks = {option: rank for rank, group in enumerate(ballot, 1) for option in group}
    return ranks if form is Form.RANKING else dict.fromkeys(ranks, 1)


def _csv_line(cells: Sequence[Any]) -> bytes:
    return (",".join(map(str, cells)) + "\r\n").encode()  # RFC 4180; numbers and our own names need no quotes


async def _json(session: AsyncSession, poll: Poll) -> AsyncIterator[bytes]:
    options = [{"number": option.number, "labels": option.labels} for option in poll.options]
    head = {"poll_id": str(poll.id), "rule": poll.rule, "options": options}
    yield orjson.dumps(head)[:-1] + b',"ballots":['
    before = b"\n"
    async for choices in queries.ballots(session, poll.id):
        yield before + orjson.dumps(choices)
        before = b",\n"
    yield b"\n]}\n"
