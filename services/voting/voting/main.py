"""The voting service at a glance: `voting api`, `voting worker`, `voting migrate`, `voting tally`."""

import argparse
import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from chassis.resources import Resources
from chassis.service import Command, Service
from fastapi import FastAPI

from voting import tally_cli
from voting.actions.polls import republish
from voting.actions.turnout import Turnouts
from voting.actions.votes import ballot_box
from voting.handlers import on, timers
from voting.routes import hot_routes, router
from voting.settings import Settings

# The rules say these before the database does; where two things happen at one instant, it has the last word.
CONSTRAINTS = {
    "ck_polls_opens_before_closing": (409, "opens_after_closing"),
    "ck_polls_has_times": (409, "times_missing"),
}


@asynccontextmanager
async def running(app: FastAPI, held: Resources) -> AsyncIterator[None]:
    """What the routes need while the process serves."""
    app.state.export_turns = asyncio.Semaphore(held.settings.exports_at_once)
    app.state.turnouts = Turnouts(held.sessions)
    async with ballot_box(held) as app.state.ballot_box:
        yield


async def tally(_: Resources, parsed: argparse.Namespace) -> int:
    """Without a server, so `voting.cli` does it before a service is loaded; here it is listed."""
    return tally_cli.run(parsed)


service = Service(
    "voting",
    settings=Settings,
    routers=[router],
    hot_routes=hot_routes,
    handlers=on,
    timers=timers,
    constraints=CONSTRAINTS,
    commands={"tally": Command(tally_cli.HELP, tally, tally_cli.add_arguments)},
    republish=republish,
    running=running,
)
