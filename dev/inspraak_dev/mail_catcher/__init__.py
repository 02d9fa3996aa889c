"""`inspraak mail-catcher`: takes every mail by SMTP, delivers none, and shows them on a page.

`GET /api/mails?to=…&after=…&wait=10` answers as soon as there is a mail to that address behind that number, so that a
test waits for a mail and not for a while.
"""

import argparse
import sys
from collections.abc import Sequence

from pydantic import ValidationError

from inspraak_dev import pages
from inspraak_dev.mail_catcher.app import catcher
from inspraak_dev.mail_catcher.store import MailStore

__all__ = ["CatcherSettings", "MailStore", "catcher", "main"]


class CatcherSettings(pages.PageSettings):
    """`INSPRAAK_PORT` of the page, `INSPRAAK_SMTP_PORT` of the mail server."""

    smtp_port: int


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until told to stop."""
    argparse.ArgumentParser(prog="inspraak mail-catcher", description=__doc__).parse_args(arguments)
    try:
        settings = CatcherSettings()
    except ValidationError as error:
        names = ", ".join(f"INSPRAAK_{str(item['loc'][0]).upper()}" for item in error.errors())
        sys.exit(f"inspraak mail-catcher: set {names}")
    with pages.listen(settings.host, settings.smtp_port) as smtp, pages.listen(settings.host, settings.port) as http:
        pages.serve(catcher(MailStore(), smtp), http)
    return 0
