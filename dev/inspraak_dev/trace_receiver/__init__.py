"""`inspraak trace-receiver`: takes spans by OTLP/HTTP, keeps the latest in memory, shows traces with links followed.

Services send to `POST /v1/traces` (protobuf). Tests ask `GET /api/traces/{id}?follow=links` and
`GET /api/spans?attr=…`, and wait for what is still on its way with `newer=<version of the last answer>&wait=<seconds>`.
"""

import argparse
import sys
from collections.abc import Sequence

from pydantic import ValidationError

from inspraak_dev import pages
from inspraak_dev.trace_receiver.app import receiver
from inspraak_dev.trace_receiver.store import TraceStore

__all__ = ["TraceStore", "main", "receiver"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until told to stop."""
    argparse.ArgumentParser(prog="inspraak trace-receiver", description=__doc__).parse_args(arguments)
    try:
        settings = pages.PageSettings()
    except ValidationError:
        sys.exit("inspraak trace-receiver: set INSPRAAK_PORT")
    with pages.listen(settings.host, settings.port) as http:
        pages.serve(receiver(TraceStore()), http)
    return 0
