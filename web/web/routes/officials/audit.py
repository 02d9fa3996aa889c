"""The audit log: what officials did, and who signed in when that is what one looks for."""

from collections.abc import AsyncIterator
from datetime import date, datetime, time, timedelta
from types import MappingProxyType
from urllib.parse import urlencode
from uuid import UUID

from chassis.local_time import BRUSSELS
from starlette.responses import Response, StreamingResponse

from web import api, audit_log, wall_clock
from web.audit_log import KINDS, Wanted, entry_view
from web.fields import YEARS, Form
from web.gateway import GatewayError
from web.officials import ADMINISTRATORS
from web.routes.officials.entrance import Page, officials_only
from web.routes.officials.people import search
from web.visit import Visit

FIELDS = ("kind", "email", "from", "until")
DAY = timedelta(days=1)
NO_TITLES: audit_log.Titles = MappingProxyType({})


@officials_only(ADMINISTRATORS)
async def audit(visit: Visit) -> Response:
    """A page of the log, with what is looked for above it."""
    form, wanted = await _asked(visit)
    if not form.ok:
        return _page(visit, form, wanted)
    cursor = visit.request.query_params.get("cursor", "")
    found, titles = await visit.together(audit_log.page_of(visit, wanted, cursor=cursor), audit_log.titles(visit))
    if isinstance(found, GatewayError):
        raise found
    known = {} if isinstance(titles, GatewayError) else titles  # without voting the log is read all the same
    return _page(visit, form, wanted, found, known)


@officials_only(ADMINISTRATORS)
async def download(visit: Visit) -> Response:
    """What is looked for as a CSV file, newest first, at most `audit_log.MOST_ROWS` rows."""
    form, wanted = await _asked(visit)
    if not form.ok:
        return _page(visit, form, wanted)
    first = await audit_log.page_of(visit, wanted, limit=audit_log.PAGE)
    headers = {"content-disposition": 'attachment; filename="audit-log.csv"', "cache-control": "no-store"}
    return StreamingResponse(_rows(visit, wanted, first), media_type="text/csv; charset=utf-8", headers=headers)


async def _rows(visit: Visit, wanted: Wanted, found: api.AuditPage) -> AsyncIterator[bytes]:
    """A page of the API at a time: no service keeps anything open for a slow reader."""
    yield audit_log.csv_lines([["number", "at", "who", "what", "action", "actor_id", "subject_id"]])
    sent = 0
    while True:
        yield audit_log.csv_lines([_row(event, entry_view(event, visit)) for event in found.items])
        sent += len(found.items)
        if found.next is None:
            return
        if sent >= audit_log.MOST_ROWS:
            yield audit_log.csv_lines([["", "", "", visit.lang.gettext("There is more: ask for a shorter time.")]])
            return
        found = await audit_log.following(visit, wanted, found.next)


def _row(event: api.AuditEvent, view: audit_log.EntryView) -> list[str]:
    ids = (str(event.actor_id or ""), str(event.subject_id or ""))
    return [str(view.number), view.at.machine, view.who, view.what, event.action, *ids]


async def _asked(visit: Visit) -> tuple[Form, Wanted]:
    """What the form asks for; what is wrong with it is noted there."""
    gettext = visit.lang.gettext
    asked = visit.request.query_params
    form = Form(visit.lang, {name: [asked[name].strip()] for name in FIELDS if asked.get(name, "").strip()})
    since, until = _day(form, "from"), _day(form, "until")
    person = await _person(visit, form.value("email")) if form.value("email") else None
    if form.value("email") and person is None:
        form.wrong("email", gettext("Nobody here has this address"))
    wanted = Wanted(
        kind=form.value("kind") if form.value("kind") in KINDS else "officials",
        person_id=str(person or ""),
        since=_midnight(since) if since else None,
        until=_midnight(until + DAY) if until else None,
    )
    return form, wanted


def _day(form: Form, name: str) -> date | None:
    typed = form.value(name)
    found = wall_clock.day(typed)
    if typed and (found is None or found.year not in YEARS):
        form.wrong(name, form.lang.gettext("Write a day, like 27/6/2027"))
        return None
    return found


def _midnight(day: date) -> datetime:
    """The beginning of a Belgian day."""
    return datetime.combine(day, time(), BRUSSELS)


async def _person(visit: Visit, email: str) -> UUID | None:
    found = await search(visit, email=email.lower(), limit="1")
    return next((person.person_id for person in found.items if person.email == email.lower()), None)


def _page(
    visit: Visit, form: Form, wanted: Wanted, found: api.AuditPage | None = None, titles: audit_log.Titles = NO_TITLES
) -> Response:
    filters = {name: form.value(name) for name in FIELDS if form.value(name)}
    return visit.render(
        "officials/audit",
        status=200 if form.ok else 422,
        form=form,
        kind=wanted.kind,
        kinds=_kinds(visit),
        entries=[entry_view(event, visit, titles) for event in found.items] if found else [],
        first_page="cursor" not in visit.request.query_params,
        following=urlencode(filters | {"cursor": found.next}) if found and found.next else "",
        filters=urlencode(filters),
    )


def _kinds(visit: Visit) -> list[tuple[str, str]]:
    gettext = visit.lang.gettext
    return [
        ("officials", gettext("What officials did")),
        ("polls", gettext("Polls")),
        ("people", gettext("People and roles")),
        ("settings", gettext("Settings")),
        ("sign-ins", gettext("Signing in and out")),
        ("all", gettext("Everything")),
    ]


PAGES: tuple[Page, ...] = (("/audit", audit, "GET"), ("/audit.csv", download, "GET"))
