"""The administrators' pages: people and roles, look, settings, audit log."""

import html
import re
from uuid import uuid4

import pytest

PERSON = "00000000-0000-7000-8000-000000000007"
PEOPLE, GOVERNMENT, AUDIT = "/api/v1/people", "/api/v1/government", "/api/v1/audit"


def official(**changes):
    facts = {
        "person_id": PERSON,
        "email": "bert@example.org",
        "language": "fr",
        "display_name": "Bert Claes",
        "level": 1,
        "roles": ["moderator"],
        "created_at": "2026-03-02T08:00:00Z",
        "signed_in_at": None,
    }
    return facts | changes


@pytest.fixture
async def boss(browser, gateway):
    gateway.on("GET", GOVERNMENT, 200, government_of(gateway, languages=["nl", "fr", "de", "en"]))
    await browser.sign_in(gateway, "administrator")
    gateway.on("GET", PEOPLE, 200, {"items": [official()], "next": None})
    gateway.on("GET", f"{PEOPLE}/{PERSON}", 200, official())
    gateway.on("GET", "/api/v1/me", 200, official(person_id=str(uuid4())))
    return browser


async def token_of(boss, path):
    text = (await boss.get(path)).text
    start = text.index('name="token" value="') + len('name="token" value="')
    return text[start : text.index('"', start)]


PAGES = ("people", "people/invite", f"people/{PERSON}", "branding", "settings", "audit")


@pytest.mark.parametrize("page", PAGES)
async def test_administrators_pages_ask_citizens_and_visitors_away(browser, gateway, page):
    assert (await browser.get(f"/nl/manage/{page}")).location.startswith("/nl/sign-in?next=")
    for roles in ([], ["moderator"], ["project_manager"]):
        await browser.sign_in(gateway, *roles)
        refused = await browser.get(f"/nl/manage/{page}")
        assert refused.status == 403


@pytest.mark.parametrize("page", PAGES)
async def test_administrators_pages_are_whole_in_every_language(boss, gateway, page):
    gateway.on("GET", AUDIT, 200, {"items": [], "next": None})
    for language in ("nl", "fr", "de", "en"):
        shown = await boss.get(f"/{language}/manage/{page}")
        assert (shown.status, shown.headers["cache-control"]) == (200, "no-store")
        assert f"/{language}/manage/audit" in shown.text


def carried(page):
    """The hidden fields of a page's form that sends settings."""
    fields = re.findall(r'name="(token|was-[^"]+)" value="([^"]*)"', page)
    return {name: html.unescape(value) for name, value in fields}


def government_of(gateway, **changes):
    return gateway.answers["GET", GOVERNMENT].body | changes


# People and roles


async def test_everybody_with_a_role_comes_first_and_once(boss):
    text = (await boss.get("/nl/manage/people")).text
    assert text.count(f"/nl/manage/people/{PERSON}") == 1
    assert "Bert Claes" in text


async def test_people_are_found_by_the_beginning_of_their_address(boss, gateway):
    gateway.on("GET", PEOPLE, 200, {"items": [official()], "next": "abc"})
    text = (await boss.get("/nl/manage/people?email=Be")).text
    assert "email=be&amp;cursor=abc" in text
    gateway.on("GET", PEOPLE, 200, {"items": [], "next": None})
    assert "Zo wordt niemand gevonden" in (await boss.get("/nl/manage/people?email=zz")).text


async def test_a_role_is_given(boss, gateway):
    token = await token_of(boss, f"/nl/manage/people/{PERSON}")
    gateway.on("PUT", f"{PEOPLE}/{PERSON}/roles/project_manager", 204)
    answer = await boss.post(f"/nl/manage/people/{PERSON}", token=token, role="project_manager")
    assert answer.location == f"/nl/manage/people/{PERSON}?saved=given"
    assert "binnen 15 minuten" in (await boss.follow(answer)).text


async def test_a_role_that_is_none_gives_nothing(boss, gateway):
    token = await token_of(boss, f"/nl/manage/people/{PERSON}")
    await boss.post(f"/nl/manage/people/{PERSON}", token=token, role="../../x")
    assert not [path for method, path, _, _ in gateway.asked if method == "PUT"]


async def test_taking_a_role_is_asked_first(boss, gateway):
    path = f"/nl/manage/people/{PERSON}/take/moderator"
    asked = await boss.get(path)
    assert "Ja, neem de rol weg" in asked.text
    gateway.on("DELETE", f"{PEOPLE}/{PERSON}/roles/moderator", 204)
    answer = await boss.post(path, token=await token_of(boss, path))
    assert answer.location == f"/nl/manage/people/{PERSON}?saved=taken"


