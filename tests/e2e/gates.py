"""The gates: what must hold for every page. Each gate opens a page in its own way and names the faults that it finds.

What a test of the page's own cannot forget: a gate looks at every line of `table.py`.
"""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from playwright.async_api import BrowserContext, CDPSession, ConsoleMessage, Page, Request, Response

from tests.e2e.checks import violations
from tests.e2e.focus import focus_both_ways, focus_forward
from tests.e2e.table import Line

Look = Callable[[Page, Line], Awaitable[list[str]]]
TITLE = re.compile(r"\S.* – Leuven")
REDIRECTED = 303
EXPECTED = re.compile(r"status of (403|404|422)")  # Chromium reports a page that is not there, or not for them
SPACING = (
    "*{line-height:1.5!important;letter-spacing:.12em!important;word-spacing:.16em!important}"
    "p{margin-block-end:2em!important}"
)
OVERFLOW = "document.documentElement.scrollWidth - window.innerWidth"
# A sheet that the page's policy says nothing about, since no markup brings it.
ADOPT = """(css) => { const sheet = new CSSStyleSheet(); sheet.replaceSync(css);
  document.adoptedStyleSheets = [sheet]; }"""
# Boxes of text that is cut off or runs out of its box; what is only for screen readers is cut off on purpose.
CUT = """() => [...document.querySelectorAll('body *')].filter((one) => {
  const style = getComputedStyle(one), text = [...one.childNodes].some((node) => node.nodeType === 3 &&
    node.data.trim());
  if (!text || style.display === 'inline' || !one.checkVisibility() || one.matches(
    'select, option, .ds-sr-only *, .ds-sr-only, .ds-skip-link, svg *, .scroll *')) return false;
  return one.scrollWidth > one.clientWidth + 1 ||
    (style.overflowY !== 'visible' && one.scrollHeight > one.clientHeight + 1);
}).map((one) => `${one.tagName.toLowerCase()}.${one.className}: ${one.textContent.trim().slice(0, 40)}`)"""
MOVING = """() => [...document.querySelectorAll('*')].filter((one) =>
  ['transitionDuration', 'animationDuration'].some((what) => getComputedStyle(one)[what].split(',').some(
    (time) => parseFloat(time) > 0.01)))
  .map((one) => `${one.tagName.toLowerCase()}.${one.className} moves`)"""
INLINE = """() => [...document.querySelectorAll('[style], style, script:not([src])')]
  .map((one) => `inline: ${one.outerHTML.slice(0, 80)}`)"""
DARK_GROUND = """() => { const colour = getComputedStyle(document.body).backgroundColor;
  const [r, g, b] = colour.match(/[\\d.]+/g).map(Number); return (r + g + b) / 3; }"""


async def accessible(page: Page, _: Line) -> list[str]:
    """Axe finds nothing."""
    return await violations(page)


async def named(page: Page, _: Line) -> list[str]:
    """A title that ends with whose page it is, one main heading, the page's language."""
    faults = []
    if not TITLE.fullmatch(await page.title()):
        faults.append(f"title: {await page.title()!r}")
    headings = [one.strip() for one in await page.locator("h1").all_inner_texts()]
    if len(headings) != 1 or not headings[0]:
        faults.append(f"h1: {headings}")
    if await page.locator("html").get_attribute("lang") != urlsplit(page.url).path.split("/")[1]:
        faults.append(f"lang: {await page.locator('html').get_attribute('lang')}")
    return faults


async def fits(page: Page, _: Line) -> list[str]:
    """No sideways scroll."""
    wide = await page.evaluate(OVERFLOW)
    return [f"{wide} px too wide for {await page.evaluate('innerWidth')}"] if wide > 0 else []


async def spaced(page: Page, line: Line) -> list[str]:
    """Text may be set wider (WCAG 2.2, 1.4.12) and nothing is cut off."""
    await page.evaluate(ADOPT, SPACING)
    faults = [f"cut off: {one}" for one in await page.evaluate(CUT)] + await fits(page, line)
    await page.evaluate("document.adoptedStyleSheets = []")
    return faults


async def still(page: Page, _: Line) -> list[str]:
    """Nothing moves for those who asked for that."""
    found: list[str] = await page.evaluate(MOVING)
    return found


