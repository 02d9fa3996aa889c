"""Around every officials' page: who may open it, and that no form is lost whatever happens while it is sent."""

from collections.abc import Callable
from functools import wraps

from starlette.responses import Response

from web.dispatch import Handler
from web.fields import KEY
from web.gateway import RefusedError, UnavailableError
from web.visit import LARGEST_WORK, NotSignedInError, StaleFormError, Visit

NOT_KEPT = frozenset({"token", KEY})  # the one is given anew; the other is kept apart
NOT_TYPED = NOT_KEPT | {"do", "version", "rows"}  # what pages and buttons fill in themselves
Page = tuple[str, Handler, str]  # below /manage, what answers, by which method
Kept = list[tuple[str, str]]


def officials_only(roles: frozenset[str]) -> Callable[[Handler], Handler]:
    """A page for people who have one of these roles; others are told why they cannot open it."""

    def around(handler: Handler) -> Handler:
        @wraps(handler)
        async def guarded(visit: Visit) -> Response:
            sending = visit.request.method == "POST"
            if sending:
                await visit.form(checked=False, most=LARGEST_WORK)  # so that it is there to be kept
            try:
                visit.signed_in_now()
                if not visit.roles & roles:
                    return forbidden(visit)
                if sending:
                    await visit.form()
                return await handler(visit)
            except (NotSignedInError, StaleFormError, UnavailableError, RefusedError) as error:
                answer = _answer(visit, error, sending=sending)
                if answer is None:
                    raise
                return answer

        return guarded

    return around


def forbidden(visit: Visit) -> Response:
    """The page for somebody who is signed in and may not open it."""
    return visit.render("officials/forbidden", status=403)


def _answer(visit: Visit, error: Exception, *, sending: bool) -> Response | None:
    """The page for what came in between; nothing where the usual page for it does."""
    match error:
        case RefusedError(status=403):
            answer = forbidden(visit)
        case NotSignedInError() if sending:
            answer = _kept(visit, "signed_out", 401)
        case StaleFormError() if sending:
            answer = _kept(visit, "stale", 409)
        case UnavailableError() if sending:
            answer = _kept(visit, "unavailable", 503, retry_after=error.retry_after)
        case RefusedError(status=429) if sending:
            answer = _kept(visit, "busy", 429, retry_after=error.retry_after or 5)
        case RefusedError() if sending and _written(visit):
            answer = _kept(visit, "refused", error.status)
        case _:
            return None
    return answer


def _written(visit: Visit) -> bool:
    """Whether the form that was sent holds anything that would be missed."""
    return any(text.strip() for name, texts in (visit.sent or {}).items() if name not in NOT_TYPED for text in texts)


def _kept(visit: Visit, reason: str, status: int, *, retry_after: int | None = None) -> Response:
    """The whole form once more, in hidden fields, with a button that sends it again to where it was sent."""
    sent = visit.sent or {}
    fields: Kept = [(name, text) for name, texts in sent.items() for text in texts if name != "token"]
    typed = [text for name, text in fields if name not in NOT_KEPT and " " in text.strip()]
    headers = {"retry-after": str(retry_after)} if retry_after else {}
    action = visit.request.url.path + (f"?{visit.request.url.query}" if visit.request.url.query else "")
    return visit.render(
        "officials/kept", status=status, headers=headers, reason=reason, fields=fields, typed=typed, action=action
    )
