"""Every public page in every language: accessible, no wider than the screen, no request to anywhere else."""

import pytest

from tests.e2e.checks import check, check_page

pytestmark = pytest.mark.e2e
PAGES = ("/", "/polls", "/sign-in", "/accessibility", "/privacy", "/contact", "/no-such-page")


@pytest.mark.parametrize("language", ["nl", "fr", "en"])
@pytest.mark.parametrize("size", [320, 360, 1280])
async def test_public_pages_are_accessible_and_fit(size, language, at_a_screen):
    person = await at_a_screen(width=size)
    for path in PAGES:
        await person.go(f"/{language}{path}")
        await check(person)
        assert await person.page.locator("html").get_attribute("lang") == language
        if size in (360, 1280) and language == "nl":
            await person.look(f"page{path.replace('/', '-')}")


async def test_dark_colours_and_forced_colours_stay_readable(platform, browser):
    poll = await platform.poll()
    for settings in ({"color_scheme": "dark"}, {"forced_colors": "active"}, {"reduced_motion": "reduce"}):
        context = await browser.new_context(viewport={"width": 360, "height": 740}, **settings)
        page = await context.new_page()
        for path in ("/nl/", f"/nl/polls/{poll}"):
            await page.goto(platform.site + path)
            await check_page(page)
        await context.close()


async def test_the_language_switch_keeps_the_page(platform, at_a_screen):
    poll = await platform.poll()
    person = await at_a_screen()
    await person.go(f"/nl/polls/{poll}")
    await person.page.get_by_role("link", name="Français").click()
    await person.page.wait_for_url(f"**/fr/polls/{poll}")
    assert "Une place sans voitures" in await person.page.get_by_role("heading", level=1).inner_text()


async def test_a_page_without_its_language_says_so_for_screen_readers(platform, at_a_screen):
    poll = await platform.poll()
    person = await at_a_screen()
    await person.go(f"/en/polls/{poll}")
    assert await person.page.locator("h1[lang=nl], h1 [lang=nl]").count() == 1
