"""The command line: `gateway api` serves; `gateway openapi` merges the services' documents for the build."""

import argparse
import asyncio
import gc
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

import orjson
import uvloop
from chassis import telemetry

from gateway.app import Gateway
from gateway.description import merge
from gateway.routes import Table
from gateway.server import on_signals
from gateway.settings import Settings

COLLECT_EVERY = 10_000  # objects; a request leaves none in a cycle


def cli(arguments: Sequence[str] | None = None) -> None:
    """The console script; ends the process with its exit code."""
    parser = argparse.ArgumentParser(prog="gateway", description="Inspraak's API gateway")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    api = commands.add_parser("api", help="serve the public and the internal listener")
    api.set_defaults(run=lambda _: _serve())
    openapi = commands.add_parser("openapi", help="merge OpenAPI documents into the one that the gateway serves")
    openapi.add_argument("document", nargs="+", metavar="SERVICE=FILE")
    openapi.set_defaults(run=lambda parsed: _merge(parsed.document))
    parsed = parser.parse_args(arguments)
    try:
        sys.exit(parsed.run(parsed))
    except (ValueError, OSError) as error:
        sys.exit(f"gateway: {error}")


def _serve() -> int:
    settings = Settings.load()
    telemetry.set_up("gateway", settings)
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)  # else anybody could write a line for each bad request
    try:
        uvloop.run(_run(settings))
    finally:
        telemetry.shut_down()
    return 0


async def _run(settings: Settings) -> None:
    stop = asyncio.Event()
    on_signals(stop.set)
    async with Gateway(settings, Table.load()).serving() as running:
        gc.freeze()  # what is there now stays: the collector need not look at it for every few hundred requests
        gc.set_threshold(COLLECT_EVERY, 20, 20)
        stopped = asyncio.create_task(stop.wait())
        await asyncio.wait([stopped, running.background], return_when=asyncio.FIRST_COMPLETED)
        if running.background.done():
            await running.background


def _merge(documents: Sequence[str]) -> int:
    parts = {}
    for document in documents:
        service, _, file = document.partition("=")
        parts[service] = orjson.loads(Path(file).read_bytes())
    sys.stdout.buffer.write(orjson.dumps(merge(parts, Table.load()), option=orjson.OPT_INDENT_2) + b"\n")
    return 0
