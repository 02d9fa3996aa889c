"""A service in one object: its API, its worker, its migrations, its command line.

`Service("voting", settings=Settings, routers=[router], handlers=on, timers=timers)` gives
`voting api | worker | all | migrate | republish | parked | replay | rewrap-keys` and what the service adds itself.
"""

import argparse
import asyncio
import contextlib
import importlib
import logging
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastapi import APIRouter, FastAPI
from pydantic import ValidationError
from sqlalchemy import make_url
from sqlalchemy.exc import DBAPIError
from starlette.routing import Route

from chassis import errors, migrations, telemetry
from chassis.due import Timers
from chassis.entrance import App, Entrance
from chassis.handlers import Handlers, describe
from chassis.health import Check, health_routes
from chassis.hot import ShortWay
from chassis.keys import rewrap_keys
from chassis.refusals import Refused
from chassis.resources import Resources
from chassis.server import run_server
from chassis.settings import BadSettingsError, ServiceSettings
from chassis.worker import Republish, Worker

ROLES = {"api": "serve HTTP", "worker": "consume events, send events, run timers", "all": "both in one process"}
DOCUMENTS = frozenset({"/openapi.json", "/.well-known/jwks.json"})  # what those inside read without a government
logger = logging.getLogger("chassis.service")


Act = Callable[[Resources, argparse.Namespace], Awaitable[int]]


def _no_arguments(_: argparse.ArgumentParser) -> None:
    """Most commands need to know nothing."""


@dataclass(frozen=True)
class Command:
    """A subcommand of a service's own: its help, what it does (the exit code, 0 for success), its arguments."""

    help: str
    act: Act
    add_arguments: Callable[[argparse.ArgumentParser], None] = _no_arguments


Extra = Callable[[FastAPI, Resources], AbstractAsyncContextManager[None]]


