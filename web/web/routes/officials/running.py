"""What happens to a poll once it is announced: extending, closing early, cancelling, publishing; each its own page."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Any

from starlette.responses import Response

from web import api
from web.fields import Form, moment_of
from web.gateway import RefusedError
from web.i18n import Language, language
from web.officials import POLLS as POLL_ROLES
from web.polls import PollView
from web.results import ResultView
from web.routes.officials.common import (
    CONFLICT,
    MISTAKEN,
    POLLS,
    OvertakenError,
    check_not_overtaken,
    poll_of,
    tags_of,
    to_poll,
)
from web.routes.officials.drafts import ONE
from web.routes.officials.entrance import Page, officials_only
from web.visit import Visit

LONGEST_REASON = 2_000
SUGGESTED = timedelta(weeks=1)  # more time to vote; at the same hour, unless the clocks change in between
DONE = {"extend": "extended", "close": "closed", "cancel": "cancelled"}
NOTICES = {"extend": "extended", "close": "closed_early", "cancel": "cancelled"}
RUNNING = frozenset({"scheduled", "open"})
WHILE = {"extend": RUNNING, "cancel": RUNNING, "close": frozenset({"open"})}
Handler = Callable[[Visit], Awaitable[Response]]


def reason_languages(visit: Visit, poll: PollView) -> Sequence[Language]:
    """The languages in which a reason is given: those that the poll was announced in."""
    known = [tag for tag in tags_of(visit, poll) if tag in poll.poll.titles]
    return [language(tag) for tag in known or tags_of(visit)]


def asking(act: str) -> Handler:
    """The page that asks for what an act needs."""

    @officials_only(POLL_ROLES)
    async def ask(visit: Visit) -> Response:
        view = await poll_of(visit)
        if view.status not in WHILE[act]:
            return to_poll(visit, view.id, too_late=act)
        later = view.poll.closes_at + SUGGESTED if act == "extend" and view.poll.closes_at else None
        return _page(visit, act, view, Form.filled(visit.lang, moment_of("closes_at", later)))

    return ask


def doing(act: str) -> Handler:
    """What the page's button does."""

    @officials_only(POLL_ROLES)
    async def do(visit: Visit) -> Response:

        view, form = await poll_of(visit), Form(visit.lang, visit.sent)
        if _done_already(visit, act, view):
            return to_poll(visit, view.id, done=DONE[act])
        body = _read(visit, act, view, form)
        if not form.ok:
            return _page(visit, act, view, form)
        try:
            await visit.ask("POST", f"{POLLS}/{view.id}/{act}", body=body)
        except RefusedError as refusal:
            try:
                check_not_overtaken(refusal, visit)
            except OvertakenError as overtaken:
                return _page(visit, act, await poll_of(visit), form, overtaken=str(overtaken))
            first = f"reason-{reason_languages(visit, view)[0].tag}"
            form.refused(refusal, {"": first, "reason": first, "closes_at": "closes_at-date"})
            return _page(visit, act, view, form)
        return to_poll(visit, view.id, done=DONE[act])

    return do


def _done_already(visit: Visit, act: str, view: PollView) -> bool:
    """Whether this very form has been dealt with: somebody pressed its button twice."""
    last = next(reversed(view.poll.notices), None)
    sent = Form(visit.lang, visit.sent)
    reason = {tag: sent.value(f"reason-{tag}").strip() for tag in view.poll.titles}
    if last is None or last.kind != NOTICES[act] or dict(last.reason) != reason:
        return False
    return act != "extend" or sent.moment("closes_at", "") == view.poll.closes_at


def _read(visit: Visit, act: str, view: PollView, form: Form) -> dict[str, Any]:
    gettext, body = visit.lang.gettext, dict[str, Any]()
    if act == "extend":
        closes = form.moment("closes_at", gettext("New closing time"), required=True)
        if closes and view.poll.closes_at and closes <= view.poll.closes_at:
            form.wrong("closes_at-date", gettext("Choose a time later than the present closing time"))
        body["closes_at"] = closes and closes.isoformat()
    tags = [one.tag for one in reason_languages(visit, view)]
    body["reason"] = form.all_texts("reason", gettext("Reason"), tags, most=LONGEST_REASON)
    return body


def _page(visit: Visit, act: str, view: PollView, form: Form, *, overtaken: str = "") -> Response:
    return visit.render(
        f"officials/{act}",
        status=CONFLICT if overtaken else 200 if form.ok else MISTAKEN,
        form=form,
        poll=view,
        languages=reason_languages(visit, view),
        overtaken=overtaken,
    )


# Publishing


@officials_only(POLL_ROLES)
async def ask_to_publish(visit: Visit) -> Response:
    """The result, seen by officials before everybody else."""
    view = await poll_of(visit)
    if view.status == "published":
        return visit.redirect_to(f"{view.path}/result")
    if view.status != "closed":
        return to_poll(visit, view.id, too_late="publish")
    return await _result_page(visit, view)


@officials_only(POLL_ROLES)
async def publish(visit: Visit) -> Response:
    """Publish it."""
    view = await poll_of(visit)

    if view.status == "published":
        return to_poll(visit, view.id, done="published")
    try:
        await visit.ask("POST", f"{POLLS}/{view.id}/publish")
    except RefusedError as refusal:
        if refusal.code != "poll_not_closed":
            raise
        return to_poll(visit, view.id, too_late="publish")
    return to_poll(visit, view.id, done="published")


async def _result_page(visit: Visit, view: PollView) -> Response:
    """The page with the result, or saying that the votes are still being counted."""
    result = None
    try:
        answer = await visit.get(f"{POLLS}/{view.id}/result")
        result = ResultView(api.read(api.Result, answer), view, visit.lang)
    except RefusedError as refusal:
        if refusal.code != "result_not_published":  # closed by the clock a moment ago, not counted yet
            raise
    return visit.render("officials/publish", poll=view, result=result)


PAGES: tuple[Page, ...] = (
    *((f"{ONE}/{act}", asking(act), "GET") for act in WHILE),
    *((f"{ONE}/{act}", doing(act), "POST") for act in WHILE),
    (f"{ONE}/publish", ask_to_publish, "GET"),
    (f"{ONE}/publish", publish, "POST"),
)
