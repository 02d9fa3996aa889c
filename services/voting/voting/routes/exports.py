"""Downloads of a published poll's ballots. Nothing in them tells whose a ballot is or when it was cast."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, get_args
from uuid import UUID

import orjson
from chassis.db import Session, tenant_session
from chassis.problems import problems
from chassis.refusals import Refused
from contracts.base import Language
from fastapi import APIRouter, Request, Response
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import StreamingResponse

from voting import queries
from voting.models import Poll
from voting.routes.results import FINAL_SECONDS, published
from voting.rules import preflib_text
from voting.rules.ballots import Ballot, ballot_from_json
from voting.rules.preflib_text import About, Contents
from voting.rules.terms import Form

PIECE = 64 * 1024
DOWNLOAD_SECONDS = 300
LANGUAGES: Final[tuple[str, ...]] = get_args(Language)
BALLOTS = problems("not_found", "result_not_published", "invalid") | problems("too_many_exports", status=503)
router = APIRouter(prefix="/api/v1/polls/{poll_id}")


@dataclass(frozen=True, slots=True)
class Export:
    """A file: what its name ends in, and its lines."""

    extension: str
    lines: AsyncIterator[bytes]


Opening = Callable[[AsyncSession, Poll], Awaitable[Export]]


@router.get("/ballots.csv", response_class=StreamingResponse, responses=BALLOTS)
async def get_ballots_csv(request: Request, poll_id: UUID, session: Session) -> Response:
    """Every ballot, a row each: 1 under what was chosen, in rankings the rank, else the grade; a blank one is empty.

    Equal ballots stand together; nothing tells whose they are or when they were cast.
    """
    return await _download(request, await published(session, poll_id), _csv, "text/csv; charset=utf-8")


@router.get("/ballots.json", response_class=StreamingResponse, responses=BALLOTS)
async def get_ballots_json(request: Request, poll_id: UUID, session: Session) -> Response:
    """Every ballot as it was cast; equal ballots stand together, and nothing tells whose they are."""
    return await _download(request, await published(session, poll_id), _json, "application/json")


@router.get("/ballots.preflib", response_class=StreamingResponse, responses=BALLOTS)
async def get_ballots_preflib(request: Request, poll_id: UUID, session: Session) -> Response:
    """Every ballot in PrefLib's format, which programs for counting read; equal ballots are one line.

    Rankings are orders (`.soc`, `.soi`, `.toc` or `.toi`, whichever fits), all else categories (`.cat`): the file's
    name says which. Blank ballots of rankings stand in the header, as `NUMBER BLANK BALLOTS`.
    """
    return await _download(request, await published(session, poll_id), _preflib, "text/plain; charset=utf-8")


async def _download(request: Request, poll: Poll, opening: Opening, media_type: str) -> Response:
    """Stream from a session of its own: the request's is closed before a body is sent.

    The first piece is read before the answer begins, so that a database that has no time is a problem, not half a file.
    A download holds a connection for as long as its reader takes, so there are few at once and none is endless.
    """
    turns: asyncio.Semaphore = request.app.state.export_turns
    if turns.locked():
        raise Refused("too_many_exports", status=503)
    sessions, tenant = request.app.state.sessions, poll.tenant_id

    async def pieces() -> AsyncIterator[bytes]:
        """What the file's name ends in, then its content."""
        async with turns, asyncio.timeout(DOWNLOAD_SECONDS), tenant_session(sessions, tenant) as session:
            export = await opening(session, poll)
            yield export.extension.encode()
            async for piece in _gathered(export.lines):
                yield piece

    coming = pieces()
    extension = (await anext(coming)).decode()
    first = await anext(coming)

    async def content() -> AsyncIterator[bytes]:
        yield first
        async for piece in coming:
            yield piece

    headers = {
        "cache-control": f"public, max-age={FINAL_SECONDS}",
        "content-disposition": f'attachment; filename="{_file_name(poll, extension)}"',
    }
    return StreamingResponse(content(), media_type=media_type, headers=headers)


def _file_name(poll: Poll, extension: str) -> str:
    return f"ballots-{poll.id}.{extension}"


async def _gathered(lines: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Lines gathered into pieces that are worth sending."""
    held = bytearray()
    async for line in lines:
        held += line
        if len(held) >= PIECE:
            yield bytes(held)
            held.clear()
    yield bytes(held)


# CSV


async def _csv(session: AsyncSession, poll: Poll) -> Export:
    return Export("csv", _csv_lines(session, poll))


async def _csv_lines(session: AsyncSession, poll: Poll) -> AsyncIterator[bytes]:
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


# JSON


async def _json(session: AsyncSession, poll: Poll) -> Export:
    return Export("json", _json_lines(session, poll))


async def _json_lines(session: AsyncSession, poll: Poll) -> AsyncIterator[bytes]:
    options = [{"number": option.number, "labels": option.labels} for option in poll.options]
    head = {"poll_id": str(poll.id), "rule": poll.rule, "options": options}
    yield orjson.dumps(head)[:-1] + b',"ballots":['
    before = b"\n"
    async for choices in queries.ballots(session, poll.id):
        yield before + orjson.dumps(choices)
        before = b",\n"
    yield b"\n]}\n"


# PrefLib


async def _preflib(session: AsyncSession, poll: Poll) -> Export:
    """Two passes over the distinct ballots, which no longer change: the header tells what all of them are."""
    contents = Contents(poll.terms.form, len(poll.options))
    async for ballot, times in queries.distinct_ballots(session, poll):
        contents.add(ballot, times)
    return Export(contents.kind, _preflib_lines(session, poll, contents))


async def _preflib_lines(session: AsyncSession, poll: Poll, contents: Contents) -> AsyncIterator[bytes]:
    about = About(
        file_name=_file_name(poll, contents.kind),
        title=_in_one_language(poll.titles),
        published_on=f"{poll.changed_at:%Y-%m-%d}",
        names=[_in_one_language(option.labels) for option in poll.options],
    )
    for line in preflib_text.header(about, contents):
        yield f"{line}\n".encode()
    async for ballot, times in queries.distinct_ballots(session, poll):
        if line := preflib_text.line(ballot, times, contents):
            yield f"{line}\n".encode()


def _in_one_language(texts: Mapping[str, str]) -> str:
    """The first text there is: such a file has room for one language."""
    return next(texts[language] for language in (*LANGUAGES, *sorted(texts)) if language in texts)