async def test_the_last_administrator_stays_and_hears_why(boss, gateway):
    gateway.on("GET", f"{PEOPLE}/{PERSON}", 200, official(roles=["administrator"]))
    path = f"/nl/manage/people/{PERSON}/take/administrator"
    gateway.refuse("DELETE", f"{PEOPLE}/{PERSON}/roles/administrator", 409, "last_administrator")
    refused = await boss.post(path, token=await token_of(boss, path))
    assert refused.status == 409
    assert "Maak eerst iemand anders beheerder" in refused.text


async def test_an_official_is_invited_once_however_often_the_form_is_sent(boss, gateway):
    text = (await boss.get("/nl/manage/people/invite")).text
    key = text.split('name="key" value="')[1].split('"')[0]
    token = text.split('name="token" value="')[1].split('"')[0]
    gateway.on("POST", PEOPLE, 201, official())
    sent = {"token": token, "key": key, "email": " Bert@example.org ", "roles": ["moderator"], "language": "fr"}
    for _ in range(2):
        assert (await boss.post("/nl/manage/people/invite", **sent)).location.endswith("?saved=invited")
    body = {"email": "Bert@example.org", "roles": ["moderator"], "language": "fr"}
    assert gateway.calls("POST", PEOPLE) == [body, body]
    keys = [
        headers["idempotency-key"] for method, path, _, headers in gateway.asked if (method, path) == ("POST", PEOPLE)
    ]
    assert keys == [key, key]


@pytest.mark.parametrize("page", ["people", "audit"])
async def test_what_can_be_no_address_finds_nobody_and_stays_to_be_mended(boss, gateway, page):
    gateway.refuse("GET", PEOPLE, 422, "invalid", {"errors": []})
    answer = await boss.get(f"/nl/manage/{page}?email=an%00")
    assert answer.status == (200 if page == "people" else 422)
    assert ("Zo wordt niemand gevonden" if page == "people" else "Niemand hier heeft dit adres") in answer.text


async def test_an_invitation_sent_again_for_somebody_else_is_another_invitation(boss, gateway):
    token = await token_of(boss, "/nl/manage/people/invite")
    answer = type(gateway.answers["GET", PEOPLE])
    answers = iter([answer(422, {"status": 422, "code": "idempotency_key_reused"}), answer(201, official())] * 2)
    gateway.answers["POST", PEOPLE] = lambda _: next(answers)
    sent = {"token": token, "key": "a" * 32, "email": "an@example.org", "roles": ["moderator"], "language": "fr"}
    for _ in range(2):
        assert (await boss.post("/nl/manage/people/invite", **sent)).location.endswith("?saved=invited")
    keys = [heads["idempotency-key"] for method, path, _, heads in gateway.asked if (method, path) == ("POST", PEOPLE)]
    assert keys[0] == keys[2] == "a" * 32
    assert keys[1] == keys[3] != keys[0]


async def test_an_invitation_with_mistakes_keeps_what_was_typed(boss, gateway):
    token = await token_of(boss, "/nl/manage/people/invite")
    page = await boss.post("/nl/manage/people/invite", token=token, email="bert", language="fr")
    assert page.status == 422
    assert 'value="bert"' in page.text
    assert "Schrijf een volledig e-mailadres" in page.text
    assert "Kies minstens één rol" in page.text
    assert 'href="#roles-administrator"' in page.text
    assert gateway.calls("POST", PEOPLE) == []


# Look


async def test_a_colour_is_looked_at_before_it_is_kept(boss, gateway):
    text = (await boss.get("/nl/manage/branding?colour=004B87")).text
    assert '<link rel="stylesheet" href="/t/leuven/preview/004b87.css">' in text
    assert "Dit is maar een voorbeeld" in text
    assert gateway.calls("PATCH", GOVERNMENT) == []
    css = await boss.get("/t/leuven/preview/004b87.css")
    assert (css.status, css.headers["cache-control"]) == (200, "private, max-age=3600")
    assert ".preview[data-color-scheme=dark]{--ds-color-primary-" in css.text


async def test_a_kept_colour_is_there_at_the_next_page(boss, gateway):
    token = await token_of(boss, "/nl/manage/branding?colour=%23004b87")
    gateway.on("PATCH", GOVERNMENT, 200, government_of(gateway, colour="#004b87"))
    answer = await boss.post("/nl/manage/branding", token=token, colour="#004b87")
    assert gateway.calls("PATCH", GOVERNMENT) == [{"colour": "#004b87", "seen": {}}]
    assert 'content="#004b87"' in (await boss.follow(answer)).text


@pytest.mark.parametrize("typed", ["red", "#12345", "#1234567", "zzzzzz"])
async def test_what_is_no_colour_is_shown_again_with_what_to_write(boss, typed):
    page = await boss.get(f"/nl/manage/branding?colour={typed.replace('#', '%23')}")
    assert page.status == 422
    assert f'value="{typed}"' in page.text
    assert "zes cijfers na #" in page.text


