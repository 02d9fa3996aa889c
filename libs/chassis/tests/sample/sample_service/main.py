"""The sample at a glance: `python -m sample_service.main api | worker | all | migrate | …`."""

import argparse
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

from chassis.auth import Actor, Person, Visitor, require
from chassis.clock import Now
from chassis.db import Session
from chassis.refusals import Refused
from chassis.resources import Resources
from chassis.service import Command, Service
from fastapi import APIRouter, Depends, FastAPI, Request, Response
from pydantic import BaseModel
from sqlalchemy import text
from starlette.routing import Route

LOCK = 77
Official = Annotated[Actor, Depends(require("administrator", "project_manager"))]
router = APIRouter(prefix="/api/v1")


@router.get("/wait")
async def get_wait(session: Session, request: Request) -> str:
    await session.execute(text("select pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
    return str(request.app.state.greeting)


@router.get("/visitor")
async def get_visitor(visitor: Visitor, now: Now) -> dict[str, str | None]:
    return {"person": str(visitor.person_id) if visitor else None, "now": now.isoformat()}


@router.get("/person")
async def get_person(person: Person) -> str:
    return str(person.person_id)


@router.get("/office")
async def get_office(official: Official) -> str:
    return str(official.person_id)


async def put_hot(request: Request) -> Response:
    return Response(request.path_params["name"] + str(request.state.tenant_id))


@asynccontextmanager
async def running(app: FastAPI, held: Resources) -> AsyncIterator[None]:
    app.state.greeting = f"hello from {held.settings.environment}"
    yield
    app.state.greeting = "gone"


class Greeting(BaseModel):
    times: int


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("whom")
    parser.add_argument("--times", default="1")


async def greet(_: Resources, parsed: argparse.Namespace) -> int:
    if parsed.whom == "nobody":
        raise Refused("nobody_there", status=404)
    return Greeting(times=parsed.times).times


hot = Route("/api/v1/hot/{name}", put_hot, methods=["PUT"])
router.add_api_route("/hot/{name}", put_hot, methods=["PUT"], response_model=None)
service = Service(
    "sample_service",
    routers=[router],
    hot_routes=[hot],
    commands={"greet": Command("say hello", greet, add_arguments)},
    running=running,
)

if __name__ == "__main__":
    service.cli()
