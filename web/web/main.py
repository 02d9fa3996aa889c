"""web at a glance: `web api` serves the pages. It has no database, no queue and no worker."""

import argparse
import sys
from collections.abc import Sequence

from chassis import telemetry
from chassis.service import run_server
from pydantic import ValidationError

from web.app import create_app
from web.settings import Settings


def cli(arguments: Sequence[str] | None = None) -> None:
    """The console script; ends the process with its exit code."""
    parser = argparse.ArgumentParser(prog="web")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for role, text in (("api", "serve the pages"), ("all", "the same: web has no worker")):
        commands.add_parser(role, help=text)
    parser.parse_args(arguments)
    try:
        settings = Settings()
    except ValidationError as error:
        sys.exit(
            "web: " + "; ".join(f"{'.'.join(map(str, e['loc'])) or 'settings'}: {e['msg']}" for e in error.errors())
        )
    telemetry.set_up("web", settings)
    try:
        run_server(create_app(settings), settings)
    finally:
        telemetry.shut_down()
