"""web over real HTTP: the ASGI app behind uvicorn, and a server that answers in the gateway's place.

The stand-in is only for states of single pages; whole journeys over the real services are in tests/e2e.
"""

import asyncio
import base64
import json
import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import aiohttp
import pytest
import uvicorn
from aiohttp import web as http
from chassis.settings import DEVELOPMENT_KEY
from pydantic import AnyHttpUrl
from web.app import create_app
from web.settings import Settings

HOST = "leuven.localhost"
POLL = "00000000-0000-7000-8000-000000000001"
NOW = datetime.now(UTC)
MODULE = r'<script type="module" src="/static/[a-z]+-[0-9a-f]{10}.js"></script>'
VOID = {"area", "br", "hr", "img", "input", "link", "meta", "rect"}


def government(**changes: Any) -> dict[str, Any]:
    facts = {
        "slug": "leuven",
        "names": {"nl": "Leuven", "fr": "Louvain"},
        "languages": ["nl", "fr"],
        "colour": "#7a1f3d",
        "contact_email": "inspraak@leuven.example",
    }
    return facts | changes


def poll(status: str = "open", rule: str = "yes_no", **changes: Any) -> dict[str, Any]:
    labels = ["Ja", "Nee"] if rule == "yes_no" else ["Lindeplein", "Marktplein", "Curieplein"]
    opens = NOW + timedelta(days=3) if status in {"scheduled", "draft"} else NOW - timedelta(days=3)
    closes = NOW - timedelta(days=1) if status in {"closed", "published"} else NOW + timedelta(days=12, hours=12)
    facts = {
        "poll_id": POLL,
        "status": status,
        "titles": {"nl": "Een autovrij plein?"},
        "questions": None,
        "descriptions": {"nl": "Eerste alinea.\n\nTweede <b>alinea</b>."},
        "rule": rule,
        "compared_with": [],
        "options": [{"number": n, "labels": {"nl": label}, "descriptions": {}} for n, label in enumerate(labels, 1)],
        "max_choices": None,
        "opens_at": opens.isoformat(),
        "closes_at": closes.isoformat(),
        "level": 1,
        "notices": [],
        "ballots": None,
    }
    return facts | changes


@dataclass
class Answer:
    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class StandIn:
    """Answers in the gateway's place; `answers` by method and path, and what was asked."""

    answers: dict[tuple[str, str], Answer | Callable[[Any], Answer]] = field(default_factory=dict)
    asked: list[tuple[str, str, Any, dict[str, str]]] = field(default_factory=list)
    questions: list[tuple[str, str, list[tuple[str, str]]]] = field(default_factory=list)
    url: str = ""
    tenant: str = field(default_factory=lambda: str(uuid4()))
    dead_tokens: set[str] = field(default_factory=set)
    held: set[tuple[str, str]] = field(default_factory=set)
    released: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.on("GET", "/api/v1/government", 200, government(government_id=self.tenant))
        self.on("GET", "/api/v1/polls", 200, {"items": [], "next": None})
        self.on("GET", "/api/v1/subscriptions", 200, {"items": []})
        self.on("GET", f"/api/v1/polls/{POLL}/vote", 200, {"voted": False})

    def on(self, method: str, path: str, status: int, body: Any = None, **headers: str) -> None:
        self.answers[method, path] = Answer(status, body, {key.replace("_", "-"): v for key, v in headers.items()})

    def refuse(
        self, method: str, path: str, status: int, code: str, facts: Mapping[str, Any] | None = None, **headers: str
    ) -> None:
        self.on(method, path, status, {"status": status, "code": code, "title": code, **(facts or {})}, **headers)

    def refuse_token(self, method: str, path: str, token: str) -> None:
        """The services no longer take this access token."""
        self.dead_tokens.add(f"Bearer {token}")
        self.on(method, path, 200, {})

    def in_turn(self, method: str, path: str, bodies: list[Any]) -> None:
        """Another answer each time."""
        left = iter(bodies)
        self.answers[method, path] = lambda _: Answer(200, next(left))

    def sign_in_with(self, handle: str) -> None:
        """Whatever code is sent is that of this handle, and of no other."""
        wrong = Answer(403, {"status": 403, "code": "code_wrong", "title": "", "attempts_left": 4})
        right = Answer(200, tokens("first"))
        self.answers["POST", "/api/v1/sign-in"] = lambda body: right if body["handle"] == handle else wrong

    def show(self, **facts: Any) -> None:
        """The one poll that there is."""
        shown = poll(**facts)
        self.on("GET", f"/api/v1/polls/{POLL}", 200, shown)
        self.on("GET", "/api/v1/polls", 200, {"items": [shown], "next": None})

    def hang(self, method: str, path: str) -> None:
        """No answer until `release`."""
        self.held.add((method, path))
        self.released.clear()

    def release(self) -> None:
        self.held.clear()
        self.released.set()

    def calls(self, method: str, path: str) -> list[Any]:
        return [
            body for asked_method, asked_path, body, _ in self.asked if (asked_method, asked_path) == (method, path)
        ]

    def queries(self, method: str, path: str) -> list[list[tuple[str, str]]]:
        """What stood after the question mark, each time."""
        return [query for one, other, query in self.questions if (one, other) == (method, path)]

    async def answer(self, request: http.Request) -> http.Response:
        content = await request.read()
        body = json.loads(content) if content else None
        self.asked.append(
            (request.method, request.path, body, {name.lower(): value for name, value in request.headers.items()})
        )
        self.questions.append((request.method, request.path, list(request.query.items())))
        if (request.method, request.path) in self.held:
            await self.released.wait()
        if request.headers.get("authorization") in self.dead_tokens:
            return http.json_response({"status": 401, "code": "token_expired"}, status=401)
        found = self.answers.get((request.method, request.path))
        if found is None:
            found = Answer(404, {"status": 404, "code": "not_found"})
        if callable(found):
            found = found(body)
        if found.body is None:
            return http.Response(status=found.status, headers=found.headers)
        return http.json_response(found.body, status=found.status, headers=found.headers)


