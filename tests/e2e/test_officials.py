"""An official's way from sign-in to a published result, in Dutch and in French, by every kind of hand."""

import os
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.e2e.checks import check
from tests.e2e.conftest import OFFICIAL
from tests.e2e.hands import hands_of

pytestmark = pytest.mark.e2e
MOST_VIEWS = 8  # from the sign-in page to the announced poll, each page that is seen
ROUNDS = [
    ("mouse", "nl", 1280),
    ("mouse", "fr", 360),
    ("keyboard", "nl", 360),
    ("keyboard", "fr", 1280),
    ("no_scripts", "nl", 360),
    ("no_scripts", "fr", 1280),
]
WORDS = {
    "nl": {
        "address": "E-mailadres",
        "send": "Stuur mij een code",
        "code": "Code",
        "sign_in": "Aanmelden",
        "new": "Nieuwe peiling",
        "continue": "Opslaan en doorgaan",
        "announce": "Kondig de peiling aan",
        "extend": "Later laten sluiten",
        "do_extend": "Verleng de peiling",
        "close": "Nu sluiten",
        "do_close": "De peiling nu sluiten",
        "publish": "Het resultaat bekijken en publiceren",
        "do_publish": "Publiceer het resultaat",
        "see": "Bekijk het resultaat",
        "add": "Antwoord toevoegen",
        "up": "Omhoog antwoord 2",
        "remove": "Verwijder antwoord 3",
        "delete": "Dit ontwerp verwijderen",
        "do_delete": "Verwijder het ontwerp",
        "problem": "Er is een probleem",
    },
    "fr": {
        "address": "Adresse e-mail",
        "send": "Envoyez-moi un code",
        "code": "Code",
        "sign_in": "Se connecter",
        "new": "Nouveau sondage",
        "continue": "Enregistrer et continuer",
        "announce": "Annoncer le sondage",
        "extend": "Le prolonger",
        "do_extend": "Prolonger le sondage",
        "close": "Le clôturer maintenant",
        "do_close": "Clôturer le sondage maintenant",
        "publish": "Voir et publier le résultat",
        "do_publish": "Publier le résultat",
        "see": "Voir le résultat",
    },
}
ANSWERS = (("Lindeplein", "Place des Tilleuls"), ("Marktplein", "Place du Marché"), ("Curieplein", "Place Curie"))


@dataclass
class Desk:
    """An official at a screen; `views` are the pages seen."""

    person: Any
    way: str
    language: str
    views: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.words, self.hands = WORDS[self.language], hands_of(self.person, self.way)
        self.page = self.person.page
        self.page.on("response", self._count)

    def _count(self, answer: Any) -> None:
        if answer.request.is_navigation_request() and not 300 <= answer.status < 400:
            self.views.append(answer.url)

    async def seen(self, name: str) -> None:
        await self.person.look(f"officials-{name}-{self.language}")
        await check(self.person)

    async def press(self, word: str, *, role: str = "button", to: str) -> None:
        """Press a button or link, and come to a page."""
        target = self.page.get_by_role(role, name=self.words[word], exact=True)
        async with self.page.expect_navigation(url=to):
            await self.hands.press(target.first)

    async def write(self, control: str, text: str) -> None:
        await self.hands.write(self.page.locator(f"[id='{control}']"), text)

    async def sign_in(self) -> None:
        await self.person.go(f"/{self.language}/manage")
        await self.seen("sign-in")
        await self.hands.write(self.page.get_by_label(self.words["address"]), self.person.email)
        await self.press("send", to="**/sign-in/code")
        await self.hands.write(
            self.page.get_by_label(self.words["code"], exact=True), await self.person.code_from_the_mail_page()
        )
        await self.press("sign_in", to="**/manage")


async def at_the_desk(person, way, language, platform):
    """Somebody who has just been made an official and has never been here."""
    person.email = f"official-{os.urandom(4).hex()}@example.org"
    client = platform.client
    token = await client.sign_in(OFFICIAL) if platform.official is None else platform.official
    await client.ask("POST", "/api/v1/people", {"email": person.email, "roles": ["project_manager"]}, token=token)
    return Desk(person, way, language)


