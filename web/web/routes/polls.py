"""Polls: the list, one poll, its result, following it."""

from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

from starlette.responses import Response

from web import api, failures, forms
from web.drafts import draft_of
from web.gateway import GatewayError, RefusedError, UnavailableError
from web.polls import PollView, VoteView, vote_view
from web.results import ResultView
from web.visit import SCRIPTED_POLICY, Visit

SUBSCRIPTIONS = "/api/v1/subscriptions"
Reader = Callable[[api.Poll], forms.Outcome]
FILTERS = ("open", "scheduled", "closed", "published")


async def polls(visit: Visit) -> Response:
    """All polls, or those in one state; older ones by a link to the next page."""
    asked = visit.request.query_params
    chosen = asked.get("status", "") if asked.get("status") in FILTERS else ""
    kept = {"status": chosen} if chosen else {}
    paged = {"cursor": asked["after"]} if asked.get("after") else {}
    page = api.read(api.PollPage, await visit.get("/api/v1/polls", **kept, **paged))
    views = [PollView(poll, visit) for poll in page.items]
    votes = await votes_on(visit, [view for view in views if view.open])
    following = visit.path("polls", **kept, after=page.next) if page.next else None
    return visit.render("polls", polls=views, votes=votes, chosen=chosen, following=following, filters=FILTERS)


async def poll(visit: Visit) -> Response:
    """One poll: what it is about, the ballot while it is open, and whether this visitor has voted."""
    return await show_poll(visit)


async def show_poll(visit: Visit, read: Reader | None = None) -> Response:
    """The poll's page; `read` reads a form that was sent, and the page says what is mistaken in it."""
    poll_id: UUID = visit.request.path_params["poll_id"]
    path = f"/api/v1/polls/{poll_id}"
    found, vote, topics, counted = await visit.together(
        visit.get(path), _own(visit, f"{path}/vote"), _own(visit, SUBSCRIPTIONS), _turnout(visit, path)
    )
    if isinstance(found, GatewayError):
        raise found
    view = PollView(api.read(api.Poll, found), visit)
    answer = _vote_view(vote, view, visit)
    outcome = read(view.poll) if read else None
    changing = "change" in visit.request.query_params
    turnout = None if isinstance(counted, GatewayError) or not view.open else view.turnout(counted.ballots)
    return visit.render(
        "poll",
        status=422 if outcome else 200,
        headers={"content-security-policy": SCRIPTED_POLICY} if turnout else None,
        turnout=turnout,
        poll=view,
        vote=answer,
        ballot=view.open and (answer is None or not answer.voted or changing or outcome is not None),
        filled=outcome.filled if outcome else _filled(visit, view, answer),
        mistake=outcome.mistake if outcome else None,
        follows=_follows(topics, view),
    )


async def _turnout(visit: Visit, path: str) -> api.Turnout:
    """How many have voted: asked in nobody's name, since it is the same for everybody."""
    return api.read(api.Turnout, await visit.web.gateway.get(f"{path}/turnout", visit.anonymous))


async def turnout(visit: Visit) -> Response:
    """How many have voted so far, in a sentence, for the module of an open poll's page."""
    view = await poll_view(visit)
    if not view.open:
        return failures.not_found(visit)
    counted = await _turnout(visit, f"/api/v1/polls/{view.id}")
    return visit.sentence(view.turnout(counted.ballots))


def _filled(visit: Visit, view: PollView, vote: VoteView | None) -> forms.Filled:
    """The ballot as it was left: the choice that waits to be cast, else the vote that stands, else empty."""
    draft = draft_of(visit, view.id) if view.open else None
    if draft is not None:
        return forms.fill(view.poll, draft)
    if vote is not None and vote.choices is not None:
        return forms.fill(view.poll, vote.choices)
    return forms.Filled()


async def result(visit: Visit) -> Response:
    """A published result: in a sentence, as bars, as a table, and by which rule."""
    view = await poll_view(visit)
    if view.status != "published":
        return visit.redirect_to(view.path)
    try:
        found = api.read(api.Result, await visit.get(f"/api/v1/polls/{view.id}/result"))
    except UnavailableError as error:
        headers = {"retry-after": str(error.retry_after)}
        return visit.render("result", status=503, headers=headers, poll=view, result=None)
    return visit.render("result", poll=view, result=ResultView(found, view, visit.lang))


async def follow(visit: Visit) -> Response:
    """Begin or stop mails about one poll."""
    fields = await visit.form()
    visit.signed_in_now()
    poll_id = visit.request.path_params["poll_id"]
    topic = f"{SUBSCRIPTIONS}/poll-{poll_id}"
    if fields.get("follow") == ["yes"]:
        await visit.ask("PUT", topic)
    else:
        await visit.ask("DELETE", topic)
    return visit.redirect_to(visit.path("polls", poll_id) + "#follow")


async def poll_view(visit: Visit) -> PollView:
    """The poll that the address names."""
    poll_id: UUID = visit.request.path_params["poll_id"]
    return PollView(api.read(api.Poll, await visit.get(f"/api/v1/polls/{poll_id}")), visit)


async def vote_on(visit: Visit, view: PollView) -> VoteView | None:
    """Whether this visitor has voted; nothing for somebody who is not signed in."""
    try:
        return _vote_view(await _own(visit, f"/api/v1/polls/{view.id}/vote"), view, visit)
    except GatewayError as error:
        return _vote_view(error, view, visit)


async def votes_on(visit: Visit, views: Sequence[PollView]) -> dict[UUID, VoteView | None]:
    """The same for several polls."""
    found = await visit.together(*(vote_on(visit, view) for view in views))
    return {view.id: vote for view, vote in zip(views, found, strict=True)}


async def _own(visit: Visit, path: str) -> Any:
    """Something of this visitor's own; nothing for somebody who is not signed in."""
    if not visit.signed_in:
        return None
    visit.signed_in_now()
    return await visit.get(path)


def _vote_view(answer: Any, view: PollView, visit: Visit) -> VoteView | None:
    if answer is None or not visit.signed_in or view.status in {"draft", "scheduled"}:
        return None
    if isinstance(answer, RefusedError) and answer.code == "votes_anonymised":
        return None  # a month after the end nobody can tell any more
    if isinstance(answer, GatewayError):
        return VoteView(voted=False, known=False)
    return vote_view(api.read(api.Vote, answer), view, visit)


def _follows(answer: Any, view: PollView) -> str | None:
    """`all`, `this`, `none` or `unknown`: about which polls this visitor gets mails; nothing when none will come."""
    if answer is None or view.status in {"published", "cancelled"}:
        return None
    if isinstance(answer, GatewayError):
        return "unknown"
    topics = {item.topic for item in api.read(api.Subscriptions, answer).items}
    if "polls" in topics:
        return "all"
    return "this" if f"poll-{view.id}" in topics else "none"
