"""The mail catcher's two servers in one event loop: SMTP in, pages and JSON out."""

import asyncio
import re
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope
from aiosmtpd.smtp import Session as SmtpSession
from markupsafe import Markup, escape
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from inspraak_dev import pages
from inspraak_dev.mail_catcher.store import Caught, MailStore

LARGEST_MAIL = 10 * 1024 * 1024
SHOWN = 100
LINK = re.compile(r"https?://[^\s<>\"']*[^\s<>\"'.,;:!?)\]]")
MAIL_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox allow-popups"


class _Catch:
    """What aiosmtpd calls for each mail."""

    def __init__(self, store: MailStore) -> None:
        self._store = store

    async def handle_DATA(self, _server: SMTP, _session: SmtpSession, envelope: Envelope) -> str:  # noqa: N802
        """Keep the mail and say so."""
        content = envelope.content or b""
        raw = content if isinstance(content, bytes) else content.encode()
        await self._store.add(envelope.mail_from or "", envelope.rcpt_tos, raw, pages.now())
        return "250 caught"


def catcher(store: MailStore, smtp: socket.socket) -> Starlette:
    """The app; while it runs the SMTP server runs beside it, on its listening socket."""

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        loop = asyncio.get_running_loop()

        def connection() -> SMTP:
            return SMTP(_Catch(store), data_size_limit=LARGEST_MAIL, enable_SMTPUTF8=True, hostname="mail", loop=loop)

        server = await loop.create_server(connection, sock=smtp)
        async with server:
            yield

    routes = [
        Route("/", mail_list),
        Route("/mails/{number:int}", mail_page),
        Route("/mails/{number:int}/html", mail_html),
        Route("/mails/{number:int}/source", mail_source),
        Route("/api/mails", api_mails),
        Route("/api/mails/{number:int}", api_mail),
    ]
    served = pages.app(routes, lifespan=lifespan, exception_handlers={404: not_found})
    served.state.store = store
    return served


async def mail_list(request: Request) -> Response:
    """All mails, newest first, filtered by recipient."""
    store, to = _store(request), request.query_params.get("to", "")
    return pages.page("mails.html", mails=store.newest(to=to, limit=SHOWN), to=to, now=pages.now(), ago=pages.ago)


async def mail_page(request: Request) -> Response:
    """One mail."""
    mail = _mail(request)
    return pages.page("mail.html", mail=mail, text=with_links(mail.text or ""), now=pages.now(), ago=pages.ago)


async def mail_html(request: Request) -> Response:
    """The HTML version by itself, as a mail program would show it: no scripts, nothing loaded from anywhere."""
    html = _mail(request).html
    if html is None:
        raise HTTPException(404)
    headers = pages.HEADERS | {"content-security-policy": MAIL_POLICY}
    return Response(f'<base target="_blank">{html}', headers=headers, media_type="text/html")


async def mail_source(request: Request) -> Response:
    """The mail as it arrived."""
    return Response(_mail(request).raw, headers=pages.HEADERS, media_type="text/plain")


async def api_mails(request: Request) -> Response:
    """Mails as JSON, newest first; with `wait` once there is one. `last` is where to go on: `after=<last>`."""
    store = _store(request)
    wanted: dict[str, Any] = {
        "to": request.query_params.get("to", ""),
        "after": pages.whole_number(request, "after", 0),
        "limit": min(max(pages.whole_number(request, "limit", SHOWN), 1), SHOWN),
    }
    mails = await store.wait(pages.seconds(request), **wanted)
    return JSONResponse({"mails": [as_json(mail) for mail in mails], "last": store.last}, headers=pages.HEADERS)


async def api_mail(request: Request) -> Response:
    """One mail as JSON."""
    return JSONResponse(as_json(_mail(request)), headers=pages.HEADERS)


async def not_found(request: Request, _: Exception) -> Response:
    """No such mail: it may have been too old to keep."""
    if request.url.path.startswith("/api/"):
        return JSONResponse({"code": "not_found"}, 404, headers=pages.HEADERS)
    return pages.page("not_found.html", 404, what="mail", site="Mail")


def as_json(mail: Caught) -> dict[str, Any]:
    """A mail for tests and tools."""
    return {
        "id": mail.number,
        "received": mail.received.isoformat(),
        "from": mail.sender,
        "to": list(mail.to),
        "subject": mail.subject,
        "text": mail.text,
        "html": mail.html,
        "headers": [list(header) for header in mail.headers],
    }


def with_links(text: str) -> Markup:
    """Plain text whose web addresses can be followed."""
    parts, end = [], 0
    for match in LINK.finditer(text):
        address = escape(match.group())
        parts += [escape(text[end : match.start()]), Markup(f'<a href="{address}">{address}</a>')]  # noqa: S704 - escaped
        end = match.end()
    return Markup("").join([*parts, escape(text[end:])])


def _store(request: Request) -> MailStore:
    store: MailStore = request.app.state.store
    return store


def _mail(request: Request) -> Caught:
    mail = _store(request).get(request.path_params["number"])
    if mail is None:
        raise HTTPException(404)
    return mail
