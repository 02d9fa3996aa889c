"""One request for a page: for which government, in which language, by whom, and how it is answered."""

import asyncio
import gzip
import hashlib
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, quote, urlencode
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response

from web import api, cookies, dates, officials
from web.gateway import Caller, GatewayError, Query, RefusedError, UnavailableError
from web.i18n import Language, Text, pick
from web.session import COOKIE, Session, SessionEndedError

if TYPE_CHECKING:
    from web.state import Web

LARGEST_FORM = 64 * 1024
LARGEST_WORK = 1024 * 1024  # a form of officials: answers and explanations in four languages
MOST_FIELDS = 2000
TRIES = 10  # of a form whose first sending is still being dealt with
STILL_RUNNING_SECONDS = 0.2
HTTP_OK = 200
NOT_SIGNED_IN = 401
LANGUAGE_COOKIE = "__Host-language"
SMALLEST_COMPRESSED = 1024
URI = "%/?#[]@:!$&'()*+,;="  # what may stand in an address besides letters, digits and -._~ (RFC 3986 §2)
POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
SCRIPTED_POLICY = f"{POLICY}; script-src 'self'; connect-src 'self'"  # where a page has a module of its own
# The gateway keeps a visitor's page for half a minute. A browser asks again each time (mostly to hear 304) and is never
# allowed a stale copy, since the same address is another page once its owner has signed in.
PUBLIC_CACHE = "public, max-age=0, s-maxage=30"
PRIVATE_CACHE = "no-store"


class NotSignedInError(Exception):
    """The page needs somebody who is signed in."""


class StaleFormError(Exception):
    """The form was made for another session, or for none."""


