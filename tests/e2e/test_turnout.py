"""The turnout of an open poll while somebody looks. What the module is told, minute by minute, is told here."""

import re

import pytest
from playwright.async_api import expect

from tests.integration.platform import eventually

pytestmark = pytest.mark.e2e
MINUTE = 60_000


@pytest.fixture
async def watched(platform, at_a_screen):
    """Somebody at an open poll, what the module asked, and what it is told."""
    poll = await platform.poll()
    person = await at_a_screen(width=360)
    asked, told = [], {"text": "1 stembriefje tot nu toe", "tag": 'W/"1"'}

    async def answer(route):
        asked.append(await route.request.header_value("if-none-match"))
        if asked[-1] == told["tag"]:
            return await route.fulfill(status=304)
        return await route.fulfill(body=told["text"], headers={"etag": told["tag"], "content-type": "text/plain"})

    await person.page.route("**/turnout", answer)
    await person.page.clock.install()
    await person.go(f"/nl/polls/{poll}")
    return person, asked, told


async def was_asked(asked, times):
    """Wait until the module has asked so often: its question comes some time after the minute."""

    async def enough():
        return len(asked) >= times

    await eventually(enough, what=f"{times} questions")


async def minutes(person, count):
    for _ in range(count):
        await person.page.clock.run_for(MINUTE)
        await person.page.evaluate("() => new Promise((done) => queueMicrotask(done))")


async def test_the_number_follows_the_voters_and_is_said_at_most_once_in_five_minutes(watched):
    person, asked, told = watched
    shown, said = person.page.locator("[data-count]"), person.page.locator("[data-turnout] [role=status]")
    assert "0 stembriefjes" in await shown.inner_text()
    await minutes(person, 1)
    await expect(shown).to_have_text(re.compile(r"^1 "))
    assert await said.text_content() == "", "a change in the first minutes interrupts nobody"
    await minutes(person, 1)
    await was_asked(asked, 2)
    assert asked[:2] == [None, 'W/"1"']
    told |= {"text": "7 stembriefjes tot nu toe", "tag": 'W/"7"'}
    await minutes(person, 4)
    await expect(shown).to_have_text(re.compile(r"^7 "))
    told |= {"text": "9 stembriefjes tot nu toe", "tag": 'W/"9"'}
    await minutes(person, 1)
    await expect(shown).to_have_text(re.compile(r"^9 "))
    assert (await said.text_content()) in {"7 stembriefjes tot nu toe", "9 stembriefjes tot nu toe", ""}
    told |= {"text": "12 stembriefjes tot nu toe", "tag": 'W/"12"'}
    await minutes(person, 6)
    await expect(said).not_to_be_empty()


async def test_who_pauses_is_not_told_and_may_go_on(watched):
    person, asked, _ = watched
    button = person.page.get_by_role("button", name="Stop met bijwerken")
    await button.click()
    await minutes(person, 5)
    assert asked == []
    await person.page.get_by_role("button", name="Blijf bijwerken").click()
    await minutes(person, 1)
    await was_asked(asked, 1)
    assert len(asked) == 1


async def test_nothing_is_asked_while_nobody_looks(watched):
    person, asked, _ = watched
    hide = "hidden => { Object.defineProperty(document, 'hidden', {value: hidden, configurable: true});"
    hide += " document.dispatchEvent(new Event('visibilitychange')); }"
    await person.page.evaluate(hide, True)  # noqa: FBT003 - an argument of the page's own function
    await minutes(person, 5)
    assert asked == []
    await person.page.evaluate(hide, False)  # noqa: FBT003
    await minutes(person, 1)
    await was_asked(asked, 1)
    assert len(asked) == 1


async def test_without_scripts_the_number_is_there_and_nothing_to_pause(platform, at_a_screen):
    poll = await platform.poll()
    person = await at_a_screen(width=360, scripts=False)
    await person.go(f"/nl/polls/{poll}")
    assert "0 stembriefjes tot nu toe" in await person.page.locator("main").inner_text()
    assert not await person.page.get_by_role("button", name="Stop met bijwerken").is_visible()