@dataclass
class Page:
    """What came back."""

    status: int
    headers: Any
    text: str

    @property
    def location(self) -> str:
        return str(self.headers["location"])


@dataclass
class Browser:
    """Keeps cookies as a browser does (over TLS), sends what the gateway would add, checks every page it gets."""

    address: str
    client: aiohttp.ClientSession
    cookies: dict[str, str] = field(default_factory=dict)
    tenant: str = ""
    site: str | None = "same-origin"
    strict: bool = True  # the gallery shows one control many times

    async def get(self, path: str, **headers: str) -> Page:
        return await self._send("GET", path, None, headers)

    async def post(self, path: str, **fields: Any) -> Page:
        return await self._send("POST", path, urlencode(fields, doseq=True), {})

    async def follow(self, page: Page) -> Page:
        assert page.status == 303, page.status
        return await self.get(page.location)

    async def _send(self, method: str, path: str, body: str | None, headers: dict[str, str]) -> Page:
        sent = {
            "host": HOST,
            "x-inspraak-key": DEVELOPMENT_KEY,
            "x-inspraak-tenant": self.tenant,
            "x-inspraak-client": "192.0.2.7",
        }
        if self.cookies:
            sent["cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        if body is not None:
            sent["content-type"] = "application/x-www-form-urlencoded"
            if self.site:
                sent["sec-fetch-site"] = self.site
        async with self.client.request(
            method, self.address + path, data=body, headers=sent | headers, allow_redirects=False
        ) as answer:
            page = Page(answer.status, answer.headers, await answer.text())
        for header in page.headers.getall("set-cookie", []):
            self._keep(header)
        if page.headers.get("content-type", "").startswith("text/html") and page.text and self.strict:
            check_markup(page.text)
        return page

    def _keep(self, header: str) -> None:
        pair, *attributes = header.split("; ")
        name, _, value = pair.partition("=")
        assert name.startswith("__Host-")
        assert {"Path=/", "Secure", "HttpOnly", "SameSite=Lax"} <= set(attributes)
        if "Max-Age=0" in attributes:
            self.cookies.pop(name, None)
        else:
            self.cookies[name] = value

    async def sign_in(self, gateway: StandIn, *roles: str, expires_in: int = 900) -> None:
        """Sign in by the pages."""
        gateway.on("POST", "/api/v1/sign-in/codes", 202, {"handle": "h"})
        gateway.on("POST", "/api/v1/sign-in", 200, tokens("first", expires_in, *roles))
        await self.post("/nl/sign-in", email="an@example.org")
        assert (await self.post("/nl/sign-in/code", code="123456")).status == 303
        assert "__Host-session" in self.cookies


def tokens(name: str, expires_in: int = 900, *roles: str) -> dict[str, Any]:
    access = f"access-{name}"
    if roles:  # a token's second part says who it is for
        access += "." + base64.urlsafe_b64encode(json.dumps({"roles": roles}).encode()).decode().rstrip("=") + ".s"
    return {"access_token": access, "expires_in": expires_in, "refresh_token": f"refresh-{name}"}


class _Markup(HTMLParser):
    """Counts what every page must have, and finds tags that are not closed in their order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.labelled: set[str] = set()
        self.controls: list[str] = []
        self.count: dict[str, int] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        facts = dict(attrs)
        self.count[tag] = self.count.get(tag, 0) + 1
        assert "style" not in facts, "the policy forbids inline style"
        assert not any(name.startswith("on") for name in facts), "the policy forbids inline scripts"
        if facts.get("id"):
            self.ids.append(str(facts["id"]))
        if tag == "label":
            self.labelled.add(str(facts["for"]))
        if tag in {"input", "select", "textarea"} and facts.get("type") != "hidden":
            self.controls.append(str(facts["id"]))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag, f"</{tag}> closes something else"


def check_markup(text: str) -> None:
    """One h1, one main, every tag closed, every id once, every control labelled, no script at all."""
    markup = _Markup()
    markup.feed(text.replace("<!doctype html>", ""))
    if "<body" not in text:
        return  # the page for when not even the government is known
    assert not markup.open
    assert markup.count["h1"] == markup.count["main"] == markup.count["title"] == 1
    assert markup.count.get("script", 0) == len(re.findall(MODULE, text)), "no script but modules of our own"
    assert len(markup.ids) == len(set(markup.ids)), "an id is there twice"
    assert set(markup.controls) <= markup.labelled


@asynccontextmanager
async def serving(app: Any) -> AsyncIterator[str]:
    """An ASGI app behind uvicorn on a free port."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, lifespan="on", ws="none"))
    task = asyncio.create_task(server.serve())
    async with asyncio.timeout(20):
        while not server.started:
            if task.done():
                await task
            await asyncio.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        await task


@dataclass
class Running:
    """One web and one server in the gateway's place for all tests; each test has a government of its own."""

    web: str
    gateway: str
    stand_ins: dict[str, StandIn] = field(default_factory=dict)

    async def answer(self, request: http.Request) -> http.Response:
        newest = next(reversed(self.stand_ins.values()), StandIn())
        return await self.stand_ins.get(request.headers.get("x-inspraak-tenant", ""), newest).answer(request)


@pytest.fixture(scope="session")
async def running() -> AsyncIterator[Running]:
    found = Running("", "")
    app = http.Application()
    app.router.add_route("*", "/{path:.*}", found.answer)
    runner = http.AppRunner(app)
    await runner.setup()
    await http.TCPSite(runner, "127.0.0.1", 0).start()
    found.gateway = f"http://127.0.0.1:{runner.addresses[0][1]}"
    settings = Settings(environment="test", gateway_url=AnyHttpUrl(found.gateway), gateway_seconds=1.0)
    async with serving(create_app(settings)) as found.web:
        yield found
    await runner.cleanup()


@pytest.fixture
async def gateway(running: Running) -> AsyncIterator[StandIn]:
    """What answers in the gateway's place for this test's government."""
    stand_in = StandIn(url=running.gateway)
    running.stand_ins[stand_in.tenant] = stand_in
    yield stand_in
    stand_in.release()
    del running.stand_ins[stand_in.tenant]


@pytest.fixture
async def browser(running: Running, gateway: StandIn) -> AsyncIterator[Browser]:
    """A browser at a web that asks the stand-in."""
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as client:
        yield Browser(running.web, client, tenant=gateway.tenant)
