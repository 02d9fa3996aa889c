"""What must hold for a page after every step: axe finds nothing, and what axe does not look for."""

from pathlib import Path
from typing import Any

from playwright.async_api import Page

AXE = next((Path(__file__).parent / "vendor" / "axe-core").glob("axe*.js")).read_text("utf-8")
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
RUN = "(rules) => axe.run(document, {runOnly: {type: 'tag', values: rules}})"


async def check(person: Any) -> None:
    """Axe, one main heading, no sideways scroll, on the page that the person sees.

    Axe is a script. Where scripts are off the same page is opened in a second window with scripts on and the same
    cookies.
    """
    page = person.page
    if not person.scripts:
        page = await second_window(person)
    await check_page(page)
    if page is not person.page:
        await page.close()


async def second_window(person: Any) -> Page:
    """The person's page once more, with scripts on."""
    cookies = [cookie for cookie in await person.page.context.cookies() if cookie["name"]]
    await person.checker.clear_cookies()
    await person.checker.add_cookies(cookies)
    page = await person.checker.new_page()
    await page.goto(person.page.url)
    return page


async def check_page(page: Page) -> None:
    """The checks on one page with scripts on."""
    await page.evaluate(AXE)
    found = await page.evaluate(RUN, RULES)
    broken = [
        f"{violation['id']}: {violation['help']}: {[node['html'][:120] for node in violation['nodes']]}"
        for violation in found["violations"]
    ]
    assert broken == [], f"{page.url}\n" + "\n".join(broken)
    assert await page.locator("h1").count() == 1, page.url
    overflow = await page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    assert overflow <= 0, f"{page.url} is {overflow} px too wide"
    assert await page.title(), page.url
