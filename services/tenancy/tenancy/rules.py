"""What a government may be called and where it may be reached: pure."""

import re
from collections.abc import Mapping, Sequence

from chassis.refusals import Refused

LANGUAGES = ("nl", "fr", "de", "en")
SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
COLOUR = re.compile(r"#[0-9a-f]{6}")
HOST = re.compile(r"(?=.{1,253}\Z)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*")
KBO_DIGITS = 10
LONGEST_LABEL = 63  # RFC 1035 §2.3.4
LONGEST_ADDRESS = 254  # RFC 5321 §4.5.3.1.3, without the angle brackets
ADDRESS = re.compile(r"[^@\s\x00-\x1f\x7f<>,;]+@[^@\s\x00-\x1f\x7f<>,;]+\.[^@\s\x00-\x1f\x7f<>,;]+")


def check_slug(slug: str) -> None:
    """Refuse a slug that could not be a part of a host name."""
    if not SLUG.fullmatch(slug) or len(slug) > LONGEST_LABEL:
        raise Refused("bad_slug", status=422, slug=slug, allowed="a-z, 0-9 and single hyphens, at most 63 characters")


def check_languages(languages: Sequence[str], names: Mapping[str, str]) -> None:
    """Refuse languages that the platform has no texts for, doubles, none, or a default language without a name."""
    unknown = [language for language in languages if language not in LANGUAGES]
    if unknown or not languages or len(set(languages)) != len(languages):
        raise Refused("bad_languages", status=422, languages=list(languages), allowed=list(LANGUAGES))
    if not names.get(languages[0]):
        raise Refused("name_missing", status=422, language=languages[0])


def check_colour(colour: str) -> None:
    """Refuse what is no colour of the form #7a1f3d."""
    if not COLOUR.fullmatch(colour):
        raise Refused("bad_colour", status=422, colour=colour, allowed="#rrggbb in lower case")


def check_hosts(hosts: Sequence[str]) -> None:
    """Refuse what is no host name (RFC 1123 §2.1), in lower case and without a port, and a government without any."""
    for host in hosts:
        if not HOST.fullmatch(host):
            raise Refused("bad_host", status=422, host=host)
    if not hosts:
        raise Refused("host_missing", status=422)


def check_kbo_number(number: str) -> None:
    """Refuse a number that is none of the Crossroads Bank for Enterprises.

    Ten digits, the first 0 or 1; the last two are 97 minus the remainder of the first eight by 97.
    """
    well_formed = len(number) == KBO_DIGITS and number.isascii() and number.isdigit() and number[0] in "01"
    if not well_formed or 97 - int(number[:8]) % 97 != int(number[8:]):
        raise Refused("bad_kbo_number", status=422, kbo_number=number)


def check_contact_email(address: str) -> None:
    """Refuse what is no address to write to; whether anybody reads what comes there, only a mail can tell."""
    if len(address) > LONGEST_ADDRESS or not ADDRESS.fullmatch(address):
        raise Refused("bad_contact_email", status=422, contact_email=address)
