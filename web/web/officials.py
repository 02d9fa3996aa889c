"""Who may do what on officials' pages, as far as pages need to know it: which links they show, which pages they open.

The services decide, by the token that they verify. What is read of it here has come from identity over the gateway and
has been sealed in the cookie since.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import orjson
from chassis import base64url

if TYPE_CHECKING:
    from web.visit import Visit

MANAGE = "manage"
ADMINISTRATOR = "administrator"
POLLS = frozenset({ADMINISTRATOR, "project_manager"})
ADMINISTRATORS = frozenset({ADMINISTRATOR})
EVERY_OFFICIAL = POLLS


@dataclass(frozen=True, slots=True)
class Section:
    """One entry of the officials' navigation."""

    id: str
    name: str
    href: str


def roles_of(access_token: str) -> frozenset[str]:
    """The roles that an access token (RFC 7519) names; none for what cannot be read."""
    try:
        claims = orjson.loads(base64url.decode(access_token.split(".")[1]))
        return frozenset(map(str, claims["roles"]))
    except (IndexError, KeyError, TypeError, ValueError):
        return frozenset()


def sections(visit: "Visit") -> list[Section]:
    """The parts of the officials' pages that this person may open. A new part is one more line here."""
    gettext = visit.lang.gettext
    table = (
        ("overview", gettext("Overview"), "", EVERY_OFFICIAL),
        ("polls", gettext("Polls"), "polls", POLLS),
        ("people", gettext("People and roles"), "people", ADMINISTRATORS),
        ("branding", gettext("Look"), "branding", ADMINISTRATORS),
        ("settings", gettext("Settings"), "settings", ADMINISTRATORS),
        ("audit", gettext("Audit log"), "audit", ADMINISTRATORS),
    )
    return [
        Section(name, words, visit.path(*filter(None, (MANAGE, path))))
        for name, words, path, roles in table
        if visit.roles & roles
    ]