@pytest.mark.parametrize(("way", "language", "size"), ROUNDS)
async def test_a_new_official_announces_a_poll_in_eight_pages_and_publishes_its_result(
    way, language, size, platform, at_a_screen
):
    person = await at_a_screen(width=size, scripts=way != "no_scripts")
    desk = await at_the_desk(person, way, language, platform)
    await desk.sign_in()
    await desk.seen("overview")

    await desk.press("new", role="link", to="**/polls/new")
    await desk.write("titles-nl", "Hoe heet het nieuwe plein?")
    await desk.write("titles-fr", "Comment s’appelle la nouvelle place ?")
    await desk.write("descriptions-nl", "Het plein is af. De raad neemt de naam met de meeste stemmen.")
    await desk.write("descriptions-fr", "La place est prête. Le conseil prendra le nom choisi.")
    await desk.hands.tick(desk.page.locator("#rule-single"))
    await desk.seen("question")
    await desk.press("continue", to="**/answers")
    for place, labels in enumerate(ANSWERS):
        for tag, label in zip(("nl", "fr"), labels, strict=True):
            await desk.write(f"options-{place}-labels-{tag}", label)
    await desk.seen("answers")
    await desk.press("continue", to="**/when")
    await desk.hands.tick(desk.page.locator("#start-now"))
    await desk.seen("when")
    await desk.press("continue", to="**/check")
    await desk.seen("check")
    await desk.press("announce", to="**/manage/polls/*done=announced")
    await desk.seen("announced")
    assert len(desk.views) <= MOST_VIEWS, desk.views

    poll_id = desk.page.url.partition("?")[0].rpartition("/")[2]
    voter = await platform.client.sign_in(f"voter-{os.urandom(4).hex()}@example.org")
    await platform.client.ask("PUT", f"/api/v1/polls/{poll_id}/vote", {"choices": [2]}, token=voter)
    for act, did in (("extend", "extended"), ("close", "closed")):
        await desk.press(act, role="link", to=f"**/{act}")
        await desk.write("reason-nl", "De zaal was te klein.")
        await desk.write("reason-fr", "La salle était trop petite.")
        await desk.seen(act)
        await desk.press(f"do_{act}", to=f"**done={did}")
        await desk.seen(did)
    await desk.press("publish", role="link", to="**/publish")
    await desk.seen("publish")
    await desk.press("do_publish", to="**done=published")
    await desk.seen("published")
    await desk.press("see", role="link", to="**/result")
    assert "Marktplein" in await desk.page.locator("main").inner_text() or language == "fr"
    await person.go(f"/{language}/manage/polls")
    await desk.seen("polls")


@pytest.mark.parametrize("way", ["mouse", "keyboard", "no_scripts"])
async def test_mistakes_are_mended_and_answers_moved_and_nothing_typed_is_lost(way, platform, at_a_screen):
    person = await at_a_screen(width=360, scripts=way != "no_scripts")
    desk = await at_the_desk(person, way, "nl", platform)
    page = desk.page
    await desk.sign_in()
    await desk.press("new", role="link", to="**/polls/new")
    await desk.write("descriptions-nl", "Waarom wij dit vragen.")
    await desk.press("continue", to="**/polls/new")
    assert desk.words["problem"] in await page.locator("main").inner_text()
    assert await page.locator("#descriptions-nl").input_value() == "Waarom wij dit vragen."
    await person.look("officials-mistakes-nl")
    if person.scripts:  # the answer to a POST cannot be opened in a second window
        await check(person)
        assert await page.evaluate("document.activeElement.className") == "ds-error-summary"

    await desk.write("titles-nl", "Welke boom?")
    await desk.hands.tick(page.locator("#rule-approval"))
    await desk.press("continue", to="**/answers")
    for place, label in enumerate(("Linde", "Eik", "Beuk")):
        await desk.write(f"options-{place}-labels-nl", label)
    await desk.press("up", to="**/answers")
    assert await page.locator("#options-0-labels-nl").input_value() == "Eik"
    await desk.press("add", to="**/answers")
    await desk.write("options-3-labels-nl", "Els")
    if person.scripts:
        await check(person)
    await person.look("officials-answers-moved-nl")
    await desk.press("remove", to="**/answers")
    await desk.press("continue", to="**/when")
    await desk.press("continue", to="**/check")
    await desk.seen("check-warnings")
    listed = await page.locator("ol.listed").inner_text()
    assert [listed.index(name) for name in ("Eik", "Linde", "Els")] == sorted(
        listed.index(n) for n in ("Eik", "Linde", "Els")
    )
    assert "Beuk" not in listed

    draft = page.url.rpartition("/")[0]
    await person.go("/nl/manage")
    await desk.seen("overview-queue")
    assert "Welke boom?" in await page.locator(".queue").inner_text()
    await page.goto(f"{draft}/preview")
    await desk.seen("preview")
    await page.goto(draft)
    await desk.seen("draft")
    await desk.press("delete", role="link", to="**/delete")
    await desk.seen("delete")
    await desk.press("do_delete", to="**/polls?done=deleted")
    await desk.seen("deleted")


async def test_who_has_no_role_is_told_so(at_a_screen):
    person = await at_a_screen(width=360)
    desk = Desk(person, "mouse", "nl")
    await desk.sign_in()
    await person.look("officials-forbidden")
    await check(person)
    assert "U kunt deze pagina niet openen" in await person.page.locator("main").inner_text()
