"""The officials' first page: what waits for somebody, then what runs and comes, then numbers."""

from dataclasses import dataclass
from datetime import timedelta

from starlette.responses import Response

from web import api, readiness
from web.figures import whole
from web.gateway import GatewayError
from web.i18n import Text
from web.officials import EVERY_OFFICIAL
from web.polls import PollView
from web.routes.officials.common import POLLS, page_of
from web.routes.officials.entrance import Page, officials_only
from web.visit import Visit

SOON = timedelta(hours=48)
MOST = 50
SHELVES = ("closed", "open", "scheduled", "draft", "published")


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that waits: which poll, why, and the one next act."""

    title: Text
    path: str
    tag: tuple[str, str]
    why: str
    next: tuple[str, str]  # words, address


@officials_only(EVERY_OFFICIAL)
async def overview(visit: Visit) -> Response:
    """The work queue, then the polls that run and come, then numbers. What cannot be read now is left out and said."""
    found = await visit.together(*(_shelf(visit, status) for status in SHELVES))
    failures = [one for one in found if isinstance(one, GatewayError)]
    if len(failures) == len(found):
        raise failures[0]
    shelves: dict[str, list[PollView]] = {
        status: [] if isinstance(one, GatewayError) else one for status, one in zip(SHELVES, found, strict=True)
    }
    return visit.render(
        "officials/overview",
        queue=queue(shelves, visit),
        open=shelves["open"],
        scheduled=shelves["scheduled"],
        numbers=_numbers(shelves, visit),
        partial=bool(failures),
        empty=not failures and not any(shelves.values()),
    )


async def _shelf(visit: Visit, status: str) -> list[PollView]:
    answer = await visit.get(POLLS, status=status, limit=str(MOST))
    return [PollView(poll, visit) for poll in api.read(api.PollPage, answer).items]


def queue(shelves: dict[str, list[PollView]], visit: Visit) -> list[Item]:
    """Results first, since people wait for them; then what closes soon; then what is not finished."""
    closing = [view for view in shelves["open"] if view.poll.closes_at and view.poll.closes_at - visit.now <= SOON]
    closing.sort(key=lambda view: view.poll.closes_at or visit.now)
    return [
        *(_closed(view, visit) for view in shelves["closed"]),
        *(_closing(view, visit) for view in closing),
        *(_draft(view, visit) for view in shelves["draft"]),
    ]


def _closed(view: PollView, visit: Visit) -> Item:
    words = visit.lang.ngettext(
        "Closed with %(ballots)s ballot. The result waits to be published.",
        "Closed with %(ballots)s ballots. The result waits to be published.",
        view.poll.ballots or 0,
    ) % {"ballots": whole(view.poll.ballots or 0, visit.lang)}
    return _item(view, visit, words, visit.lang.gettext("See the result"), "publish")


def _closing(view: PollView, visit: Visit) -> Item:
    words = visit.lang.gettext("Closes soon: %(left)s.") % {"left": view.left}
    return _item(view, visit, words, visit.lang.gettext("Look at it"))


def _draft(view: PollView, visit: Visit) -> Item:
    gettext = visit.lang.gettext
    errors = readiness.errors_in(view.poll, visit.lang, visit.now)
    if errors:
        return _item(view, visit, errors[0].words, gettext("Go on with it"), errors[0].step)
    return _item(view, visit, gettext("Nothing is missing any more."), gettext("Check and announce"), "check")


def _item(view: PollView, visit: Visit, why: str, words: str, *page: str) -> Item:
    return Item(view.title, page_of(visit, view.id), view.tag, why, (words, page_of(visit, view.id, *page)))


def _numbers(shelves: dict[str, list[PollView]], visit: Visit) -> list[tuple[str, str]]:
    ngettext = visit.lang.ngettext
    runs, comes, drafts = (shelves[status] for status in ("open", "scheduled", "draft"))
    ballots = sum(view.poll.ballots or 0 for view in (*shelves["closed"], *shelves["published"]))
    return [
        (_count(runs), ngettext("open poll", "open polls", len(runs))),
        (_count(comes), ngettext("poll to come", "polls to come", len(comes))),
        (_count(drafts), ngettext("draft", "drafts", len(drafts))),
        (
            whole(ballots, visit.lang),
            ngettext("ballot in polls that have ended", "ballots in polls that have ended", ballots),
        ),
    ]


def _count(shelf: list[PollView]) -> str:
    return f"{MOST}+" if len(shelf) == MOST else str(len(shelf))


PAGES: tuple[Page, ...] = (("", overview, "GET"),)
