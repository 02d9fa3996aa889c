"""web at a glance: `web api` serves the pages. It has no database, no queue and no worker."""

import argparse
import sys
from collections.abc import Sequence

from chassis import telemetry
from chassis.server import run_server
from chassis.settings import BadSettingsError

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
        settings = Settings.load()
    except BadSettingsError as error:
        sys.exit(f"web: {error}")
    telemetry.set_up("web", settings)
    try:
        run_server(create_app(settings), settings)
    finally:
        telemetry.shut_down()
