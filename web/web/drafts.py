"""Choices that were made and not yet cast, kept sealed in the browser: through the review, and through signing in."""

from uuid import UUID

from web.api import Choices
from web.forms import are_choices
from web.visit import Visit

COOKIE = "__Host-draft"
KIND = "draft"
SECONDS = 7200
MOST = 5  # polls with a draft at once; the oldest gives way
LARGEST = 3000  # characters of one draft; a longer one (hundreds of options ranked) has to be cast while signed in


def draft_of(visit: Visit, poll_id: UUID) -> Choices | None:
    """The choices that wait for this poll."""
    found = _drafts(visit).get(str(poll_id))
    return found if are_choices(found) else None


def keep_draft(visit: Visit, poll_id: UUID, choices: Choices) -> None:
    """Keep choices until they are cast."""
    drafts = {key: value for key, value in _drafts(visit).items() if key != str(poll_id)}
    drafts[str(poll_id)] = choices
    kept = dict(list(drafts.items())[-MOST:])
    while len(kept) > 1 and len(repr(kept)) > LARGEST:
        kept.pop(next(iter(kept)))
    visit.keep_cookie(COOKIE, KIND, kept, seconds=SECONDS)


def drop_draft(visit: Visit, poll_id: UUID) -> None:
    """Forget the choices: they were cast, or can no longer be."""
    drafts = _drafts(visit)
    if str(poll_id) not in drafts:
        return
    del drafts[str(poll_id)]
    if drafts:
        visit.keep_cookie(COOKIE, KIND, drafts, seconds=SECONDS)
    else:
        visit.drop_cookie(COOKIE)


def _drafts(visit: Visit) -> dict[str, Choices]:
    found = visit.open_cookie(COOKIE, KIND)
    return dict(found) if isinstance(found, dict) else {}
