"""`voting tally FILE --rule RULE`: the result of an election in a PrefLib file, offline.

Nothing here needs a database or a network, so that anybody can count the ballots of a published poll again.
"""

import argparse
import io
import json
import os
import sys
from pathlib import Path
from typing import Final

from voting.rules.counting import tally
from voting.rules.preflib import Election, PrefLibError, parse
from voting.rules.result import Result
from voting.rules.terms import Rule
from voting.tally_text import render

HELP: Final = "count the ballots of a PrefLib file (.soc, .soi, .toc, .toi, .cat), without a database"
ALIASES: Final = {rule.value: rule for rule in Rule} | {"plurality": Rule.SINGLE}
BAD_INPUT: Final = 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("file", metavar="FILE", help="a file in PrefLib's format of September 2022")
    parser.add_argument(
        "--rule",
        required=True,
        choices=ALIASES,
        help="how to count: single (= plurality), irv and schulze read orders; of categories (.cat) approval, single "
        "and yes_no read the first, and score and majority_judgment six that are grades",
    )
    parser.add_argument("--json", action="store_true", help="the result as JSON, with exact numbers")


def run(args: argparse.Namespace) -> int:
    """Print the result; the exit code. Bad input: file, line and reason on stderr, and 2."""
    try:
        election = parse(Path(args.file).read_bytes(), args.file)
        result = tally(ALIASES[args.rule], election.ballots(ALIASES[args.rule]), tuple(election.names))
    except PrefLibError as error:
        place = args.file if error.line is None else f"{args.file}:{error.line}"
        return _complain(f"{place}: {error.reason}")
    except OSError as error:
        return _complain(f"{args.file}: {error.strerror or error}")
    _print(
        json.dumps(as_json(election, result), ensure_ascii=False, indent=2) if args.json else render(election, result)
    )
    return 0


def as_json(election: Election, result: Result) -> dict[str, object]:
    """The result with the names of the file: `rule, ballots, winners, ranking, rounds`, and what the rule adds."""
    return {"title": election.title, **result.as_json(election.names.__getitem__)}


def _print(text: str) -> None:
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8")  # names are UTF-8, whatever the terminal's locale says
    try:
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()
    except BrokenPipeError:
        # the reader has seen enough (`| head`); Python would complain once more when it closes the pipe
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _complain(message: str) -> int:
    sys.stderr.write(f"{message}\n")
    return BAD_INPUT


def main(arguments: list[str] | None = None) -> int:
    """The command by itself: `python -m voting.tally_cli FILE --rule irv`."""
    parser = argparse.ArgumentParser(prog="voting tally", description=HELP)
    add_arguments(parser)
    return run(parser.parse_args(arguments))


if __name__ == "__main__":
    sys.exit(main())
