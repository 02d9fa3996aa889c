"""Voting: choose, review, cast, confirmation; change and withdraw until the poll closes.

Choose first, identify last: a choice is kept sealed in the browser until it is cast, also while its owner signs in.
"""

from uuid import UUID

from starlette.responses import Response

from web import api, forms
from web.drafts import draft_of, drop_draft, keep_draft
from web.gateway import RefusedError, UnavailableError
from web.routes.polls import poll_view, show_poll, vote_on
from web.visit import NotSignedInError, StaleFormError, Visit

CLOSED = "poll_not_open"
CHOICE_CODES = frozenset(
    {
        "equal_ranks_not_allowed",
        "invalid",
        "malformed_choices",
        "option_twice",
        "unknown_grade",
        "unknown_option",
        "wrong_number_of_choices",
    }
)


async def choose(visit: Visit) -> Response:
    """Take the filled-in ballot to the review, or show what is mistaken in it."""
    fields = await visit.form(checked=False)  # nothing is cast here, and a choice must outlive a session
    view = await poll_view(visit)
    if not view.open:
        return visit.redirect_to(view.path)
    outcome = forms.read(view.poll, fields, visit.lang)
    if outcome.choices is None:
        return await show_poll(visit, lambda poll: forms.read(poll, fields, visit.lang))
    keep_draft(visit, view.id, outcome.choices)
    return visit.redirect("polls", view.id, "review")


async def to_poll(visit: Visit) -> Response:
    """An address that only takes a form, asked for by a reload or a bookmark."""
    return visit.redirect("polls", visit.request.path_params["poll_id"])


async def review(visit: Visit) -> Response:
    """What is about to be cast."""
    view = await poll_view(visit)
    choices = draft_of(visit, view.id)
    if choices is None or not view.open:
        return visit.redirect_to(view.path)
    visit.personal = True
    vote = await vote_on(visit, view)
    return visit.render("review", poll=view, chosen=view.chosen(choices), packed=forms.pack(choices), vote=vote)


async def cast(visit: Visit) -> Response:
    """Cast a vote; whatever goes wrong, the choice is kept."""
    poll_id: UUID = visit.request.path_params["poll_id"]
    fields = await visit.form(checked=False)
    choices = forms.unpack(next(iter(fields.get("choices", ())), None))
    if choices is None:
        return visit.redirect("polls", poll_id)
    try:
        visit.signed_in_now()
        visit.check_token(fields)
        await visit.ask("PUT", f"/api/v1/polls/{poll_id}/vote", body={"choices": choices})
    except NotSignedInError:
        keep_draft(visit, poll_id, choices)
        return visit.redirect("sign-in", next=visit.path("polls", poll_id, "review"))
    except StaleFormError:  # signed in anew since the form was opened: ask once more
        keep_draft(visit, poll_id, choices)
        return visit.redirect("polls", poll_id, "review")
    except RefusedError as refusal:
        return _not_cast(visit, poll_id, choices, refusal)
    except UnavailableError as error:
        keep_draft(visit, poll_id, choices)
        headers = {"retry-after": str(error.retry_after)}
        return visit.render("not_cast", status=503, headers=headers, poll_id=poll_id, reason="unavailable")
    drop_draft(visit, poll_id)
    return visit.redirect("polls", poll_id, "vote")


async def confirmation(visit: Visit) -> Response:
    """Have I voted? Yes or no, what and when, and what can still be done about it."""
    visit.signed_in_now()
    view = await poll_view(visit)
    vote = await vote_on(visit, view)
    if vote is None:
        return visit.redirect_to(view.path)
    return visit.render("vote", poll=view, vote=vote, withdrawn="withdrawn" in visit.request.query_params)


async def ask_to_withdraw(visit: Visit) -> Response:
    """Ask before a vote is withdrawn."""
    visit.signed_in_now()
    view = await poll_view(visit)
    vote = await vote_on(visit, view)
    if vote is None or not vote.voted or not view.open:
        return visit.redirect_to(view.path)
    return visit.render("withdraw", poll=view, vote=vote)


async def withdraw(visit: Visit) -> Response:
    """Withdraw the vote."""
    await visit.form()
    visit.signed_in_now()
    poll_id: UUID = visit.request.path_params["poll_id"]
    try:
        await visit.ask("DELETE", f"/api/v1/polls/{poll_id}/vote")
    except RefusedError as refusal:
        if refusal.code == CLOSED:
            return visit.render("not_cast", status=409, poll_id=poll_id, reason="closed_withdrawal")
        raise
    return visit.redirect("polls", poll_id, "vote", withdrawn="1")


def _not_cast(visit: Visit, poll_id: UUID, choices: api.Choices, refusal: RefusedError) -> Response:
    """The page for a refusal: each says whether the vote counts (it does not) and what can be done."""
    if refusal.code == CLOSED:
        drop_draft(visit, poll_id)
        return visit.render("not_cast", status=409, poll_id=poll_id, reason="closed")
    keep_draft(visit, poll_id, choices)
    if refusal.code in CHOICE_CODES:
        return visit.render("not_cast", status=422, poll_id=poll_id, reason="choice")
    if refusal.status == 429:  # noqa: PLR2004 - RFC 6585
        headers = {"retry-after": str(refusal.retry_after or 5)}
        return visit.render("not_cast", status=429, headers=headers, poll_id=poll_id, reason="busy")
    if refusal.status == 403:  # noqa: PLR2004
        return visit.render("not_cast", status=403, poll_id=poll_id, reason="forbidden")
    raise refusal
