"""A draft: question and method, times, the check before it is announced; copying and deleting."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from starlette.responses import Response

from web import api, readiness
from web.fields import LONGEST_TEXT, Form, moment_of, texts_of
from web.forms import Filled
from web.gateway import RefusedError
from web.officials import MANAGE
from web.officials import POLLS as POLL_ROLES
from web.polls import PollView
from web.routes.officials.common import (
    CONFLICT,
    KEY_USED,
    MISTAKEN,
    POLLS,
    OvertakenError,
    check_not_overtaken,
    created,
    languages_of,
    poll_of,
    saved,
    seen,
    tags_of,
    to_poll,
)
from web.routes.officials.entrance import Page, officials_only
from web.rules_explained import explain_all
from web.visit import Visit
from web.wall_clock import instant, on_the_wall

COMPARABLE = (frozenset({"single", "irv", "schulze"}), frozenset({"score", "majority_judgment"}))  # same ballots
COPIED = {"titles", "questions", "descriptions", "rule", "compared_with", "max_choices", "level"}
LATER = "later"  # the button that saves and leaves the rest for another time
SUGGESTED_WEEKS, OPENS_AT, CLOSES_AT, FRIDAY = 3, 9, 20, 4


def comparable(rule: str) -> Sequence[str]:
    """The rules that a rule can be compared with."""
    return [other for group in COMPARABLE if rule in group for other in sorted(group) if other != rule]


# Question and method


@officials_only(POLL_ROLES)
async def new(visit: Visit) -> Response:
    """The first step of a new poll."""
    return _question_page(visit, Form(visit.lang), None)


@officials_only(POLL_ROLES)
async def create(visit: Visit) -> Response:
    """Make a draft, once however often the form is sent."""
    form = Form(visit.lang, visit.sent)
    body = _read_question(visit, form, None)
    if not form.ok:
        return _question_page(visit, form, None)
    try:
        made = await visit.create(POLLS, body, form.key)
    except RefusedError as refusal:
        if refusal.code != KEY_USED:
            form.refused(refusal, _question_controls(visit))
            return _question_page(visit, form, None)
        form.new_key()
        words = visit.lang.gettext(
            "This form has already made a draft; it is in the list. Continue to make another one"
        )
        form.wrong(f"titles-{tags_of(visit)[0]}", words)
        return _question_page(visit, form, None)
    draft = api.read(api.Poll, made)
    return next_step(visit, draft.poll_id, "when" if draft.rule == "yes_no" else "answers")


@officials_only(POLL_ROLES)
async def question(visit: Visit) -> Response:
    """The question of a draft."""
    view = await poll_of(visit)
    if view.status != "draft":
        return to_poll(visit, view.id)
    poll = view.poll
    parts = [texts_of(name, getattr(poll, name)) for name in ("titles", "questions", "descriptions")]
    form = Form.filled(visit.lang, *parts, {"rule": poll.rule, "version": str(poll.version)})
    form.tick("compared_with", poll.compared_with)
    return _question_page(visit, form, view)


@officials_only(POLL_ROLES)
async def save_question(visit: Visit) -> Response:
    """Save it and go on."""
    view, form = await poll_of(visit), Form(visit.lang, visit.sent)
    body = _read_question(visit, form, view)
    if view.poll.rule != body["rule"]:
        body |= _other_rule(visit, form, view, body["rule"])
    try:
        if form.ok and await saved(visit, form, view, body, _question_controls(visit)):
            return next_step(visit, view.id, "when" if body["rule"] == "yes_no" else "answers")
    except OvertakenError as overtaken:
        return _question_page(visit, form, view, overtaken=str(overtaken))
    return _question_page(visit, form, view)


def _read_question(visit: Visit, form: Form, view: PollView | None) -> dict[str, Any]:
    gettext, tags = visit.lang.gettext, tags_of(visit, view)
    return {
        "titles": form.texts("titles", gettext("Title"), tags, required=True),
        "questions": form.texts("questions", gettext("Question"), tags) or None,
        "descriptions": form.texts("descriptions", gettext("Explanation"), tags, most=LONGEST_TEXT),
        "rule": (rule := form.choice("rule", gettext("Method"), list(explain_all(visit.lang)))),
        "compared_with": _read_compared(visit, form, rule),
    }


def _read_compared(visit: Visit, form: Form, rule: str) -> list[str]:
    """The rules beside a rule; those that would need another ballot are a mistake, not left out in silence."""
    ticked = form.choices("compared_with", _all_comparable())
    ticked = [other for other in ticked if other != rule]
    strangers = [other for other in ticked if other not in comparable(rule)]
    if strangers and rule:
        words = visit.lang.gettext("This method has other ballots than these: %(methods)s. Untick them")
        names = ", ".join(explain_all(visit.lang)[other].name for other in strangers)
        form.wrong(f"compared_with-{_all_comparable()[0]}", words % {"methods": names})
    return ticked


def _all_comparable() -> Sequence[str]:
    return sorted({rule for group in COMPARABLE for rule in group})


def _other_rule(visit: Visit, form: Form, view: PollView, rule: str) -> dict[str, Any]:
    """What another method brings with it; answers that somebody wrote are only dropped if they say so."""
    if rule == "yes_no" and view.poll.options and not form.values("drop"):
        words = visit.lang.ngettext(
            "A yes or no question has its own answers: the %(n)s answer that you wrote would be deleted. Say so below",
            "A yes or no question has its own answers: the %(n)s answers that you wrote would be deleted. Say so below",
            len(view.poll.options),
        )
        form.wrong("drop-yes", words % {"n": len(view.poll.options)})
    more: dict[str, Any] = {} if rule == "approval" else {"max_choices": None}
    return more | ({"options": []} if view.poll.rule == "yes_no" else {})


def _question_controls(visit: Visit) -> Mapping[str, str]:
    first = f"titles-{tags_of(visit)[0]}"
    return {"": first, "rule": "rule-yes_no", "compared_with": f"compared_with-{_all_comparable()[0]}"}


def _question_page(visit: Visit, form: Form, view: PollView | None, *, overtaken: str = "") -> Response:
    explained = explain_all(visit.lang)
    return visit.render(
        "officials/question",
        status=status_of(form, overtaken),
        form=form,
        poll=view,
        languages=languages_of(visit, view),
        rules=explained,
        comparable=[(rule, explained[rule].name, "") for rule in _all_comparable()],
        overtaken=overtaken,
    )


def status_of(form: Form, overtaken: str) -> int:
    return CONFLICT if overtaken else 200 if form.ok else MISTAKEN


def next_step(visit: Visit, poll_id: UUID, step: str) -> Response:
    """Where saving leads: to the draft, back to the check that sent one here, or on to the next step."""
    if (visit.sent or {}).get("do") == [LATER]:
        return to_poll(visit, poll_id, done="saved")
    if visit.request.query_params.get("back") == "check":
        return to_poll(visit, poll_id, "check")
    return to_poll(visit, poll_id, step)


# Times


@officials_only(POLL_ROLES)
async def when(visit: Visit) -> Response:
    """When a draft opens and closes; a new one has a suggestion."""
    view = await poll_of(visit)
    if view.status != "draft":
        return to_poll(visit, view.id)
    poll = view.poll
    opens, closes = poll.opens_at, poll.closes_at
    if opens is None and closes is None:
        opens, closes = suggestion(visit.now)
    start = "now" if opens and opens <= visit.now else "time"
    parts = [moment_of("opens_at", opens if start == "time" else None), moment_of("closes_at", closes)]
    form = Form.filled(visit.lang, *parts, {"start": start, "version": str(poll.version)})
    return _when_page(visit, form, view, suggested=poll.opens_at is None and poll.closes_at is None)


@officials_only(POLL_ROLES)
async def save_when(visit: Visit) -> Response:
    """Save the times and go on to the check."""
    view, form = await poll_of(visit), Form(visit.lang, visit.sent)
    body = _read_when(visit, form)
    controls = {"": "closes_at-date", "opens_at": "opens_at-date", "closes_at": "closes_at-date"}
    try:
        if form.ok and await saved(visit, form, view, body, controls):
            return next_step(visit, view.id, "check")
    except OvertakenError as overtaken:
        return _when_page(visit, form, view, overtaken=str(overtaken))
    return _when_page(visit, form, view)


def _read_when(visit: Visit, form: Form) -> dict[str, Any]:
    gettext, whole = visit.lang.gettext, form.value("do") != LATER  # what is still empty may be chosen later
    start = form.choice("start", gettext("Opens"), ("now", "time"))
    opens: datetime | None = visit.now
    if start == "time":
        opens = form.moment("opens_at", gettext("Opens"), required=whole)
        if opens is not None and opens <= visit.now:
            form.wrong(
                "opens_at-date",
                gettext("This opening time has passed. Choose a later one"),
            )
    closes = form.moment("closes_at", gettext("Closes"), required=whole)
    if closes is not None and closes <= visit.now:
        form.wrong("closes_at-date", gettext("This closing time has passed. Choose a later one"))
    elif opens and closes and closes <= opens:
        form.wrong("closes_at-date", gettext("The poll must close after it opens. Choose a later closing time"))
    return {"opens_at": opens and opens.isoformat(), "closes_at": closes and closes.isoformat()}


def suggestion(now: datetime) -> tuple[datetime, datetime]:
    """A day from tomorrow on at nine, and three weeks later at eight in the evening; both on working days."""
    day = on_the_wall(now) + timedelta(days=1)
    while day.weekday() > FRIDAY:
        day += timedelta(days=1)
    opens = instant(day.replace(hour=OPENS_AT, minute=0, second=0, microsecond=0))
    later = day + timedelta(weeks=SUGGESTED_WEEKS)
    closes = instant(later.replace(hour=CLOSES_AT, minute=0, second=0, microsecond=0))
    if not isinstance(opens, datetime) or not isinstance(closes, datetime):
        raise TypeError("the clocks change at night, not at these hours")
    return opens, closes


def _when_page(visit: Visit, form: Form, view: PollView, *, suggested: bool = False, overtaken: str = "") -> Response:
    return visit.render(
        "officials/when",
        status=status_of(form, overtaken),
        form=form,
        poll=view,
        suggested=suggested,
        overtaken=overtaken,
    )


# Check and announce


@officials_only(POLL_ROLES)
async def check(visit: Visit) -> Response:
    """Everything as citizens will read it, with what is missing and what looks like a slip."""
    view = await poll_of(visit)
    if view.status != "draft":
        return to_poll(visit, view.id)
    return _check_page(visit, view)


@officials_only(POLL_ROLES)
async def announce(visit: Visit) -> Response:
    """Announce the draft that was seen."""
    view, form = await poll_of(visit), Form(visit.lang, visit.sent)
    try:
        await visit.ask("POST", f"{POLLS}/{view.id}/schedule", body={"version": seen(form)})
    except RefusedError as refusal:
        try:
            check_not_overtaken(refusal, visit)
        except OvertakenError as overtaken:
            if view.status != "draft":  # it is announced, whoever did it
                return to_poll(visit, view.id, done="announced")
            return _check_page(visit, view, overtaken=str(overtaken))
        form.refused(refusal, {"": "announce"})
        return _check_page(visit, view, form=form)
    return to_poll(visit, view.id, done="announced")


def _check_page(visit: Visit, view: PollView, *, form: Form | None = None, overtaken: str = "") -> Response:
    form = form or Form(visit.lang)
    tags = tags_of(visit)
    return visit.render(
        "officials/check",
        status=status_of(form, overtaken),
        form=form,
        poll=view,
        languages=languages_of(visit, view),
        errors=readiness.errors_in(view.poll, visit.lang, visit.now),
        warnings=readiness.warnings_in(view.poll, tags, visit.lang, visit.now),
        rule=explain_all(visit.lang).get(view.poll.rule),
        rules=explain_all(visit.lang),
        at_once=view.poll.opens_at is not None and view.poll.opens_at <= visit.now,
        overtaken=overtaken,
    )


@officials_only(POLL_ROLES)
async def preview(visit: Visit) -> Response:
    """The page as a citizen will see it while the poll is open; nothing can be cast from it."""
    view = await poll_of(visit)
    shown = PollView(view.poll.model_copy(update={"status": "open"}), visit)
    return visit.render("officials/preview", poll=shown, draft=view, filled=Filled(), mistake=None)


# Copy and delete


@officials_only(POLL_ROLES)
async def copy(visit: Visit) -> Response:
    """A new draft with the texts and the method of a poll."""
    view, form = await poll_of(visit), Form(visit.lang, visit.sent)
    poll = view.poll
    options = [option.model_dump(include={"labels", "descriptions"}) for option in sorted(poll.options, key=_number)]
    body = poll.model_dump(include=COPIED)
    body |= {"options": [] if poll.rule == "yes_no" else options}
    made = await created(visit, POLLS, body, form)
    return to_poll(visit, api.read(api.Poll, made).poll_id, done="copied")


def _number(option: api.Option) -> int:
    return option.number


@officials_only(POLL_ROLES)
async def ask_to_delete(visit: Visit) -> Response:
    """Ask before a draft is deleted."""
    view = await poll_of(visit)
    if view.status != "draft":
        return to_poll(visit, view.id)
    return visit.render("officials/delete", poll=view)


@officials_only(POLL_ROLES)
async def delete(visit: Visit) -> Response:
    """Delete a draft."""
    poll_id = visit.request.path_params["poll_id"]
    try:
        await visit.ask("DELETE", f"{POLLS}/{poll_id}")
    except RefusedError as refusal:
        if refusal.code != "poll_frozen":
            raise
        return to_poll(visit, poll_id, too_late="delete")
    return visit.redirect_to(visit.path(MANAGE, "polls", done="deleted"))


ONE = "/polls/{poll_id:uuid}"
PAGES: tuple[Page, ...] = (
    ("/polls/new", new, "GET"),
    ("/polls/new", create, "POST"),
    (f"{ONE}/question", question, "GET"),
    (f"{ONE}/question", save_question, "POST"),
    (f"{ONE}/when", when, "GET"),
    (f"{ONE}/when", save_when, "POST"),
    (f"{ONE}/check", check, "GET"),
    (f"{ONE}/check", announce, "POST"),
    (f"{ONE}/preview", preview, "GET"),
    (f"{ONE}/copy", copy, "POST"),
    (f"{ONE}/delete", ask_to_delete, "GET"),
    (f"{ONE}/delete", delete, "POST"),
)
