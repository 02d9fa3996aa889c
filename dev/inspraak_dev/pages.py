"""What the development pages share: templates, one style sheet, strict headers, and how such a server runs."""

import os
import socket
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import uvicorn
from jinja2 import Environment, PackageLoader, StrictUndefined
from pydantic_settings import BaseSettings, SettingsConfigDict
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from inspraak_dev.errors import StackError

HOSTS = ["127.0.0.1", "localhost", "*.localhost"]  # no web site can reach these pages by a name of its own
HEADERS = {
    "content-security-policy": "default-src 'none'; style-src 'self'; img-src 'self' data:; frame-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'self'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
}
LONGEST_WAIT = 60.0
STYLE = Path(__file__).parent / "templates" / "style.css"

templates = Environment(
    loader=PackageLoader("inspraak_dev"),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
    undefined=StrictUndefined,
)


class PageSettings(BaseSettings):
    """Where such a server listens."""

    model_config = SettingsConfigDict(env_prefix="INSPRAAK_", extra="ignore", frozen=True)

    host: str = "127.0.0.1"
    port: int


def page(template: str, status: int = 200, **values: Any) -> HTMLResponse:
    """A page from a template."""
    return HTMLResponse(templates.get_template(template).render(values), status, HEADERS)


def whole_number(request: Request, name: str, default: int) -> int:
    """A number of the query; the default where it is none."""
    text = request.query_params.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else default  # noqa: PLR2004 - 64 bits


def seconds(request: Request) -> float:
    """How long the one who asks would wait for news: `wait` of the query, a minute at the most."""
    try:
        asked = float(request.query_params.get("wait", "0"))
    except ValueError:
        return 0.0
    return min(max(asked, 0.0), LONGEST_WAIT) if asked == asked else 0.0  # noqa: PLR0124 - not a number


def ago(moment: datetime, now: datetime) -> str:
    """How long ago, in the largest unit that fits."""
    passed = max(0, round((now - moment).total_seconds()))
    for unit, length in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if passed >= length:
            count = passed // length
            return f"{count} {unit}{'s' if count > 1 else ''} ago"
    return f"{passed} second{'s' if passed != 1 else ''} ago"


def app(routes: Sequence[BaseRoute], **options: Any) -> Starlette:
    """A server of pages: its routes, the style sheet, what says that it is ready."""
    own = [Route("/style.css", _style), Route("/readyz", _ready), Route("/livez", _ready)]
    middleware = [Middleware(TrustedHostMiddleware, allowed_hosts=HOSTS)]
    return Starlette(routes=[*routes, *own], middleware=middleware, **options)


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; a `StackError` when the port is taken."""
    try:
        return socket.create_server((host, port), backlog=128)
    except OSError as error:
        raise StackError(f"port {port} on {host} cannot be used: {os.strerror(error.errno or 0)}") from error


def serve(served: Starlette, listener: socket.socket) -> None:
    """Serve until SIGTERM or SIGINT."""
    config = uvicorn.Config(served, log_level="warning", access_log=False, timeout_graceful_shutdown=2)
    uvicorn.Server(config).run(sockets=[listener])


def now() -> datetime:
    """The time, for pages that say how long ago something was."""
    return datetime.now(UTC)


async def _style(_: Request) -> Response:
    return FileResponse(STYLE, media_type="text/css", headers={"cache-control": "max-age=60"})


async def _ready(_: Request) -> Response:
    return PlainTextResponse("ready")
