"""The account: who is signed in, in which language, about what they get mails."""

from starlette.responses import Response

from web import api
from web.gateway import GatewayError, RefusedError
from web.i18n import LANGUAGES, Text
from web.polls import PollView, vote_view
from web.routes.polls import SUBSCRIPTIONS
from web.visit import Visit

ALL_POLLS = "polls"
ONE_POLL = "poll-"
MOST_SHOWN = 10
NOT_FOUND = 404
STOP = "/api/v1/unsubscribe"
MY_VOTES = "/api/v1/my-votes"
BROKEN_LINK = frozenset({400, 404, 422})


async def account(visit: Visit) -> Response:
    """What is known about the one who is signed in, and what they can set."""
    visit.signed_in_now()
    me, topics = await visit.together(visit.get("/api/v1/me"), visit.get(SUBSCRIPTIONS))
    if isinstance(me, GatewayError):
        raise me
    known = not isinstance(topics, GatewayError)
    followed = [item.topic for item in api.read(api.Subscriptions, topics).items] if known else []
    single = [topic for topic in followed if topic.startswith(ONE_POLL)]
    polls = await _polls(visit, single[:MOST_SHOWN])
    return visit.render(
        "account",
        person=api.read(api.Person, me),
        known=known,
        all_polls=ALL_POLLS in followed,
        polls=[(topic, view) for topic, view in polls if view is not None],
        unshown=len([view for _, view in polls if view is None]) + len(single[MOST_SHOWN:]),
        words=lambda text: Text(text, visit.lang.tag),
        saved=visit.request.query_params.get("saved", ""),
    )


async def votes(visit: Visit) -> Response:
    """In which polls one has voted, when and what, for as long as that can be told."""
    visit.signed_in_now()
    after = visit.request.query_params.get("after", "")
    page = api.read(api.MyVotes, await visit.get(MY_VOTES, **({"cursor": after} if after else {})))
    views = [(PollView(item.poll, visit), item) for item in page.items]
    shown = [(view, vote_view(_vote(item), view, visit)) for view, item in views]
    following = visit.path("account", "votes", after=page.next) if page.next else None
    return visit.render("my_votes", votes=shown, following=following, first=not after)


def _vote(mine: api.MyVote) -> api.Vote:
    return api.Vote(voted=True, choices=mine.choices, cast_at=mine.cast_at)


async def set_language(visit: Visit) -> Response:
    """The language of mails, and of the pages from now on."""
    fields = await visit.form()
    visit.signed_in_now()
    wanted = next(iter(fields.get("language", ())), "")
    if wanted not in LANGUAGES:
        return visit.redirect("account")
    await visit.ask("PATCH", "/api/v1/me", body={"language": wanted})
    shown = wanted if wanted in visit.web.languages(visit.government) else visit.lang.tag
    return visit.redirect_to(f"/{shown}/account?saved=language")


async def set_notifications(visit: Visit) -> Response:
    """Mails about all polls, and about single ones that are followed."""
    fields = await visit.form()
    visit.signed_in_now()
    wanted = set(fields.get("topic", ()))
    shown = {topic for topic in fields.get("shown", ()) if topic == ALL_POLLS or topic.startswith(ONE_POLL)}
    for topic in sorted(shown):
        if topic in wanted:
            await visit.ask("PUT", f"{SUBSCRIPTIONS}/{topic}")
        else:
            await visit.ask("DELETE", f"{SUBSCRIPTIONS}/{topic}")
    return visit.redirect("account", saved="notifications")


async def ask_to_stop(visit: Visit) -> Response:
    """The page that a mail's last link opens: it asks, since mail scanners follow links too."""
    visit.personal = True
    token = visit.request.query_params.get("token", "")
    return await _stopping(visit, "GET", token)


async def stop(visit: Visit) -> Response:
    """Stop the mails of the link's topic for whoever holds the link, without signing in."""
    fields = await visit.form(checked=False)
    visit.personal = True
    token = next(iter(fields.get("token", ())), "")
    return await _stopping(visit, "POST", token)


async def _stopping(visit: Visit, method: str, token: str) -> Response:
    """What a link stops, or has stopped; a link that is broken says what to do instead."""
    try:
        stopped = await visit.web.gateway.ask(method, STOP, visit.anonymous, query={"token": token})
    except RefusedError as refusal:
        if refusal.status not in BROKEN_LINK:
            raise
        return visit.render("stop_mails", status=404, topic=None, token="", done=False)
    return visit.render("stop_mails", topic=api.read(api.Stopped, stopped).topic, token=token, done=method == "POST")


async def _polls(visit: Visit, topics: list[str]) -> list[tuple[str, PollView | None]]:
    """The single polls that are followed; one that is gone is left out, one that cannot be read now has no view."""
    paths = [f"/api/v1/polls/{topic.removeprefix(ONE_POLL)}" for topic in topics]
    found = await visit.together(*(visit.get(path) for path in paths))
    views: list[tuple[str, PollView | None]] = []
    for topic, answer in zip(topics, found, strict=False):
        if isinstance(answer, RefusedError) and answer.status == NOT_FOUND:
            continue
        shown = None if isinstance(answer, GatewayError) else PollView(api.read(api.Poll, answer), visit)
        views.append((topic, shown))
    return views
