"""A whole platform of its own, a government in it, and a real browser that looks at it as people do."""

import asyncio
import os
import re
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from inspraak_dev.demo.client import Client
from inspraak_dev.demo.main import Demo
from inspraak_dev.stack import lifecycle
from inspraak_dev.stack.stack import Stack
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, async_playwright

from tests.e2e.checks import with_axe
from tests.integration.platform import surroundings

QUIET = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"]
QUIET += ["--disable-background-networking", "--disable-component-update"]
QUIET += ["--font-render-hinting=none", "--disable-lcd-text", "--force-color-profile=srgb"]  # pictures that repeat
SCREENSHOTS = os.environ.get("INSPRAAK_SCREENSHOTS")  # a folder; `make screenshots` sets it
WIDTHS = {360: 740, 1280: 800}
GIVEN = "INSPRAAK_PLATFORM"  # the name of an instance that runs: tried faster while a test is written
OFFICIAL = "official@leuven.localhost"
ANSWERED = re.compile(r"status of (403|404|422)")  # a page that is not there or not for them, a mistake: Chromium tells


@dataclass
class Platform:
    """The running platform, seen from outside."""

    site: str
    mails: str
    client: Client
    official: str

    async def poll(
        self, rule: str = "yes_no", *, options: tuple[str, ...] = (), announced: bool = True, **facts: Any
    ) -> str:
        """An open poll's id, or a draft's."""
        now = datetime.now(UTC)
        body = {
            "titles": {"nl": "Een autovrij dorpsplein?", "fr": "Une place sans voitures ?"},
            "questions": {"nl": "Moet het dorpsplein autovrij worden?", "fr": "La place sans voitures ?"},
            "rule": rule,
            "options": [{"labels": {"nl": label, "fr": label}} for label in options],
            "opens_at": now.isoformat(),
            "closes_at": (now + timedelta(days=3)).isoformat(),
        }
        made = await self.client.ask("POST", "/api/v1/polls", body | facts, token=self.official)
        if announced:
            await self.client.ask("POST", f"/api/v1/polls/{made['poll_id']}/schedule", token=self.official)
        return str(made["poll_id"])

    async def publish(self, poll_id: str) -> None:
        """Close early and publish."""
        reason = {"reason": {"nl": "Iedereen heeft gestemd.", "fr": "Tout le monde a voté."}}
        await self.client.ask("POST", f"/api/v1/polls/{poll_id}/close", reason, token=self.official)
        await self.client.ask("POST", f"/api/v1/polls/{poll_id}/publish", token=self.official)


@pytest.fixture(scope="session")
async def platform() -> AsyncIterator[Platform]:
    """All processes on servers of their own, deleted afterwards whatever happens."""
    if shutil.which("chromium") is None:
        pytest.fail("no Chromium: `make test` installs it")
    given = os.environ.get(GIVEN)
    stack = Stack(given or f"e2e-{os.getpid()}")
    try:
        with surroundings():
            await asyncio.to_thread(lifecycle.up, stack)
            demo = Demo(stack)
            await asyncio.to_thread(demo.register_governments)
        async with Client(demo.gateway, demo.host, mails=demo.mails) as client:
            with surroundings():
                await demo.wait_until_known(client)
            site = f"http://{demo.host}:{demo.gateway.rpartition(':')[2]}"
            yield Platform(site, demo.mails, client, await client.sign_in(OFFICIAL))
    finally:
        with surroundings():
            if not given:
                await asyncio.to_thread(lifecycle.reset, Stack(stack.place.instance))


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    """Debian's Chromium."""
    async with async_playwright() as playwright:
        launched = await playwright.chromium.launch(executable_path=shutil.which("chromium"), args=QUIET)
        yield launched
        await launched.close()


@dataclass
class Person:
    """Somebody at a screen. `trouble` is what a page did that no page may do."""

    page: Page
    platform: Platform
    width: int
    trouble: list[str]
    scripts: bool
    checker: BrowserContext | None
    email: str

    async def go(self, path: str) -> None:
        """Open a page of the government's site."""
        answer = await self.page.goto(self.platform.site + path)
        assert answer is not None

    async def code_from_the_mail_page(self) -> str:
        """The newest sign-in code, read on the page of the mail catcher as a person reads a mail."""
        reader = await self.page.context.new_page()
        deadline = asyncio.get_running_loop().time() + 30
        while True:
            await reader.goto(f"{self.platform.mails}/?to={self.email}")
            found = re.search(r"\b(\d{6})\b", await reader.locator("main").inner_text())
            if found:
                await reader.close()
                return found[1]
            assert asyncio.get_running_loop().time() < deadline, "no mail with a code came"
            await asyncio.sleep(0.2)  # a person reloads the page of their mails

    async def look(self, name: str) -> None:
        """Keep a picture where pictures are asked for."""
        if SCREENSHOTS:
            await self.page.screenshot(path=f"{SCREENSHOTS}/{name}-{self.width}.png", full_page=True)


def is_trouble(message: ConsoleMessage) -> bool:
    """Whether a line in the browser's console is about something that no page may do."""
    of_a_page = "/static/" not in message.location["url"]
    return message.type == "error" and not (of_a_page and ANSWERED.search(message.text))


@pytest.fixture
async def at_a_screen(platform: Platform, browser: Browser) -> AsyncIterator[Any]:
    """Sits somebody down: `await at_a_screen(width=360, scripts=False)`."""
    contexts: list[BrowserContext] = []
    people: list[Person] = []

    async def context_of(width: int, *, scripts: bool) -> BrowserContext:
        made = await browser.new_context(
            viewport={"width": width, "height": WIDTHS.get(width, 800)}, java_script_enabled=scripts, locale="nl-BE"
        )
        contexts.append(made)
        return await with_axe(made)

    async def sit(*, width: int = 1280, scripts: bool = True) -> Person:
        context = await context_of(width, scripts=scripts)
        checker = None if scripts else await context_of(width, scripts=True)
        page = await context.new_page()
        trouble: list[str] = []
        page.on("console", lambda message: trouble.append(message.text) if is_trouble(message) else None)
        page.on("pageerror", lambda error: trouble.append(str(error)))
        here = platform.site.split("//")[1]
        page.on("request", lambda sent: None if here in sent.url else trouble.append(f"asked {sent.url}"))
        email = f"voter-{os.urandom(4).hex()}@example.org"
        people.append(Person(page, platform, width, trouble, scripts, checker, email))
        return people[-1]

    yield sit
    for context in contexts:
        await context.close()
    for person in people:
        assert person.trouble == []