async def test_every_contrast_passes_also_of_a_pale_colour(boss):
    text = (await boss.get("/nl/manage/branding?colour=ffff00")).text
    assert "Deze kleur is bleek" in text
    assert text.count("✓") == 20
    assert "✕" not in text


# Settings


async def test_settings_are_kept(boss, gateway):
    token = await token_of(boss, "/nl/manage/settings")
    gateway.on("PATCH", GOVERNMENT, 200, government_of(gateway, names={"nl": "Stad Leuven"}))
    sent = {"names-nl": "Stad Leuven", "names-fr": "", "languages": ["nl", "fr"], "first": "nl", "contact_email": ""}
    answer = await boss.post("/nl/manage/settings", token=token, **sent)
    assert gateway.calls("PATCH", GOVERNMENT) == [
        {"languages": ["nl", "fr"], "names": {"nl": "Stad Leuven"}, "contact_email": None, "seen": {}}
    ]
    assert "Stad Leuven</span>" in (await boss.follow(answer)).text


async def test_saving_settings_leaves_alone_what_another_administrator_changed_meanwhile(boss, gateway):
    shown = (await boss.get("/nl/manage/settings")).text
    sent = carried(shown)
    sent |= {"names-nl": "Leuven", "names-fr": "Louvain", "languages": ["nl", "fr", "de", "en"], "first": "nl"}
    gateway.on("PATCH", GOVERNMENT, 200, government_of(gateway))
    page = await boss.post("/nl/manage/settings", **sent, contact_email="nieuw@leuven.example")
    assert page.status == 303
    assert gateway.calls("PATCH", GOVERNMENT) == [
        {"contact_email": "nieuw@leuven.example", "seen": {"contact_email": "inspraak@leuven.example"}}
    ]
    await boss.post("/nl/manage/settings", **sent, contact_email="inspraak@leuven.example")
    assert len(gateway.calls("PATCH", GOVERNMENT)) == 1, "nothing was changed, so nothing is asked"


@pytest.mark.parametrize(
    ("theirs", "words"),
    [
        ({"contact_email": "hun@leuven.example"}, "intussen gewijzigd in: hun@leuven.example"),
        ({"contact_email": None}, "intussen gewijzigd in: leeg"),
        ({"names": {"nl": "Groot-Leuven"}}, "Groot-Leuven (Nederlands)"),
        ({"languages": ["nl", "de"]}, "Nederlands, Duits"),
    ],
)
async def test_who_was_overtaken_sees_what_is_there_now_and_may_send_theirs_again(boss, gateway, theirs, words):
    sent = carried((await boss.get("/nl/manage/settings")).text)
    sent |= {"languages": ["nl", "fr"], "first": "nl", "contact_email": "mijn@leuven.example"}
    sent["names-nl"] = "Mijn Leuven"
    gateway.refuse("PATCH", GOVERNMENT, 409, "changed_meanwhile", {"settings": theirs})
    page = await boss.post("/nl/manage/settings", **sent)
    assert page.status == 422
    assert words in page.text
    assert 'value="Mijn Leuven"' in page.text
    assert 'value="mijn@leuven.example"' in page.text
    gateway.on("PATCH", GOVERNMENT, 200, government_of(gateway))
    assert (await boss.post("/nl/manage/settings", **(sent | carried(page.text)))).status == 303
    (setting,) = theirs
    assert gateway.calls("PATCH", GOVERNMENT)[-1]["seen"][setting] == theirs[setting]


async def test_a_colour_that_somebody_else_chose_meanwhile_is_not_undone_unknowingly(boss, gateway):
    sent = carried((await boss.get("/nl/manage/branding?colour=%23004b87")).text) | {"colour": "#004b87"}
    gateway.refuse("PATCH", GOVERNMENT, 409, "changed_meanwhile", {"settings": {"colour": "#ffcc00"}})
    page = await boss.post("/nl/manage/branding", **sent)
    assert page.status == 422
    assert "intussen gewijzigd in: #ffcc00" in page.text
    assert carried(page.text)["was-colour"] == '"#ffcc00"'
    assert "004b87.css" in page.text, "the colour that was tried is still the one that is shown"


async def test_a_name_that_cannot_be_stored_is_said_at_its_field_and_nothing_typed_is_lost(boss, gateway):
    token = await token_of(boss, "/nl/manage/settings")
    error = {"pointer": "/names/nl", "message": "", "kind": "string_pattern_mismatch"}
    gateway.on("PATCH", GOVERNMENT, 422, {"status": 422, "code": "invalid", "errors": [error]})
    sent = {"names-nl": "Leu\x0bven", "names-fr": "Louvain!", "languages": ["nl"], "first": "nl"}
    page = await boss.post("/nl/manage/settings", token=token, **sent)
    assert page.status == 422
    assert 'href="#names-nl"' in page.text
    assert 'value="Louvain!"' in page.text


