"""The ASGI app of web: every page, the files they load, health."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from chassis.entrance import App, Entrance
from chassis.health import health_routes
from starlette.applications import Starlette

from web.routes import routes
from web.settings import Settings
from web.state import Web


def create_app(settings: Settings) -> App:
    """The whole of web, behind the chassis's entrance: only the gateway comes in."""
    web = Web.of(settings)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with web.gateway:
            yield

    health = health_routes({"gateway": web.gateway.reachable})
    app = Starlette(routes=[*health, *routes(development=settings.environment == "development")], lifespan=lifespan)
    app.router.redirect_slashes = False  # one address for each page
    app.state.web = web
    return Entrance(app, service="web", key=settings.internal_key.get_secret_value())
