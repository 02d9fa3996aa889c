"""What the pages of polls share: reading one, saving to it, the message after an act."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import orjson
from starlette.responses import Response

from web import api, refusals
from web.fields import Form
from web.gateway import RefusedError
from web.i18n import LANGUAGES, Language, language
from web.officials import MANAGE
from web.polls import PollView
from web.visit import Visit

POLLS = "/api/v1/polls"
CONFLICT, MISTAKEN = 409, 422
KEY_USED = "idempotency_key_reused"
LONGEST_VERSION = 10  # digits


def languages_of(visit: Visit, poll: PollView | None = None) -> list[Language]:
    """The languages in which a poll's texts are written: `tags_of`."""
    return [language(tag) for tag in tags_of(visit, poll)]


def tags_of(visit: Visit, poll: PollView | None = None) -> Sequence[str]:
    """The government's languages, its first one first; then others that the poll has texts in.

    A language that was switched off meanwhile must not take its texts along when a draft is saved, and voting asks for
    the reason of an act in every language that a poll was announced in.
    """
    own = visit.web.languages(visit.government)
    return [*own, *(tag for tag in LANGUAGES if poll and tag in _written(poll.poll) and tag not in own)]


def _written(poll: api.Poll) -> set[str]:
    """The languages of all texts of a poll."""
    texts = [poll.titles, poll.questions or {}, poll.descriptions]
    for option in poll.options if poll.rule != "yes_no" else ():  # whose answers are the platform's own
        texts += [option.labels, option.descriptions]
    return {tag for each in texts for tag in each}


async def poll_of(visit: Visit) -> PollView:
    """The poll that the address names, as officials see it."""
    poll_id: UUID = visit.request.path_params["poll_id"]
    return PollView(api.read(api.Poll, await visit.get(f"{POLLS}/{poll_id}")), visit)


def page_of(visit: Visit, poll_id: object, *parts: object, **query: str) -> str:
    """The address of a poll's page for officials."""
    return visit.path(MANAGE, "polls", poll_id, *parts, **query)


def to_poll(visit: Visit, poll_id: object, *parts: object, **query: str) -> Response:
    """303 to a poll's page for officials."""
    return visit.redirect_to(page_of(visit, poll_id, *parts, **query))


async def saved(
    visit: Visit, form: Form, poll: PollView, change: Mapping[str, Any], controls: Mapping[str, str]
) -> bool:
    """Whether a draft took a change.

    Where not, the form says why. Raises `OvertakenError` where somebody else was faster.
    """
    body = {**change, "version": seen(form) or poll.poll.version}
    try:
        await visit.ask("PATCH", f"{POLLS}/{poll.id}", body=body)
    except RefusedError as refusal:
        check_not_overtaken(refusal, visit)
        form.refused(refusal, controls)
        return False
    return True


async def created(visit: Visit, path: str, body: Mapping[str, Any], form: Form) -> Any:
    """Create what a form asks for, once for each thing that it was sent with.

    Somebody who goes back, writes something else and sends the form again means something else. Its key follows from
    what was written, so that pressing the button twice still makes it once.
    """
    try:
        return await visit.create(path, body, form.key)
    except RefusedError as refusal:
        if refusal.code != KEY_USED:
            raise
    other = hashlib.sha256(form.key.encode() + orjson.dumps(body)).hexdigest()
    return await visit.create(path, body, other[: len(form.key)])


def seen(form: Form) -> int | None:
    """The version that the sender of a form had before them."""
    text = form.value("version")
    return int(text) if text.isascii() and text.isdecimal() and len(text) < LONGEST_VERSION else None


class OvertakenError(Exception):
    """Somebody else, or the clock, was faster. It says so in the reader's language."""


def check_not_overtaken(refusal: RefusedError, visit: Visit) -> None:
    """Raise `OvertakenError` where a refusal says that."""
    words = refusals.overtaken(refusal.code, visit.lang)
    if words:
        raise OvertakenError(words) from refusal


def done(visit: Visit) -> str:
    """What has just been done, in a sentence; empty when nothing was."""
    gettext = visit.lang.gettext
    return {
        "announced": gettext("The poll was announced. Citizens can see it now."),
        "copied": gettext("This is a new draft with the texts of the earlier poll. Its times are still to be chosen."),
        "saved": gettext("The draft was saved. You can go on with it whenever you like."),
        "extended": gettext("The poll closes later now. The reason stands on its page."),
        "closed": gettext("The poll was closed and its votes are counted. The result waits for you to publish it."),
        "cancelled": gettext("The poll was cancelled. The reason stands on its page."),
        "published": gettext("The result was published. Everybody can see it now."),
        "deleted": gettext("The draft was deleted."),
    }.get(visit.request.query_params.get("done", ""), "")
