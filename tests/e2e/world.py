"""What the table of pages needs: polls in every state, and people who have come to where each page is shown."""

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
from playwright.async_api import Browser

from tests.e2e.table import Line

STOP = re.compile(r"/unsubscribe\?token=([\w.~%-]+)")
OFFICIAL = "official@leuven.localhost"
CODE = re.compile(r"\b\d{6}\b")
REASON = {"reason": {"nl": "Het plein wordt later heraangelegd.", "fr": "La place sera refaite plus tard."}}
TREES = ("Linden langs de hele Bondgenotenlaan", "Eiken", "Berken")


@dataclass
class World:
    """Names of polls and links, and the cookies of who looks at the pages."""

    site: str
    names: dict[str, str] = field(default_factory=dict)
    people: dict[str, Any] = field(default_factory=lambda: {"visitor": None})

    def url(self, line: Line, language: str = "nl") -> str:
        """Where a line's page is."""
        return f"{self.site}/{language}{line.path.format(**self.names)}"


async def make(platform: Any, browser: Browser, email: str) -> World:
    """The world, as people and officials make it."""
    world = World(platform.site)
    platform.official = await platform.client.sign_in(OFFICIAL)  # a token of its own: they end after 15 minutes
    later = datetime.now(UTC) + timedelta(days=3)
    times = {"opens_at": later.isoformat(), "closes_at": (later + timedelta(days=9)).isoformat()}
    compared = ["schulze", "single"]
    world.names = {
        "open": await platform.poll(descriptions={"nl": "Het plein wordt heraangelegd.\n\nLees eerst het plan."}),
        "ranked": await platform.poll("irv", options=TREES, compared_with=compared),
        "several": await platform.poll("approval", options=TREES, max_choices=2),
        "graded": await platform.poll("majority_judgment", options=TREES),
        "draft": await platform.poll("single", options=TREES, announced=False),
        "scheduled": await platform.poll("single", options=TREES, **times),
        "closed": await platform.poll("single", options=TREES),
        "cancelled": await platform.poll("single", options=TREES),
        "published": await platform.poll("irv", options=TREES, compared_with=compared),
    }
    world.people["official"] = await _official(world, platform, browser)
    person = {"email": email.replace("table", "moderator"), "roles": ["moderator"], "language": "nl"}
    made = await platform.client.ask("POST", "/api/v1/people", person, token=platform.official)
    world.names["person"] = made["person_id"]
    code = await _people(world, platform, browser, email)
    for name, act in (("closed", "close"), ("cancelled", "cancel")):
        path = f"/api/v1/polls/{world.names[name]}/{act}"
        await platform.client.ask("POST", path, REASON, token=platform.official)
    await platform.publish(world.names["published"])
    world.names["stop"] = await _stop_link(platform, email, code)
    return world


async def _people(world: World, platform: Any, browser: Browser, email: str) -> int:
    """One person on their way: has chosen, waits for a code, has voted. Gives their mail's number."""
    context = await browser.new_context(locale="nl-BE")
    page = await context.new_page()
    await page.goto(f"{world.site}/nl/polls/{world.names['open']}")
    await page.get_by_label("Ja", exact=True).check()
    await page.locator("main form button").first.click()
    await page.wait_for_url("**/review")
    world.people["chooser"] = await context.storage_state()
    await page.locator("main form button").click()
    await page.get_by_label("E-mailadres").fill(email)
    await page.locator("main form button").click()
    await page.wait_for_url("**/sign-in/code")
    world.people["waiting"] = await context.storage_state()
    mail = (await _mails(platform, email))[0]
    await page.locator("#code").fill(CODE.findall(mail["subject"])[0])
    await page.locator("main form button").first.click()
    await page.wait_for_url("**/review")
    await page.locator("main form button").click()
    await page.wait_for_url("**/vote")
    await page.goto(f"{world.site}/nl/polls/{world.names['ranked']}")
    await page.get_by_label("Eiken").select_option("1")
    await page.locator("main form button").first.click()
    await page.locator("main form button").click()
    await page.wait_for_url("**/vote")
    for name in ("scheduled", "published"):
        await page.goto(f"{world.site}/nl/polls/{world.names[name]}")
        await page.locator("button[name=follow]").click()
        await page.wait_for_url("**/polls/*")
    world.people["voter"] = await context.storage_state()
    await context.close()
    return int(mail["id"])


async def _official(world: World, platform: Any, browser: Browser) -> Any:
    """Somebody of the government who has signed in."""
    newest = (await _mails(platform, OFFICIAL))[0]["id"]
    context = await browser.new_context(locale="nl-BE")
    page = await context.new_page()
    await page.goto(f"{world.site}/nl/sign-in")
    await page.get_by_label("E-mailadres").fill(OFFICIAL)
    await page.locator("main form button").click()
    await page.wait_for_url("**/sign-in/code")
    mail = (await _mails(platform, OFFICIAL, after=newest))[0]
    await page.locator("#code").fill(CODE.findall(mail["subject"])[0])
    await page.locator("main form button").first.click()
    await page.wait_for_url(lambda url: "sign-in" not in url)
    state = await context.storage_state()
    await context.close()
    return state


async def _stop_link(platform: Any, email: str, after: int) -> str:
    """What the last link of a mail about a poll carries."""
    mail = (await _mails(platform, email, after=after))[-1]
    found = STOP.search(mail["text"])
    assert found, "a mail without a link to stop came"
    return found[1]


async def _mails(platform: Any, email: str, after: int = 0) -> list[dict[str, Any]]:
    query = {"to": email, "after": str(after), "wait": "30"}
    async with aiohttp.ClientSession() as http, http.get(f"{platform.mails}/api/mails", params=query) as answer:
        mails: list[dict[str, Any]] = (await answer.json())["mails"]
    assert mails, f"no mail came for {email}"
    return mails
