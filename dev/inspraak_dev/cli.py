"""`inspraak`: the stack, the demo and what belongs to development."""

import argparse
import json
import signal
import sys
from collections.abc import Sequence
from types import FrameType

from inspraak_dev.stack.errors import StackError
from inspraak_dev.stack.stack import Stack


def main(arguments: Sequence[str] | None = None) -> None:
    """The console script."""
    parser = argparse.ArgumentParser(prog="inspraak")
    parser.add_argument("--instance", default="dev")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", dest="command")
    sub = commands.add_parser("up")
    sub.add_argument("--servers-only", action="store_true")
    commands.add_parser("down")
    sub = commands.add_parser("env")
    sub.add_argument("--json", action="store_true")
    sub = commands.add_parser("reset")
    sub.add_argument("--yes", action="store_true")
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupted)
    parsed = parser.parse_args(arguments)
    try:
        run(parsed)
    except StackError as error:
        sys.exit(f"inspraak: {error}")


def run(parsed: argparse.Namespace) -> None:
    """First version: servers only."""
    stack = Stack(parsed.instance)
    if parsed.command == "env":
        urls = stack.urls()
        print(json.dumps(urls, indent=1) if parsed.json else "\n".join(f"export {n}='{u}'" for n, u in urls.items()))
        return
    with stack.locked():
        stack.refresh()
        if parsed.command == "up":
            stack.start_servers()
            print(json.dumps(stack.urls(), indent=1))
        else:
            stack.stop_servers()
            if parsed.command == "reset":
                stack.delete()


def _interrupted(number: int, _frame: FrameType | None) -> None:
    sys.exit(128 + number)