async def dark(page: Page, _: Line) -> list[str]:
    """A dark page where dark is asked for, with its contrasts."""
    bright = await page.evaluate(DARK_GROUND)
    bright_faults = [f"the ground is bright: {bright:.0f}"] if bright > 64 else []
    return bright_faults + await violations(page, "color-contrast")


async def without_inline(page: Page, _: Line) -> list[str]:
    """No inline style or script."""
    found: list[str] = await page.evaluate(INLINE)
    return found


@dataclass
class Traffic:
    """What a page asked for and what the browser complained of."""

    site: str
    trouble: list[str] = field(default_factory=list)
    sizes: dict[str, int] = field(default_factory=lambda: {"html": 0, "css": 0, "js": 0, "requests": 0, "all": 0})

    def listen(self, page: Page) -> None:
        """From now on."""
        page.on("console", self._said)
        page.on("pageerror", lambda error: self.trouble.append(str(error)))
        page.on("request", self._asked)
        page.on("response", self._answered)

    def _said(self, message: ConsoleMessage) -> None:
        of_the_page = "/static/" not in message.location["url"]
        if message.type in {"error", "warning"} and not (of_the_page and EXPECTED.search(message.text)):
            self.trouble.append(message.text)

    def _asked(self, sent: Request) -> None:
        if not sent.url.startswith((self.site, "data:")):
            self.trouble.append(f"asked another origin: {sent.url}")

    def _answered(self, answer: Response) -> None:
        policy = answer.headers.get("content-security-policy", "")
        if answer.request.resource_type != "document" or answer.status == REDIRECTED:
            return
        if "default-src 'none'" not in policy or "unsafe" in policy:
            self.trouble.append(f"content-security-policy: {policy!r}")

    async def weigh(self, context: BrowserContext, page: Page) -> CDPSession:
        """Count bytes as they come over the wire, headers included (CDP, Network domain), until that is disabled."""
        kinds: dict[str, str] = {}
        session = await context.new_cdp_session(page)
        await session.send("Network.enable")
        await session.send("Network.setCacheDisabled", {"cacheDisabled": True})
        session.on("Network.responseReceived", lambda told: kinds.update({told["requestId"]: told["type"]}))
        session.on("Network.loadingFinished", lambda told: self._weighed(kinds, told))
        return session

    def _weighed(self, kinds: dict[str, str], told: dict[str, Any]) -> None:
        kind = {"Document": "html", "Stylesheet": "css", "Script": "js"}.get(kinds.get(told["requestId"], ""))
        self.sizes["requests"] += 1
        self.sizes["all"] += int(told["encodedDataLength"])
        if kind:
            self.sizes[kind] += int(told["encodedDataLength"])

    def over(self, budget: dict[str, int]) -> list[str]:
        """What weighs more than it may; KB are 1024 bytes."""
        used = {kind: size if kind == "requests" else size / 1024 for kind, size in self.sizes.items()}
        if not used["html"] or not used["css"]:
            return ["nothing was weighed"]
        return [f"{kind}: {used[kind]:.1f} of {most}" for kind, most in budget.items() if used[kind] > most]


@dataclass(frozen=True)
class Gate:
    """How a page is looked at, and what is looked for."""

    looks: tuple[Look, ...]
    width: int = 360
    height: int = 740
    media: dict[str, Any] = field(default_factory=dict)

    async def faults(self, page: Page, line: Line) -> list[str]:
        """What is wrong with a page that is open: from its beginning, without a new request."""
        await page.set_viewport_size({"width": self.width, "height": self.height})
        await page.emulate_media(**(PLAIN | self.media))
        await page.evaluate(
            "() => { document.activeElement?.blur(); scrollTo(0, 0); getSelection().removeAllRanges(); }"
        )
        return [fault for look in self.looks for fault in await look(page, line)]


PLAIN = {"color_scheme": "light", "forced_colors": "none", "reduced_motion": "no-preference"}
GATES = {
    "phone": Gate((accessible, named, fits, without_inline)),
    "screen": Gate((accessible, fits), 1280, 800),
    "reflow": Gate((fits,), 320, 256),
    "spacing": Gate((spaced,)),
    "dark": Gate((dark,), 1280, 800, {"color_scheme": "dark"}),
    "forced colours": Gate((focus_forward, fits), 1280, 400, {"forced_colors": "active"}),
    "reduced motion": Gate((still,), 1280, 800, {"reduced_motion": "reduce"}),
    "focus over a keyboard": Gate((focus_both_ways,), 360, 500),
}
