"""The citizen's journey, three times: with a mouse, by keyboard alone, with scripts off; axe after every step."""

import pytest

from tests.e2e.checks import check
from tests.e2e.hands import hands_of

pytestmark = pytest.mark.e2e
WAYS = ("mouse", "keyboard", "no_scripts")
SIZES = (360, 1280)


async def sign_in(person, hands):
    page = person.page
    await page.wait_for_url("**/sign-in**")
    await check(person)
    await hands.write(page.get_by_label("E-mailadres"), person.email)
    await person.look("sign-in")
    await hands.press(page.get_by_role("button", name="Stuur mij een code"))
    await page.wait_for_url("**/sign-in/code")
    await check(person)
    await person.look("sign-in-code")
    await hands.write(page.get_by_label("Code", exact=True), await person.code_from_the_mail_page())
    await hands.press(page.get_by_role("button", name="Aanmelden", exact=True))


async def heading(person):
    return await person.page.get_by_role("heading", level=1).inner_text()


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("way", WAYS)
async def test_a_citizen_chooses_signs_in_votes_changes_and_sees_the_result(way, size, platform, at_a_screen):
    poll = await platform.poll()
    person = await at_a_screen(width=size, scripts=way != "no_scripts")
    page, hands = person.page, hands_of(person, way)

    await person.go("/nl/")
    await check(person)
    await person.look("home")
    await person.go(f"/nl/polls/{poll}")
    await check(person)
    await hands.press(page.get_by_role("button", name="Ga verder naar controle"))
    await page.wait_for_url("**/choice")
    if person.scripts:  # the answer to a POST cannot be opened in a second window
        await check(person)
    await person.look("choice-missing")
    assert "Er is een probleem" in await page.locator("main").inner_text()

    await hands.tick(page.get_by_label("Ja", exact=True))
    await person.look("poll")
    await hands.press(page.get_by_role("button", name="Ga verder naar controle"))
    await page.wait_for_url("**/review")
    await check(person)
    await person.look("review")
    await hands.press(page.get_by_role("button", name="Meld u aan en ga verder"))
    await sign_in(person, hands)

    await page.wait_for_url("**/review")
    await check(person)
    await hands.press(page.get_by_role("button", name="Breng uw stem uit"))
    await page.wait_for_url("**/vote")
    await check(person)
    await person.look("voted")
    assert await heading(person) == "U hebt gestemd"

    await hands.press(page.get_by_role("link", name="Wijzig uw stem"))
    await page.wait_for_url("**change=1**")
    await check(person)
    await hands.tick(page.get_by_label("Nee", exact=True))
    await hands.press(page.get_by_role("button", name="Ga verder naar controle"))
    await page.wait_for_url("**/review")
    await check(person)
    await hands.press(page.get_by_role("button", name="Breng uw stem uit"))
    await page.wait_for_url("**/vote")
    assert "Nee" in await page.locator("main").inner_text()

    await person.go("/nl/account")
    await check(person)
    await person.look("account")
    await platform.publish(poll)
    await person.go(f"/nl/polls/{poll}/result")
    await check(person)
    await person.look("result")
    assert "Nee" in await page.get_by_role("row", name="1").first.inner_text()


@pytest.mark.parametrize("way", WAYS)
async def test_a_ranking_is_cast_and_its_rounds_are_shown(way, platform, at_a_screen):
    poll = await platform.poll("irv", options=("Linden", "Eiken", "Berken"), compared_with=["schulze", "single"])
    person = await at_a_screen(width=360, scripts=way != "no_scripts")
    page, hands = person.page, hands_of(person, way)
    await person.go(f"/nl/polls/{poll}")
    await check(person)
    await hands.pick(page.get_by_label("Eiken"), "1")
    await hands.pick(page.get_by_label("Berken"), "2")
    await person.look("ranking")
    await hands.press(page.get_by_role("button", name="Ga verder naar controle"))
    await page.wait_for_url("**/review")
    await hands.press(page.get_by_role("button", name="Meld u aan en ga verder"))
    await sign_in(person, hands)
    await page.wait_for_url("**/review")
    await check(person)
    await hands.press(page.get_by_role("button", name="Breng uw stem uit"))
    await page.wait_for_url("**/vote")
    await platform.publish(poll)
    await person.go(f"/nl/polls/{poll}/result")
    await check(person)
    await person.look("result-ranking")
    assert "Eiken" in await page.locator("main").inner_text()


