"""The officials' first page."""

from starlette.responses import Response

from web.officials import EVERY_OFFICIAL
from web.routes.officials.entrance import Page, officials_only
from web.visit import Visit


@officials_only(EVERY_OFFICIAL)
async def overview(visit: Visit) -> Response:
    """What waits for somebody, then what runs, then numbers."""
    return visit.render("officials/overview")


PAGES: tuple[Page, ...] = (("", overview, "GET"),)
