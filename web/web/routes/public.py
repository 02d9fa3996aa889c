"""Home, the pages that say how things are, and the choice of a language."""

from typing import Any

from starlette.responses import Response

from web import api, cookies, failures
from web.gateway import GatewayError
from web.paths import local
from web.polls import PollView
from web.routes.polls import votes_on
from web.visit import LANGUAGE_COOKIE, Visit

YEAR = 365 * 86_400
MOST_ON_HOME = 6
RECENT = 3


async def to_preferred_language(visit: Visit) -> Response:
    """`/`: to the language that this browser chose or asks for."""
    visit.personal = True
    return visit.redirect()


async def to_home(visit: Visit) -> Response:
    """`/nl`: to `/nl/`."""
    return visit.redirect()


async def choose_language(visit: Visit) -> Response:
    """Remember the language that somebody chose, and go where they were."""
    chosen = visit.request.path_params["chosen"]
    if chosen not in visit.web.languages(visit.government):
        return failures.not_found(visit)
    visit.jar.append(cookies.lasting(LANGUAGE_COOKIE, chosen, seconds=YEAR))
    return visit.redirect_to(local(visit.request.query_params.get("next")) or f"/{chosen}/")


async def home(visit: Visit) -> Response:
    """What is open now, what comes, what was decided lately."""
    found = await visit.together(*(_some(visit, status, most) for status, most in SHELVES))
    shelves = dict(zip(("open", "scheduled", "published"), found, strict=True))
    polls = {name: shelf for name, shelf in shelves.items() if not isinstance(shelf, GatewayError)}
    failed = len(polls) < len(shelves)
    votes = await votes_on(visit, polls.get("open", []))
    if failed:
        visit.personal = True  # nobody else should be shown this page from a cache
    return visit.render("home", polls=polls, failed=failed, votes=votes)


SHELVES = (("open", MOST_ON_HOME), ("scheduled", MOST_ON_HOME), ("published", RECENT))


async def _some(visit: Visit, status: str, most: int) -> list[PollView]:
    answer: Any = await visit.get("/api/v1/polls", status=status, limit=str(most))
    return [PollView(poll, visit) for poll in api.read(api.PollPage, answer).items]


async def accessibility(visit: Visit) -> Response:
    """The accessibility statement."""
    return visit.render("accessibility")


async def privacy(visit: Visit) -> Response:
    """What is kept about people, and who sees it."""
    return visit.render("privacy")


async def contact(visit: Visit) -> Response:
    """Whom to ask."""
    return visit.render("contact")


async def no_such_page(visit: Visit) -> Response:
    """Everything else."""
    return failures.not_found(visit)
