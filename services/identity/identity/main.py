"""The identity service at a glance."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from chassis.resources import Resources
from chassis.service import Service
from fastapi import FastAPI

from identity.actions.signing import Signer
from identity.commands import COMMANDS
from identity.handlers import on, timers
from identity.routes import router
from identity.settings import Settings


@asynccontextmanager
async def running(app: FastAPI, held: Resources) -> AsyncIterator[None]:
    """A process that serves holds the signing keys."""
    app.state.signer = Signer(held.sessions, held.settings)
    yield


service = Service(
    "identity",
    settings=Settings,
    routers=[router],
    handlers=on,
    timers=timers,
    commands=COMMANDS,
    running=running,
)
cli = service.cli
