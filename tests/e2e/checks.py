"""What must hold for a page after every step: axe finds nothing, and what axe does not look for."""

from pathlib import Path
from typing import Any

from playwright.async_api import BrowserContext, Page

AXE = next((Path(__file__).parent / "vendor" / "axe-core").glob("axe*.js")).read_text("utf-8")
TAGS = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")
# Only what is wrong comes back: all that is right is hundreds of kilobytes of each page.
RUN = """(only) => axe.run(document, {runOnly: only, resultTypes: ['violations']}).then((found) =>
  found.violations.flatMap((one) => one.nodes.map((node) => `${one.id}: ${one.help}: ${node.html.slice(0, 120)}`)))"""


async def with_axe(context: BrowserContext) -> BrowserContext:
    """Lets all pages of a window begin with axe, which is quicker than to bring it to each when it is needed."""
    await context.add_init_script(AXE)
    return context


async def violations(page: Page, *only: str) -> list[str]:
    """What axe finds on a page with scripts on; by all rules, or by `only` these."""
    if not await page.evaluate("'axe' in window"):
        await page.evaluate(AXE)
    found: list[str] = await page.evaluate(RUN, list(only) or {"type": "tag", "values": TAGS})
    return found


async def check(person: Any) -> None:
    """Axe, one main heading, no sideways scroll, on the page that the person sees.

    Axe is a script. Where scripts are off the same page is opened in a second window with scripts on and the same
    cookies.
    """
    page = person.page
    if not person.scripts:
        page = await second_window(person)
    await check_page(page)


async def second_window(person: Any) -> Page:
    """The person's page once more, with scripts on."""
    cookies = [cookie for cookie in await person.page.context.cookies() if cookie["name"]]
    await person.checker.clear_cookies()
    await person.checker.add_cookies(cookies)
    page: Page = next(iter(person.checker.pages), None) or await person.checker.new_page()
    await page.goto(person.page.url)
    return page


async def check_page(page: Page) -> None:
    """The checks on one page with scripts on."""
    assert await violations(page) == [], page.url
    assert await page.locator("h1").count() == 1, page.url
    overflow = await page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    assert overflow <= 0, f"{page.url} is {overflow} px too wide"
    assert await page.title(), page.url
