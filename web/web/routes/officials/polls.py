"""The officials' list of polls, and the page of one."""

from dataclasses import dataclass
from typing import Any

from starlette.responses import Response

from web import acts, api, readiness
from web.fields import Form
from web.officials import MANAGE
from web.officials import POLLS as POLL_ROLES
from web.polls import PollView
from web.routes.officials.common import POLLS, done, languages_of, page_of, poll_of, tags_of
from web.routes.officials.drafts import ONE
from web.routes.officials.entrance import Page, officials_only
from web.rules_explained import explain
from web.visit import Visit

FILTERS = ("draft", "scheduled", "open", "closed", "published", "cancelled")


@dataclass(frozen=True, slots=True)
class Task:
    """A step of a draft as the task list shows it."""

    name: str
    href: str
    state: tuple[str, str]
    note: str = ""


@officials_only(POLL_ROLES)
async def polls(visit: Visit) -> Response:
    """All polls of the government, or those in one state."""
    asked = visit.request.query_params
    chosen = asked.get("status", "") if asked.get("status") in FILTERS else ""
    kept = {"status": chosen} if chosen else {}
    paged = {"cursor": asked["after"]} if asked.get("after") else {}
    page = api.read(api.PollPage, await visit.get(POLLS, **kept, **paged))
    views = [PollView(poll, visit) for poll in page.items]
    following = visit.path(MANAGE, "polls", **kept, after=page.next) if page.next else None
    return visit.render(
        "officials/polls", polls=views, chosen=chosen, following=following, filters=FILTERS, done=done(visit)
    )


@officials_only(POLL_ROLES)
async def poll(visit: Visit) -> Response:
    """One poll: where it stands, what can be done now, and what not and why."""
    view = await poll_of(visit)
    shared: dict[str, Any] = {
        "poll": view,
        "done": done(visit),
        "too_late": too_late(visit),
        "form": Form(visit.lang),
        "rule": explain(view.poll.rule, visit.lang),
        "languages": languages_of(visit, view),
    }
    if view.status == "draft":
        complete = readiness.completeness(view.poll, tags_of(visit), visit.lang)
        return visit.render("officials/draft", tasks=tasks(view, visit), complete=complete, **shared)
    possible, impossible = acts.possible(view, visit), acts.impossible(view, visit)
    return visit.render("officials/poll", possible=possible, impossible=impossible, **shared)


def too_late(visit: Visit) -> str:
    """Why an act that somebody asked for is not on offer (any more)."""
    gettext = visit.lang.gettext
    return {
        "delete": gettext("This poll has been announced meanwhile. It can be cancelled, but not deleted."),
        "extend": gettext("Only a poll that has not ended can be extended. Nothing was done."),
        "close": gettext("Only an open poll can be closed. Nothing was done."),
        "cancel": gettext("Only a poll that has not ended can be cancelled. Nothing was done."),
        "publish": gettext("Only the result of a closed poll can be published, and only once. Nothing was done."),
    }.get(visit.request.query_params.get("too_late", ""), "")


def tasks(view: PollView, visit: Visit) -> list[Task]:
    """The steps to an announced poll."""
    gettext, poll = visit.lang.gettext, view.poll
    missing = {finding.step for finding in readiness.errors_in(poll, visit.lang, visit.now)}
    ready, to_do = (gettext("Done"), "success"), (gettext("To do"), "info")
    steps = [Task(gettext("Question and method"), page_of(visit, view.id, "question"), ready)]
    if poll.rule != "yes_no":
        state = to_do if "answers" in missing else ready
        words = visit.lang.ngettext("%(n)s answer", "%(n)s answers", len(poll.options)) % {"n": len(poll.options)}
        steps.append(Task(gettext("Answers"), page_of(visit, view.id, "answers"), state, words if poll.options else ""))
    steps.append(Task(gettext("When"), page_of(visit, view.id, "when"), to_do if "when" in missing else ready))
    last = (gettext("Not ready yet"), "neutral") if missing else to_do
    return [*steps, Task(gettext("Check and announce"), page_of(visit, view.id, "check"), last)]


PAGES: tuple[Page, ...] = (
    ("/polls", polls, "GET"),
    (ONE, poll, "GET"),
)
