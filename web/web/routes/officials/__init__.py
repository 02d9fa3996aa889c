"""Officials' pages, below `/{language}/manage`: one module for each subject, each with its own table of pages."""

from starlette.routing import Route

from web.dispatch import page
from web.routes.officials import answers, audit, branding, drafts, government, overview, people, polls, running

BASE = "/{locale:language}/manage"
MODULES = (overview, polls, drafts, answers, running, people, branding, government, audit)


def routes() -> list[Route]:
    """Every officials' page."""
    table = [row for module in MODULES for row in module.PAGES]
    return [Route(BASE + path, page(handler), methods=[method]) for path, handler, method in table]
