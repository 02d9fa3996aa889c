"""HTTP in, HTTP out."""

from typing import Annotated

from chassis.auth import PLATFORM, Actor, require
from chassis.clock import Now
from chassis.db import Session, tenant_session
from chassis.problems import problems
from chassis.refusals import Refused
from fastapi import APIRouter, Depends, Request, Response

from tenancy import queries
from tenancy.actions import change_settings, state
from tenancy.schemas import GovernmentList, GovernmentOut, GovernmentPatch

router = APIRouter()


async def _operator(person: Annotated[Actor, Depends(require("operator"))]) -> Actor:
    """Operators sign in at the platform's own realm; the same word in a government's token means nothing."""
    if person.tenant_id != PLATFORM:
        raise Refused("forbidden", status=403)
    return person


Operator = Annotated[Actor, Depends(_operator)]
Administrator = Annotated[Actor, Depends(require("administrator"))]


@router.get("/api/v1/government", responses=problems("not_found"))
async def get_government(session: Session, request: Request, response: Response) -> GovernmentOut:
    """The government of this host: its names, languages, colour and contact."""
    found = await queries.government(session, request.state.tenant_id)
    response.headers["cache-control"] = "public, max-age=5"
    return GovernmentOut(**state(found))


@router.patch(
    "/api/v1/government",
    responses=problems("not_signed_in", "forbidden", "changed_meanwhile")
    | problems("no_such_government", status=404)
    | problems("invalid", "bad_languages", "name_missing", "bad_contact_email", status=422),
)
async def patch_government(body: GovernmentPatch, session: Session, actor: Administrator, now: Now) -> GovernmentOut:
    """Change names, languages, colour or contact; what is absent stays. Pages follow within seconds."""
    facts = body.model_dump(exclude_unset=True)
    seen = facts.pop("seen", {})
    changed = await change_settings(session, actor.tenant_id, facts, by=actor.person_id, now=now, seen=seen)
    return GovernmentOut(**state(changed))


@router.get("/api/v1/governments", responses=problems("not_signed_in", "forbidden"))
async def get_governments(session: Session, _: Operator) -> GovernmentList:
    """Every government on the platform, for its operators."""
    return GovernmentList(items=[GovernmentOut(**state(found)) for found in await queries.all_governments(session)])


@router.get("/internal/v1/governments", include_in_schema=False)
async def get_governments_for_the_gateway(request: Request) -> Response:
    """Every government, with an ETag: the gateway asks every other second which host is whose."""
    async with tenant_session(request.app.state.sessions) as session:
        etag = f'"{await queries.state_of_the_list(session)}"'
        if request.headers.get("if-none-match") == etag:
            return Response(status_code=304, headers={"etag": etag})
        items = [GovernmentOut(**state(found)) for found in await queries.all_governments(session)]
    body = GovernmentList(items=items).model_dump_json()
    return Response(body, media_type="application/json", headers={"etag": etag})