async def cast(person, hands):
    """From a ballot that is filled in to a vote, by signing in."""
    page = person.page
    await hands.press(page.get_by_role("button", name="Ga verder naar controle"))
    await page.wait_for_url("**/review")
    await check(person)
    await person.look("review-grades")
    await hands.press(page.get_by_role("button", name="Meld u aan en ga verder"))
    await sign_in(person, hands)
    await page.wait_for_url("**/review")
    await hands.press(page.get_by_role("button", name="Breng uw stem uit"))
    await page.wait_for_url("**/vote")


def graded(page, answer, grade):
    return page.get_by_role("group", name=answer, exact=True).get_by_label(grade)


@pytest.mark.parametrize(("way", "size"), [("mouse", 1280), ("keyboard", 1280), ("no_scripts", 360)])
async def test_answers_are_judged_in_words_and_the_middle_grade_wins(way, size, platform, at_a_screen):
    trees = ("Linden", "Eiken", "Berken")
    poll = await platform.poll("majority_judgment", options=trees, compared_with=["score"])
    person = await at_a_screen(width=size, scripts=way != "no_scripts")
    page, hands = person.page, hands_of(person, way)
    await person.go(f"/nl/polls/{poll}")
    await check(person)
    for answer, grade in (("Eiken", "Uitstekend"), ("Linden", "Aanvaardbaar")):
        await hands.tick(graded(page, answer, grade))
    await person.look("judgment")
    await cast(person, hands)
    await check(person)
    await person.look("voted-judgment")
    text = await page.locator("main").inner_text()
    assert "Uitstekend" in text
    assert "Te verwerpen (niet ingevuld)" in text
    await platform.publish(poll)
    await person.go(f"/nl/polls/{poll}/result")
    await check(person)
    await person.look("result-judgment")
    assert "Eiken wint met als middelste oordeel “Uitstekend”" in await page.locator("main").inner_text()


@pytest.mark.parametrize("size", [320, 1280])
async def test_answers_get_points_and_the_most_points_win(size, platform, at_a_screen):
    poll = await platform.poll("score", options=("Linden", "Eiken", "Berken"))
    person = await at_a_screen(width=size)
    page, hands = person.page, hands_of(person, "mouse")
    await person.go(f"/nl/polls/{poll}")
    await check(person)
    await page.get_by_text("Hoe wordt dit geteld?").click()
    await page.get_by_text("Het antwoord met de meeste punten wint.").wait_for(state="visible")
    await check(person)
    for answer, points in (("Berken", "4"), ("Linden", "0")):
        await hands.tick(graded(page, answer, points))
    await person.look("points")
    await cast(person, hands)
    await platform.publish(poll)
    await person.go(f"/nl/polls/{poll}/result")
    await check(person)
    await person.look("result-points")
    assert "Berken wint met 4 punten: gemiddeld 4." in await page.locator("main").inner_text()


@pytest.mark.parametrize("size", SIZES)
async def test_a_vote_is_withdrawn_and_the_page_says_no(size, platform, at_a_screen):
    poll = await platform.poll("approval", options=("Linden", "Eiken", "Berken"))
    person = await at_a_screen(width=size)
    page, hands = person.page, hands_of(person, "mouse")
    await person.go(f"/nl/polls/{poll}")
    for label in ("Linden", "Berken"):
        await hands.tick(page.get_by_label(label))
    await person.look("approval")
    await hands.press(page.get_by_role("button", name="Ga verder naar controle"))
    await hands.press(page.get_by_role("button", name="Meld u aan en ga verder"))
    await sign_in(person, hands)
    await page.wait_for_url("**/review")
    await hands.press(page.get_by_role("button", name="Breng uw stem uit"))
    await page.wait_for_url("**/vote")
    await hands.press(page.get_by_role("link", name="Trek uw stem in"))
    await page.wait_for_url("**/withdraw")
    await check(person)
    await person.look("withdraw")
    await hands.press(page.locator("main").get_by_role("button").first)
    await page.wait_for_url("**/vote**")
    await check(person)
    assert await heading(person) == "U hebt niet gestemd"


async def test_a_wrong_code_says_so_and_keeps_the_address(at_a_screen):
    person = await at_a_screen(width=360)
    page = person.page
    await person.go("/nl/sign-in")
    await page.get_by_label("E-mailadres").fill(person.email)
    await page.get_by_role("button", name="Stuur mij een code").click()
    await page.wait_for_url("**/sign-in/code")
    right = await person.code_from_the_mail_page()
    await page.get_by_label("Code", exact=True).fill("000000" if right != "000000" else "111111")
    await page.get_by_role("button", name="Aanmelden", exact=True).click()
    await check(person)
    await person.look("code-wrong")
    text = await page.locator("main").inner_text()
    assert person.email in text
    assert "Er is een probleem" in text
