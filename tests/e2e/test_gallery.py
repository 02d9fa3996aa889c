"""Every macro in every state as it was: pictures of the gallery in four colours, light, dark and forced colours.

`make screenshots` takes the pictures anew; they are looked at before they are committed. The letters are DejaVu Sans
on every machine, and the browser paints without a graphics card: pictures of one Chromium are equal to the bit.
"""

from pathlib import Path

import pytest

from tests.e2e.checks import violations
from tests.e2e.conftest import SCREENSHOTS
from tests.e2e.pictures import differences, keep, kept, reduced

pytestmark = pytest.mark.e2e
PICTURES = Path(__file__).parent / "gallery"
REJECTED = Path(__file__).parent / "screenshots" / "rejected"
COLOURS = {"7a1f3d": "red", "ffd400": "yellow", "f4f1ea": "white", "111111": "black"}
EVERYTHING = "7a1f3d"  # in this colour every specimen is shown
LOOKS = {
    "light": {"color_scheme": "light"},
    "dark": {"color_scheme": "dark"},
    "forced": {"forced_colors": "active"},
}
SAME_LETTERS = ":root,[data-size]{--ds-font-family:'DejaVu Sans'!important}*{caret-color:transparent!important}"
# Other colours are other numbers of one palette, so of them what has a colour of its own is enough; forced colours are
# nobody's colours.
WITH_COLOUR = ["ui.button", "ui.link", "ui.tag", "ui.alert", "ui.tick", "ui.text_field", "polls.card", "ballot.ballot"]
WITH_COLOUR += ["results.bars", "results.stacks", "results.table"]
ONLY_THOSE = """names => { for (const one of document.querySelectorAll('.specimen'))
  if (!names.includes(one.dataset.macro)) one.remove(); }"""
SHOWN = [(colour, look) for colour in COLOURS for look in LOOKS if look != "forced" or colour == EVERYTHING]


@pytest.fixture
async def gallery(platform, browser):
    """Opens the gallery in a colour and a look."""
    contexts = []

    async def show(colour, look, seed=""):
        context = await browser.new_context(
            viewport={"width": 1280, "height": 900}, device_scale_factor=0.5, bypass_csp=True, locale="nl-BE",
            reduced_motion="reduce", **LOOKS[look]
        )  # fmt: skip
        contexts.append(context)
        page = await context.new_page()
        await page.goto(f"{platform.site}/_gallery?colour={colour}")
        await page.add_style_tag(content=SAME_LETTERS + seed)
        if colour != EVERYTHING:
            await page.evaluate(ONLY_THOSE, WITH_COLOUR)
        return page

    yield show
    for context in contexts:
        await context.close()


async def taken(page):
    return await reduced(page, await page.screenshot(full_page=True, animations="disabled"))


@pytest.mark.parametrize(("colour", "look"), SHOWN, ids=lambda part: COLOURS.get(part, part))
async def test_the_gallery_looks_as_it_did(colour, look, gallery):
    page = await gallery(colour, look)
    picture = await taken(page)
    file = PICTURES / f"{COLOURS[colour]}-{look}.png"
    if SCREENSHOTS:
        keep(file, picture)
        return
    found = await differences(page, kept(file), picture)
    if found:
        keep(REJECTED / file.name, picture)
    assert found == [], f"{file.name} is not what it was in {len(found)} blocks; see {REJECTED}"


@pytest.mark.parametrize("colour", COLOURS, ids=COLOURS.get)
async def test_every_macro_has_its_contrast_in_every_colour(colour, gallery):
    for look in ("light", "dark"):
        page = await gallery(colour, look)
        assert await violations(page, "color-contrast", "target-size", "link-in-text-block") == [], look


@pytest.mark.parametrize(
    "seed",
    [
        ".ds-tag{border-radius:0!important;background:#e9e9e9!important}",
        ".tick{padding-inline-start:1.5rem!important}",
        ".ds-button[data-variant=primary]{filter:hue-rotate(90deg)}",
    ],
    ids=["colour", "space", "one kind of button"],
)
async def test_a_change_of_one_rule_of_the_stylesheet_is_seen(seed, gallery):
    before = await taken(await gallery(EVERYTHING, "light"))
    page = await gallery(EVERYTHING, "light", seed)
    assert await differences(page, before, await taken(page))


async def test_two_pictures_of_the_same_page_are_equal(gallery):
    before = await taken(await gallery(EVERYTHING, "light"))
    page = await gallery(EVERYTHING, "light")
    assert await differences(page, before, await taken(page)) == []
