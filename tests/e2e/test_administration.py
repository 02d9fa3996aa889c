"""An administrator's journey, three times: with a mouse, by keyboard alone, with scripts off; axe after every step."""

import os

import pytest

from tests.e2e.checks import check
from tests.e2e.conftest import OFFICIAL
from tests.e2e.hands import hands_of
from tests.e2e.test_journeys import sign_in

pytestmark = pytest.mark.e2e
ROUNDS = [("mouse", 1280), ("keyboard", 360), ("no_scripts", 360)]  # the gates look at each page in both sizes
PLATFORMS_COLOUR, ANOTHER = "#7a1f3d", "#004b87"


async def colour_of(page):
    return await page.locator('meta[name="theme-color"]').first.get_attribute("content")


async def invite(person, hands):
    """Somebody new, who gets one role and then another, and is relieved of the first."""
    page, email = person.page, f"collega-{os.urandom(4).hex()}@example.org"
    await person.go("/nl/manage/people")
    await check(person)
    await person.look("people")
    await hands.press(page.get_by_role("link", name="Een medewerker uitnodigen"))
    await page.wait_for_url("**/invite")
    await check(person)
    await hands.press(page.get_by_role("button", name="Uitnodiging versturen"))
    await page.get_by_role("alert").wait_for()
    if person.scripts:  # the answer to a POST cannot be opened in a second window
        await check(person)
    await person.look("invite-mistakes")
    await hands.write(page.get_by_label("E-mailadres"), email)
    await hands.tick(page.get_by_label("Moderator", exact=True))
    await hands.press(page.get_by_role("button", name="Uitnodiging versturen"))
    await page.wait_for_url("**saved=invited")
    await check(person)
    await hands.tick(page.get_by_label("Projectverantwoordelijke", exact=True))
    await hands.press(page.get_by_role("button", name="Deze rol geven"))
    await page.wait_for_url("**saved=given")
    await check(person)
    await person.look("person")
    await hands.press(page.get_by_role("link", name="Wegnemen Moderator"))
    await page.wait_for_url("**/take/moderator")
    await check(person)
    await person.look("take-role")
    await hands.press(page.get_by_role("button", name="Ja, neem de rol weg"))
    await page.wait_for_url("**saved=taken")
    return email


async def change_colour(person, hands):
    """Looked at first, then kept; the next page has it."""
    page = person.page
    await person.go("/nl/manage/branding")
    await check(person)
    colour = ANOTHER if await colour_of(page) == PLATFORMS_COLOUR else PLATFORMS_COLOUR
    await hands.write(page.get_by_label("Kleur", exact=True), colour)
    await hands.press(page.get_by_role("button", name="Deze kleur tonen"))
    await page.wait_for_url("**colour=**")
    await check(person)
    await person.look("branding")
    assert await colour_of(page) != colour
    await hands.press(page.get_by_role("button", name="Deze kleur houden"))
    await page.wait_for_url("**saved=1")
    await check(person)
    assert await colour_of(page) == colour


@pytest.mark.parametrize(("way", "size"), ROUNDS)
async def test_an_administrator_invites_gives_roles_changes_the_colour_and_finds_it_in_the_log(way, size, at_a_screen):
    person = await at_a_screen(width=size, scripts=way != "no_scripts")
    page, hands = person.page, hands_of(person, way)
    person.email = OFFICIAL
    await person.go("/nl/sign-in?next=/nl/manage")
    await sign_in(person, hands)
    await page.wait_for_url("**/nl/manage")

    email = await invite(person, hands)
    await change_colour(person, hands)

    await person.go("/nl/manage/settings")
    await check(person)
    await person.look("settings")
    await hands.press(page.get_by_role("button", name="Opslaan"))
    await page.wait_for_url("**saved=1")
    await check(person)

    await person.go("/nl/manage/audit")
    await check(person)
    await person.look("audit")
    log = await page.locator("main table").inner_text()
    assert "Instellingen gewijzigd: kleur" in log
    assert f"{email} de rol “moderator” gegeven" in log
    await hands.pick(page.get_by_label("Wat", exact=True), "Aan- en afmelden")
    await hands.press(page.get_by_role("button", name="Tonen"))
    await page.wait_for_url("**kind=sign-ins**")
    await check(person)
    assert "Aangemeld" in await page.locator("main table").inner_text()