@dataclass
class Visit:
    """What a route works with."""

    web: "Web"
    request: Request
    tenant: UUID  # as the gateway says; whatever is asked or sealed is for this one
    government: api.Government
    lang: Language
    now: datetime
    client: str | None
    session: Session | None = None
    session_ended: bool = False  # there was one, and it is over
    session_unknown: bool = False  # there is one, and nobody can say now whether it still holds
    personal: bool = False  # the page holds something of this browser's own
    jar: list[str] = field(default_factory=list)  # Set-Cookie headers to send
    sent: dict[str, list[str]] | None = None  # the form, once it was read

    # Who asks

    @property
    def signed_in(self) -> bool:
        return self.session is not None

    @property
    def roles(self) -> frozenset[str]:
        """The roles of the one who is signed in, for what pages show; the services decide what they may do."""
        return officials.roles_of(self.session.access_token) if self.session else frozenset()

    @property
    def official(self) -> bool:
        return bool(self.roles & officials.EVERY_OFFICIAL)

    @property
    def caller(self) -> Caller:
        token = self.session.access_token if self.session and not self.session_unknown else None
        return Caller(str(self.tenant), self.client, token)

    @property
    def anonymous(self) -> Caller:
        """The same visitor, asking in nobody's name."""
        return Caller(str(self.tenant), self.client)

    async def open_session(self) -> None:
        """Find out who asks; a session that was refreshed, or is over, changes the cookie."""
        found = self.web.sessions.read(self.tenant, self.request.cookies.get(COOKIE))
        if found is not None:
            await self._refresh(found, force=False)

    async def _refresh(self, found: Session, *, force: bool) -> None:
        try:
            self.session = await self.web.sessions.fresh(found, self.anonymous, force=force)
        except SessionEndedError:
            self.session, self.session_ended = None, True
            self.drop_cookie(COOKIE)
            return
        except UnavailableError:
            self.session, self.session_unknown = found, True
            return
        if self.session != found:
            self.keep_session(self.session)

    def keep_session(self, session: Session) -> None:
        """Sign in: this request goes on as this session, and the browser keeps it."""
        self.session, self.session_unknown = session, False
        self.jar.append(cookies.session(COOKIE, self.web.sessions.seal(self.tenant, session)))

    def signed_in_now(self) -> Session:
        """The session.

        Raises:
            NotSignedInError: there is none.
            UnavailableError: there is one, but nobody can say now whether it still holds.
        """
        if self.session is None:
            raise NotSignedInError
        if self.session_unknown:
            raise UnavailableError("identity does not answer")
        return self.session

    # What is asked of the services

    async def ask(
        self,
        method: str,
        path: str,
        *,
        body: Any = None,
        query: Query | None = None,
        key: str | None = None,
    ) -> Any:
        """Ask the gateway in this visitor's name; a token that the services no longer take is exchanged once."""
        try:
            return await self.web.gateway.ask(method, path, self.caller, body=body, query=query, key=key)
        except RefusedError as refusal:
            if refusal.status != NOT_SIGNED_IN or self.session is None:
                raise
            await self._refresh(self.session, force=True)
            if self.session_unknown:
                raise UnavailableError("identity does not answer") from refusal
            if self.session is None and method != "GET":
                raise NotSignedInError from refusal
        return await self.web.gateway.ask(method, path, self.caller, body=body, query=query, key=key)

    async def create(self, path: str, body: Any, key: str) -> Any:
        """POST what creates something, once for each key: of a form that was sent twice both get the one answer."""
        for _ in range(TRIES - 1):
            try:
                return await self.ask("POST", path, body=body, key=key)
            except RefusedError as refusal:
                if refusal.code != "still_running":
                    raise
            await asyncio.sleep(STILL_RUNNING_SECONDS)  # the API has nothing to wait on; it asks to come again
        return await self.ask("POST", path, body=body, key=key)

    async def get(self, path: str, **query: str) -> Any:
        return await self.ask("GET", path, query=query or None)

    @staticmethod
    async def together(*calls: Coroutine[Any, Any, Any]) -> list[Any]:
        """Ask several things at once; where one failed, its error stands in its place: a page may be partial."""
        results = await asyncio.gather(*calls, return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException) and not isinstance(result, GatewayError):
                raise result
        return list(results)

    # What was sent

    async def form(self, *, checked: bool = True, most: int = LARGEST_FORM) -> dict[str, list[str]]:
        """The fields of a sent form of so many bytes at most.

        `checked`: of somebody signed in it must carry their session's token.

        Raises:
            StaleFormError: it does not.
        """
        if self.sent is None:
            self.sent = await self._read_form(most)
        if checked:
            self.check_token(self.sent)
        return self.sent

    async def _read_form(self, most: int) -> dict[str, list[str]]:
        body = bytearray()
        async for chunk in self.request.stream():
            body += chunk
            if len(body) > most:
                raise RefusedError(413, "too_large")
        try:
            return parse_qs(body.decode(), keep_blank_values=True, max_num_fields=MOST_FIELDS)
        except ValueError as error:
            raise RefusedError(400, "bad_request") from error

    def check_token(self, fields: Mapping[str, Sequence[str]]) -> None:
        """Whether a form was made for this session; somebody who is not signed in has none.

        Raises:
            StaleFormError: it was not.
        """
        if self.session is None:
            return
        token = next(iter(fields.get("token", ())), "")
        if not self.web.sealer.form_token_fits(token, self.session.id, self.tenant):
            raise StaleFormError

    @property
    def form_token(self) -> str:
        """The token that this visitor's forms carry; empty for those who are not signed in."""
        if self.session is None:
            return ""
        return self.web.sealer.form_token(self.session.id, self.tenant)

    # Words

    def text(self, texts: Mapping[str, str] | None) -> Text:
        """A government's own words in this visitor's language, or in another with its name."""
        return pick(texts, self.lang.tag, self.web.languages(self.government)[0])

    def moment(self, at: datetime) -> dates.Moment:
        return dates.moment(at, self.lang, now=self.now)

    def time_left(self, until: datetime) -> str:
        return dates.time_left(until, self.lang, now=self.now)

    # Addresses

    def path(self, *parts: object, **query: str) -> str:
        """An address below this language: `path("polls", id, "review")`; `path()` is home."""
        tail = "/".join(str(part) for part in parts)
        return f"/{self.lang.tag}/{tail}" + (f"?{urlencode(query)}" if query else "")

    # Answers

    def keep_cookie(self, name: str, kind: str, value: Any, *, seconds: int) -> None:
        """Let the browser keep something sealed for a while."""
        sealed = self.web.sealer.seal(kind, self.tenant, value, seconds=seconds)
        self.jar.append(cookies.lasting(name, sealed, seconds=seconds))

    def open_cookie(self, name: str, kind: str) -> Any | None:
        """What the browser keeps; a page that looks is this browser's own."""
        found = self.web.sealer.open(kind, self.tenant, self.request.cookies.get(name))
        self.personal = self.personal or found is not None
        return found

    def drop_cookie(self, name: str) -> None:
        self.jar.append(cookies.gone(name))

    def drop_everything(self) -> None:
        """The browser forgets whatever it kept of this person."""
        for name in self.request.cookies:
            if name.startswith("__Host-") and name != LANGUAGE_COOKIE:
                self.drop_cookie(name)

    def redirect(self, *parts: object, **query: str) -> Response:
        """303: what was sent has been dealt with; look here."""
        return self.redirect_to(self.path(*parts, **query))

    def redirect_to(self, path: str) -> Response:
        """303 to an address of this host, whatever script it is written in (RFC 9110 §10.2.2: a header is ASCII)."""
        headers = {"location": quote(path, safe=URI), "cache-control": PRIVATE_CACHE}
        return Response(status_code=303, headers=headers)

    def render(
        self, template: str, *, status: int = 200, headers: Mapping[str, str] | None = None, **facts: Any
    ) -> Response:
        """A page. It may be kept by others only if it holds nothing of this visitor's and nothing went wrong."""
        html = self.web.pages.render(template, self, facts).encode()
        private = (
            self.signed_in or self.personal or status != HTTP_OK or bool(self.jar) or self.request.method == "POST"
        )
        return html_response(self.request, html, status=status, private=private, headers=headers)

    def sentence(self, text: str) -> Response:
        """A line of plain text for a page's module, the same for everybody, with an ETag."""
        return answer(self.request, text.encode(), "text/plain", status=200, private=bool(self.jar), headers=None)


def html_response(
    request: Request, html: bytes, *, status: int, private: bool, headers: Mapping[str, str] | None = None
) -> Response:
    """HTML, as `answer` sends it."""
    return answer(request, html, "text/html", status=status, private=private, headers=headers)


def answer(
    request: Request, body: bytes, media_type: str, *, status: int, private: bool, headers: Mapping[str, str] | None
) -> Response:
    """A text, compressed where the browser takes it; what others may keep has an ETag."""
    all_headers = {"cache-control": PRIVATE_CACHE if private else PUBLIC_CACHE, "vary": "accept-encoding"}
    all_headers |= headers or {}
    if not private:
        etag = f'W/"{hashlib.sha256(body).hexdigest()[:20]}"'
        all_headers["etag"] = etag
        if etag in _tags(request.headers.get("if-none-match", "")):
            return Response(status_code=304, headers=all_headers)
    if len(body) >= SMALLEST_COMPRESSED and "gzip" in request.headers.get("accept-encoding", ""):
        body = gzip.compress(body, 5, mtime=0)
        all_headers["content-encoding"] = "gzip"
    return Response(body, status_code=status, headers=all_headers, media_type=media_type)


def _tags(header: str) -> Sequence[str]:
    return [tag.strip() for tag in header.split(",")]