class Service:
    """What a service is: its parts, named once."""

    def __init__(
        self,
        name: str,
        *,
        settings: type[ServiceSettings] = ServiceSettings,
        routers: Sequence[APIRouter] = (),
        hot_routes: Sequence[Route] = (),
        handlers: Handlers | None = None,
        timers: Timers | None = None,
        constraints: Mapping[str, tuple[int, str]] | None = None,
        commands: Mapping[str, Command] | None = None,
        republish: Republish | None = None,
        running: Extra | None = None,
    ) -> None:
        """`hot_routes` also take a short way (`chassis.hot`); `running` wraps the time that a process serves."""
        self.name = name
        self.settings_type = settings
        self.routers = routers
        self.hot_routes = hot_routes
        self.handlers = handlers or Handlers()
        self.timers = timers or Timers()
        self.constraints = constraints or {}
        self.commands = dict(commands or {})
        self.republish = republish
        self.running = running

    @property
    def migrations_folder(self) -> Path:
        """Where this service's migrations are."""
        package = importlib.import_module(self.name).__file__
        return migrations.folder_of(Path(str(package)).parent)

    # The process

    def app(self, settings: ServiceSettings, *, serve: bool = True, work: bool = False) -> App:
        """The ASGI app: the routes (`serve`), the worker in the same event loop (`work`), or both."""
        held = Resources.of(settings)
        worker = Worker(self.name, settings, held.sessions, self.handlers, self.timers) if work else None

        @asynccontextmanager
        async def lifespan(app: FastAPI) -> AsyncIterator[None]:
            async with contextlib.AsyncExitStack() as stack:
                stack.push_async_callback(held.engine.dispose)
                if self.running:
                    await stack.enter_async_context(self.running(app, held))
                if worker:
                    await stack.enter_async_context(worker)
                yield

        api = self._api(lifespan=lifespan, telemetry=telemetry.of_fastapi(settings))
        api.state.sessions, api.state.verifier = held.sessions, held.verifier
        errors.install(api, self.constraints)
        api.router.routes.extend(health_routes(self._checks(held, worker)))
        if serve:
            self._include_routers(api)
        served = ShortWay(api, self.hot_routes if serve else ())
        key = settings.internal_key.get_secret_value()
        return Entrance(served, service=self.name, key=key, also_open=DOCUMENTS)

    def openapi(self) -> dict[str, Any]:
        """This service's OpenAPI document, without starting anything."""
        api = self._api()
        self._include_routers(api)
        return api.openapi()

    def _api(self, **options: Any) -> FastAPI:
        return FastAPI(
            title=f"Inspraak {self.name}",
            version="1",
            docs_url=None,
            redoc_url=None,
            generate_unique_id_function=lambda route: route.name,
            **options,
        )

    def _include_routers(self, api: FastAPI) -> None:
        for router in self.routers:
            api.include_router(router)

    def _checks(self, held: Resources, worker: Worker | None) -> dict[str, Check]:
        history = migrations.history_of(self.migrations_folder)
        checks: dict[str, Check] = {"database": migrations.schema_fits(held.engine, history)}
        if worker:
            checks["worker"] = worker.check
        return checks

    # The command line

    def cli(self, arguments: Sequence[str] | None = None) -> None:
        """The console script: runs a role or a command and ends the process with its exit code."""
        parser = self._parser()
        parsed = parser.parse_args(arguments)
        try:
            code: int = parsed.run(parsed)
        except BadSettingsError as error:
            sys.exit(f"{self.name}: {error}")
        except Refused as refusal:
            sys.exit(f"{self.name}: refused: {refusal}")
        except ValidationError as error:  # of what a command was given
            sys.exit(f"{self.name}: {'; '.join(map(_sentence, error.errors()))}")
        except (OSError, DBAPIError) as error:
            if not errors.unavailable(error):
                raise
            sys.exit(f"{self.name}: a server does not answer: {describe(error)}")
        sys.exit(code)

    def _parser(self) -> argparse.ArgumentParser:
        parser = argparse.ArgumentParser(prog=self.name)
        commands = parser.add_subparsers(required=True, metavar="COMMAND")
        for role, text in ROLES.items():
            sub = commands.add_parser(role, help=text)
            sub.set_defaults(run=lambda _, role=role: self._serve(role))
        sub = commands.add_parser("migrate", help="bring the database's schema to this version")
        sub.set_defaults(run=lambda _: self._migrate())
        sub = commands.add_parser("parked", help="list the messages that could not be handled")
        sub.set_defaults(run=lambda _: self._with_worker(lambda worker: worker.parked(), none="nothing is parked"))
        sub = commands.add_parser("replay", help="send parked messages back to this service's queue")
        sub.add_argument("--id", help="only this message; all without it")
        sub.set_defaults(run=lambda parsed: self._with_worker(lambda w: w.replay(parsed.id), none="nothing to send"))
        sub = commands.add_parser("rewrap-keys", help="wrap this service's keys with the current master key")
        sub.set_defaults(run=lambda _: self._rewrap_keys())
        if self.republish:
            sub = commands.add_parser("republish", help="send the current state again, for a consumer that joins late")
            sub.add_argument("--to", required=True, help="the queue to send to, for example notifications")
            sub.set_defaults(run=lambda parsed: self._with_worker(lambda w: w.republish(self.republish, parsed.to)))
        for name, command in self.commands.items():
            sub = commands.add_parser(name, help=command.help, description=command.help)
            command.add_arguments(sub)
            sub.set_defaults(run=lambda parsed, act=command.act: self._with_resources(lambda held: act(held, parsed)))
        return parser

    def _serve(self, role: str) -> int:
        settings = self.settings_type.load()
        telemetry.set_up(self.name, settings)
        app = self.app(settings, serve=role != "worker", work=role != "api")
        try:
            run_server(app, settings)
        finally:
            telemetry.shut_down()
        return 0

    def _migrate(self) -> int:
        settings = self.settings_type.load()
        login_role = make_url(settings.required("database_url")).username
        owner_url = settings.required("migration_database_url")
        migrations.upgrade(self.migrations_folder, owner_url, login_role=str(login_role))
        return 0

    def _rewrap_keys(self) -> int:
        count = asyncio.run(rewrap_keys(self.settings_type.load()))
        sys.stdout.write(f"{count} keys are wrapped anew\n")
        return 0

    def _with_resources(self, act: Callable[[Resources], Awaitable[int]]) -> int:
        async def run() -> int:
            held = Resources.of(self.settings_type.load())
            try:
                return await act(held)
            finally:
                await held.engine.dispose()

        return asyncio.run(run())

    def _with_worker(self, tell: Callable[[Worker], Awaitable[Iterable[str]]], *, none: str | None = None) -> int:
        """`none` is what is said when there is nothing to tell."""

        async def act(held: Resources) -> int:
            lines = list(await tell(Worker(self.name, held.settings, held.sessions, self.handlers, self.timers)))
            for line in lines or filter(None, [none]):
                sys.stdout.write(f"{line}\n")
            return 0

        return self._with_resources(act)


def _sentence(error: Any) -> str:
    return f"{'.'.join(map(str, error['loc']))}: {error['msg']}"
