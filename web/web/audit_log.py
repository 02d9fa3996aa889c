"""The audit trail as administrators read it: who did what and when, in sentences, and as a file."""

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from uuid import UUID

from web import api
from web.dates import Moment
from web.i18n import Text
from web.visit import Visit

Gettext = Callable[[str], str]
LIST = "/api/v1/audit"
MOST_ROWS = 50_000
PAGE = 100
FORMULAS = ("=", "+", "-", "@", "\t", "\r")

POLLS = (
    "poll_created", "poll_changed", "poll_deleted", "poll_scheduled", "poll_extended", "poll_cancelled",
    "poll_closed_early", "poll_published",
)  # fmt: skip
PEOPLE = ("person_invited", "invitation_not_deliverable", "role_granted", "role_revoked", "demo_people_made")
SETTINGS = ("government_changed",)
SIGN_INS = ("signed_in", "signed_out", "sign_in_refused", "session_compromised", "signing_key_rotated")
KINDS: dict[str, tuple[str, ...]] = {
    "officials": (*POLLS, *PEOPLE, *SETTINGS),
    "polls": POLLS,
    "people": PEOPLE,
    "settings": SETTINGS,
    "sign-ins": SIGN_INS,
    "all": (),
}
"""What the page offers to look at. Sign-ins are most of the trail, so it begins with what officials did."""


@dataclass(frozen=True, slots=True)
class EntryView:
    """One event: `who` acted, `what` it was, and the page of what it was done to, where there is one."""

    number: int
    at: Moment
    who: str
    what: str
    path: str
    poll: Text | None


Titles = Mapping[UUID, Text]


def entry_view(event: api.AuditEvent, visit: Visit, titles: Titles = MappingProxyType({})) -> EntryView:
    """An event in the visitor's language. `titles`: of polls, by id; the trail itself holds ids alone."""
    gettext = visit.lang.gettext
    gone = event.action == "poll_deleted" or event.subject_id is None
    path = visit.path("manage", "polls", event.subject_id) if event.action in POLLS and not gone else ""
    poll = titles.get(event.subject_id) if event.subject_id and event.action in POLLS else None
    return EntryView(event.number, visit.moment(event.at), _who(event, gettext), what(event, gettext), path, poll)


async def titles(visit: Visit) -> Titles:
    """The titles of the government's newest polls: those that one looks for in the log."""
    found = api.read(api.PollPage, await visit.get("/api/v1/polls", limit=str(PAGE)))
    return {poll.poll_id: visit.text(poll.titles) for poll in found.items}


def _who(event: api.AuditEvent, gettext: Gettext) -> str:
    if event.actor_email:
        return event.actor_email
    return gettext("Somebody without an account any more") if event.actor_id else gettext("The platform")


def what(event: api.AuditEvent, gettext: Gettext) -> str:
    """What was done, as a sentence without its subject; an action that is not known here by its code."""
    whom = event.subject_email or gettext("somebody without an account any more")
    role = roles(gettext).get(str(event.facts.get("role")), str(event.facts.get("role")))
    changed = [settings(gettext).get(name, name) for name in event.facts.get("settings", ())]
    sentences = {
        "poll_created": gettext("Made a poll"),
        "poll_changed": gettext("Changed a poll that was not announced yet"),
        "poll_deleted": gettext("Deleted a poll that was not announced yet"),
        "poll_scheduled": gettext("Announced a poll"),
        "poll_extended": gettext("Let a poll stay open longer"),
        "poll_cancelled": gettext("Cancelled a poll"),
        "poll_closed_early": gettext("Closed a poll early"),
        "poll_published": gettext("Published the result of a poll"),
        "person_invited": gettext("Invited %(whom)s") % {"whom": whom},
        "invitation_not_deliverable": gettext("The invitation to %(whom)s could not be delivered") % {"whom": whom},
        "role_granted": gettext("Gave %(whom)s the role “%(role)s”") % {"whom": whom, "role": role},
        "role_revoked": gettext("Took the role “%(role)s” from %(whom)s") % {"whom": whom, "role": role},
        "demo_people_made": gettext("Made people for a demonstration"),
        "government_changed": gettext("Changed settings: %(settings)s") % {"settings": ", ".join(changed)},
        "signed_in": gettext("Signed in"),
        "signed_out": gettext("Signed out"),
        "sign_in_refused": gettext("A wrong code was entered for %(whom)s") % {"whom": whom},
        "session_compromised": gettext("A session of %(whom)s was ended, since it was used twice") % {"whom": whom},
        "signing_key_rotated": gettext("The key that signs access tokens was replaced"),
    }
    return sentences.get(event.action, event.action)


def roles(gettext: Gettext) -> dict[str, str]:
    """The names of the roles."""
    return {
        "administrator": gettext("administrator"),
        "project_manager": gettext("project manager"),
        "moderator": gettext("moderator"),
        "operator": gettext("operator of the platform"),
    }


def settings(gettext: Gettext) -> dict[str, str]:
    """The names of the settings that administrators change."""
    return {
        "names": gettext("name"),
        "languages": gettext("languages"),
        "colour": gettext("colour"),
        "contact_email": gettext("contact address"),
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which part of the trail is asked for: `kind` is one of `KINDS`."""

    kind: str = "officials"
    person_id: str = ""
    since: datetime | None = None
    until: datetime | None = None

    def query(self) -> list[tuple[str, str]]:
        """The filter as the API takes it."""
        pairs = [("action", action) for action in KINDS[self.kind]]
        if self.person_id:
            pairs.append(("person_id", self.person_id))
        pairs += [(name, at.isoformat()) for name, at in (("since", self.since), ("until", self.until)) if at]
        return pairs


async def page_of(visit: Visit, wanted: Wanted, *, cursor: str = "", limit: int = 50) -> api.AuditPage:
    """Some of the trail, newest first."""
    return api.read(api.AuditPage, await visit.ask("GET", LIST, query=_pairs(wanted, cursor, limit)))


async def following(visit: Visit, wanted: Wanted, cursor: str) -> api.AuditPage:
    """The next piece of a file that is being sent: no cookie can follow now, so no token is exchanged."""
    query = _pairs(wanted, cursor, PAGE)
    return api.read(api.AuditPage, await visit.web.gateway.ask("GET", LIST, visit.caller, query=query))


def _pairs(wanted: Wanted, cursor: str, limit: int) -> list[tuple[str, str]]:
    return [*wanted.query(), ("limit", str(limit)), *([("cursor", cursor)] if cursor else [])]


def csv_lines(rows: Sequence[Sequence[str]]) -> bytes:
    """Rows as RFC 4180 has them; no cell is a formula to the program that opens the file."""
    text = io.StringIO()
    csv.writer(text).writerows([_harmless(cell) for cell in row] for row in rows)
    return text.getvalue().encode()


def _harmless(cell: str) -> str:
    return f"'{cell}" if cell.startswith(FORMULAS) else cell