@pytest.mark.parametrize(
    ("changes", "words", "target"),
    [
        ({"languages": []}, "Kies minstens één taal", "languages-nl"),
        ({"first": "de"}, "De eerste taal moet een van de talen van de pagina", "first-nl"),
        ({"names-nl": " "}, "Schrijf de naam in het Nederlands", "names-nl"),
        ({"contact_email": "nobody"}, "Schrijf een volledig e-mailadres", "contact_email"),
        ({"names-fr": "x" * 201}, "hoogstens 200 tekens", "names-fr"),
    ],
)
async def test_a_wrong_setting_is_named_and_nothing_typed_is_lost(boss, gateway, changes, words, target):
    token = await token_of(boss, "/nl/manage/settings")
    sent = {"names-nl": "Leuven!", "names-en": "Lovain", "languages": ["nl", "en"], "first": "nl"}
    page = await boss.post("/nl/manage/settings", token=token, **(sent | changes))
    assert page.status == 422
    assert words in page.text
    assert f'href="#{target}"' in page.text
    assert 'value="Lovain"' in page.text
    assert gateway.calls("PATCH", GOVERNMENT) == []


# Audit log


def event(number, action, **changes):
    facts = {"number": number, "at": "2026-06-01T10:00:00Z", "actor_id": PERSON, "actor_email": "an@example.org"}
    return facts | {"action": action, "subject_id": str(uuid4()), "facts": {}} | changes


async def test_the_log_says_in_sentences_who_did_what(boss, gateway):
    poll = str(uuid4())
    events = [
        event(4, "poll_closed_early", subject_id=poll),
        event(3, "role_granted", subject_email="bert@example.org", facts={"role": "moderator"}),
        event(2, "something_new", actor_id=None, actor_email=None),
        event(1, "government_changed", actor_email=None, facts={"settings": ["colour", "names"]}),
    ]
    gateway.on("GET", AUDIT, 200, {"items": events, "next": "abc"})
    known = {"poll_id": poll, "status": "closed", "titles": {"nl": "Een plein"}, "rule": "yes_no"}
    gateway.on("GET", "/api/v1/polls", 200, {"items": [known], "next": None})
    text = (await boss.get("/nl/manage/audit")).text
    assert f'<a class="ds-link" href="/nl/manage/polls/{poll}">Een peiling vroeger gesloten</a>' in text
    assert "bert@example.org de rol “moderator” gegeven" in text
    assert '<p class="ds-paragraph meta">Een plein</p>' in text
    assert "something_new" in text
    assert "Instellingen gewijzigd: kleur, naam" in text
    assert 'href="?cursor=abc"' in text


async def test_the_log_begins_with_what_officials_did_and_can_be_narrowed(boss, gateway):
    gateway.on("GET", AUDIT, 200, {"items": [], "next": None})
    await boss.get("/nl/manage/audit")
    text = (
        await boss.get("/nl/manage/audit?kind=sign-ins&email=Bert%40example.org&from=2026-03-29&until=2026-03-29")
    ).text
    first, second = gateway.queries("GET", AUDIT)
    assert ("action", "poll_published") in first
    assert ("action", "signed_in") not in first
    assert ("action", "signed_in") in second
    assert ("person_id", PERSON) in second
    assert ("since", "2026-03-29T00:00:00+01:00") in second
    assert ("until", "2026-03-30T00:00:00+02:00") in second
    assert "Niets in het logboek past" in text


@pytest.mark.parametrize(
    ("query", "words"),
    [("from=gisteren", "Schrijf een dag"), ("until=9999-12-31", "Schrijf een dag"), ("email=c@d.be", "Niemand hier")],
)
async def test_a_filter_that_cannot_be_read_is_shown_again(boss, query, words):
    page = await boss.get(f"/nl/manage/audit?{query}")
    assert page.status == 422
    assert words in page.text
    assert f'value="{query.partition("=")[2]}"' in page.text


async def test_the_log_is_a_file_of_all_pages_in_which_no_cell_is_a_formula(boss, gateway):
    gateway.in_turn(
        "GET",
        AUDIT,
        [
            {"items": [event(2, "signed_in", actor_email="=1+1@example.org")], "next": "abc"},
            {"items": [event(1, "signed_in")], "next": None},
        ],
    )
    answer = await boss.get("/nl/manage/audit.csv?kind=all")
    lines = answer.text.splitlines()
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert len(lines) == 3
    assert ",'=1+1@example.org," in lines[1]
