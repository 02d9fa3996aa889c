"""The console script. Counting a file again needs no server, so it does not wait for a server's libraries."""

import sys


def cli() -> None:
    """`voting tally …` at once, everything else by the service."""
    if sys.argv[1:2] == ["tally"]:
        from voting.tally_cli import main  # noqa: PLC0415 - only what the command needs

        sys.exit(main(sys.argv[2:]))
    from voting.main import service  # noqa: PLC0415 - takes a second

    service.cli()
