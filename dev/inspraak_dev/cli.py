"""`inspraak`: the stack, the demo and everything else that belongs to development. One table of commands."""

import argparse
import importlib
import os
import signal
import sys
from collections.abc import Sequence
from types import FrameType

from inspraak_dev.errors import StackError

STACK = "inspraak_dev.commands"
COMMANDS = {  # name: (module whose `main(arguments) -> exit code` does it, what it does)
    "contracts": ("inspraak_dev.documents", "write the documents that are made from the code, or --check them"),
    "demo": ("inspraak_dev.demo.main", "start everything, and a real election cast through the gateway"),
    "mail-catcher": ("inspraak_dev.mail_catcher", "take every mail by SMTP, deliver none, show them on a page"),
    "metrics": ("inspraak_dev.observability.catalogue", "list every metric that the processes export"),
    "trace-receiver": ("inspraak_dev.trace_receiver", "take spans by OTLP/HTTP and show them on a page"),
    "trace": ("inspraak_dev.trace", "cast one vote and show it as a connected view, links followed"),
    "test": ("inspraak_dev.testrun", "run pytest on real servers that this starts and ends"),
}


def main(arguments: Sequence[str] | None = None) -> None:
    """The console script; ends the process with its exit code."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupted)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job begins with it ignored
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        sys.exit(_run(given))
    except StackError as error:
        sys.exit(f"inspraak: {error}")
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)


def _run(arguments: list[str]) -> int:
    if arguments and arguments[0] in COMMANDS:
        module = importlib.import_module(COMMANDS[arguments[0]][0])
        code: int = module.main(arguments[1:])
        return code
    parsed = parser().parse_args(arguments)
    done: int = getattr(importlib.import_module(STACK), parsed.command.replace("-", "_"))(parsed)
    return done


def parser() -> argparse.ArgumentParser:
    """The commands of the stack; those of `COMMANDS` read their own arguments."""
    found = argparse.ArgumentParser(prog="inspraak", description=__doc__)
    found.add_argument(
        "--instance", default=os.environ.get("INSPRAAK_INSTANCE", "dev"), help="another stack of its own"
    )
    commands = found.add_subparsers(required=True, metavar="COMMAND", dest="command")
    sub = commands.add_parser("up", help="start what does not run, wait until all is ready")
    sub.add_argument("--servers-only", action="store_true", help="PostgreSQL, RabbitMQ and Redis, no services")
    commands.add_parser("down", help="end everything; the data stay")
    commands.add_parser("status", help="what runs, where, and whether it is ready")
    sub = commands.add_parser("logs", help="show logs")
    sub.add_argument("names", nargs="*", help="processes; all without any")
    sub.add_argument("--follow", "-f", action="store_true", help="go on as they grow")
    sub.add_argument("--lines", "-n", type=int, default=20)
    sub = commands.add_parser("reset", help="end everything and delete the data")
    sub.add_argument("--yes", action="store_true", help="do not ask")
    sub = commands.add_parser("env", help="the servers' addresses, or the settings of one process, for a shell")
    sub.add_argument("name", nargs="?", help="a process, for example voting")
    sub.add_argument("--json", action="store_true", help="as JSON; without a name: every process's settings too")
    sub = commands.add_parser("run", help="run a service's command with its settings: inspraak run voting parked")
    sub.add_argument("name")
    sub.add_argument("arguments", nargs=argparse.REMAINDER)
    commands.add_parser("parked", help="the messages that could not be handled, of every service")
    sub = commands.add_parser("replay", help="send parked messages back to the queue they came from")
    sub.add_argument("names", nargs="*", help="services; all without any")
    sub = commands.add_parser("install", help="install the servers with apt, starting none of them")
    sub.add_argument("--browser", action="store_true", help="Chromium too")
    for name, (_, text) in COMMANDS.items():
        commands.add_parser(name, help=text)
    return found


def _interrupted(number: int, _frame: FrameType | None) -> None:
    sys.exit(128 + number)
