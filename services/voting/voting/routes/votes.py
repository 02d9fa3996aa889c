"""One's own vote. Casting is the hot path: a plain function, which solves no dependencies and reads its own body."""

from typing import Any
from uuid import UUID

import orjson
from chassis.auth import Person, visitor_of
from chassis.clock import Now
from chassis.db import Session
from chassis.pages import Page, Paging
from chassis.problems import invalid, problems
from chassis.refusals import Refused
from fastapi import APIRouter, Request, Response
from starlette.routing import Route

from voting import queries
from voting.actions import votes
from voting.models import Poll, Vote
from voting.routes.polls import poll_out
from voting.rules.ballots import ballot_to_json
from voting.schemas import MyVoteOut, VoteCast, VoteIn, VoteOut

PATH = "/api/v1/polls/{poll_id}/vote"
MOST_BYTES = 8192  # a hundred options and their grades, each in a list of its own, nicely indented
BALLOT = (
    "equal_ranks_not_allowed",
    "unknown_option",
    "unknown_grade",
    "option_twice",
    "wrong_number_of_choices",
    "poll_not_open",
)
PRIVATE = {"cache-control": "private, no-store"}
router = APIRouter()


async def put_vote(request: Request) -> Response:
    """Cast one's vote, or another one in its place; answered once it is stored for good."""
    state = request.app.state
    person = await visitor_of(state.verifier, request.headers.get("authorization"), request.state.tenant_id)
    if person is None:
        raise Refused("not_signed_in", status=401)
    poll_id = _poll_id(request)
    body = await _body(request)
    problem = _problem_of(body)
    if problem:
        return invalid([problem])
    ballot = await state.ballot_box.cast(person, poll_id, body["choices"])
    return Response(
        orjson.dumps({"voted": True, "choices": ballot_to_json(ballot)}), media_type="application/json", headers=PRIVATE
    )


def _poll_id(request: Request) -> UUID:
    try:
        return UUID(request.path_params["poll_id"])
    except ValueError as error:
        raise Refused("not_found", status=404) from error


async def _body(request: Request) -> Any:
    """The JSON of a body that is small enough; None where it is none."""
    raw = b""
    async for chunk in request.stream():
        raw += chunk
        if len(raw) > MOST_BYTES:
            raise Refused("too_large", status=413, allowed_bytes=MOST_BYTES)
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError:
        return None


def _problem_of(body: Any) -> dict[str, str] | None:
    if not isinstance(body, dict):
        return {"pointer": "", "message": "the body is a JSON object", "kind": "json_object"}
    if "choices" not in body:
        return {"pointer": "/choices", "message": "Field required", "kind": "missing"}
    for name in body:
        if name != "choices":
            return {"pointer": f"/{name}", "message": "Extra inputs are not permitted", "kind": "extra_forbidden"}
    return None


# The same function twice: by the short way, and by FastAPI for traced requests and for the OpenAPI document.
hot_routes = [Route(PATH, put_vote, methods=["PUT"])]
router.add_api_route(
    PATH,
    put_vote,
    methods=["PUT"],
    response_model=VoteCast,
    responses=problems("not_signed_in", "forbidden", "not_found", "too_large", "invalid", *BALLOT),
    openapi_extra={
        "parameters": [
            {"name": "poll_id", "in": "path", "required": True, "schema": {"type": "string", "format": "uuid"}}
        ],
        "requestBody": {"required": True, "content": {"application/json": {"schema": VoteIn.model_json_schema()}}},
    },
)


@router.get(PATH, responses=problems("not_signed_in", "not_found", "votes_anonymised", "invalid"))
async def get_vote(poll_id: UUID, session: Session, person: Person, response: Response) -> VoteOut:
    """Whether one has voted, and what."""
    response.headers.update(PRIVATE)
    await queries.announced_poll(session, poll_id)
    vote = await votes.own_vote(session, person, poll_id)
    if vote is None:
        return VoteOut(voted=False)
    return VoteOut(voted=True, choices=vote.choices, cast_at=vote.cast_at)


@router.get("/api/v1/my-votes", responses=problems("not_signed_in", "invalid"))
async def get_my_votes(
    session: Session, person: Person, paging: Paging, now: Now, response: Response
) -> Page[MyVoteOut]:
    """One's votes with their polls, the newest poll first, for as long as it can be told whose they are."""
    response.headers.update(PRIVATE)

    def shown(vote: Vote, poll: Poll) -> MyVoteOut:
        return MyVoteOut(poll=poll_out(poll, person, now), choices=vote.choices, cast_at=vote.cast_at)

    return await queries.votes_of(session, await votes.voters_of(session, person), paging=paging, into=shown)


@router.delete(PATH, status_code=204, responses=problems("not_signed_in", "not_found", "poll_not_open", "invalid"))
async def delete_vote(poll_id: UUID, session: Session, person: Person) -> None:
    """Take one's vote back; nothing happens if there is none."""
    await votes.withdraw(session, person, poll_id)
