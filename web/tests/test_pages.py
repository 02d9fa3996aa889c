"""Every page state, through the real app; `Browser` checks the markup of each page that it gets."""

import asyncio
import gzip
import json
import time
from html import unescape
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from chassis.settings import DEVELOPMENT_KEY
from web.i18n import language
from web.rules_explained import explain

POLL = "00000000-0000-7000-8000-000000000001"
PATH = f"/nl/polls/{POLL}"
API = f"/api/v1/polls/{POLL}"
BURLINGTON = json.loads((Path(__file__).parent / "burlington.json").read_text("utf-8"))
TEXT = {"when": "2026-01-01T10:00:00+00:00"}


# Home


async def test_home_shows_what_is_open_and_how_long_still(browser, gateway):
    gateway.show()
    page = await browser.get("/nl/")
    assert page.status == 200
    assert "Een autovrij plein?" in page.text
    assert "nog 12 dagen" in page.text
    assert "<title>Uw stem telt mee – Leuven</title>" in page.text


async def test_home_without_open_polls_offers_a_mail(browser):
    page = await browser.get("/nl/")
    assert "Er is nu geen peiling open." in page.text
    assert "sign-in?next=%2Fnl%2Faccount" in page.text


async def test_home_is_partial_when_polls_cannot_be_read_and_nobody_keeps_it(browser, gateway):
    gateway.refuse("GET", "/api/v1/polls", 503, "service_unavailable")
    page = await browser.get("/nl/")
    assert page.status == 200
    assert "Sommige peilingen kunnen nu niet getoond worden" in page.text
    assert "Hoe het werkt" in page.text
    assert page.headers["cache-control"] == "no-store"


async def test_home_says_to_who_is_signed_in_whether_they_voted(browser, gateway):
    gateway.show()
    await browser.sign_in(gateway)
    assert "U hebt nog niet gestemd." in (await browser.get("/nl/")).text
    gateway.on("GET", f"{API}/vote", 200, {"voted": True, "choices": [1], "cast_at": TEXT["when"]})
    assert "U hebt gestemd." in (await browser.get("/nl/")).text
    gateway.refuse("GET", f"{API}/vote", 503, "service_unavailable")
    assert "We kunnen nu niet zeggen of u gestemd hebt." in (await browser.get("/nl/")).text


# Languages


@pytest.mark.parametrize(("accept", "target"), [("fr-BE,nl;q=0.5", "/fr/"), ("de", "/nl/"), ("", "/nl/")])
async def test_the_root_leads_to_the_language_that_the_browser_asks_for(browser, accept, target):
    page = await browser.get("/", **{"accept-language": accept})
    assert (page.status, page.location) == (303, target)
    assert page.headers["cache-control"] == "no-store"


async def test_a_chosen_language_is_remembered_and_keeps_the_page(browser, gateway):
    gateway.show()
    page = await browser.get(PATH)
    assert f'href="/language/fr?next=/fr/polls/{POLL}"' in page.text
    page = await browser.get(f"/language/fr?next=/fr/polls/{POLL}")
    assert page.location == f"/fr/polls/{POLL}"
    assert (await browser.get("/", **{"accept-language": "nl"})).location == "/fr/"
    assert (await browser.get("/language/fr?next=//evil.example")).location == "/fr/"
    assert (await browser.get("/language/de")).status == 404, "this government does not offer German"


async def test_a_language_that_the_government_does_not_offer_leads_to_its_own(browser):
    page = await browser.get("/de/polls?status=open")
    assert (page.status, page.location) == (302, "/nl/polls?status=open")


async def test_whatever_stands_in_an_address_it_leads_on_to_the_government_s_language(browser):
    page = await browser.get("/de/polls?self=1&status=open&status=closed")
    assert (page.status, page.location) == (302, "/nl/polls?self=1&status=open&status=closed")


async def test_a_page_is_left_for_an_address_in_any_script(browser, gateway):
    page = await browser.get("/language/nl?next=/nl/%E2%82%AC%3Fa%3D1%252B1")
    assert (page.status, page.location) == (303, "/nl/%E2%82%AC?a=1%2B1")
    await browser.sign_in(gateway)
    page = await browser.get("/nl/sign-in?next=/nl/polls%3Fq%3D%E2%82%AC")
    assert (page.status, page.location) == (303, "/nl/polls?q=%E2%82%AC")


async def test_text_in_another_language_says_so(browser, gateway):
    gateway.show(titles={"nl": "Een autovrij plein?", "fr": "Une place sans voitures ?"})
    page = await browser.get(f"/fr/polls/{POLL}")
    assert '<html lang="fr"' in page.text
    assert "Une place sans voitures ?" in page.text
    assert '<div class="prose" lang="nl">' in page.text
    assert "Uniquement en néerlandais" in page.text
    assert 'for="choice-1" lang="nl"' in page.text


async def test_one_language_needs_no_switch(browser, gateway):
    gateway.on(
        "GET", "/api/v1/government", 200, gateway.answers["GET", "/api/v1/government"].body | {"languages": ["nl"]}
    )
    assert "/language/" not in (await browser.get("/nl/")).text


# A list of polls


async def test_the_list_is_filtered_and_paged(browser, gateway):
    shown = {"items": [], "next": "abc"}
    gateway.show()
    gateway.on("GET", "/api/v1/polls", 200, gateway.answers["GET", "/api/v1/polls"].body | {"next": shown["next"]})
    page = await browser.get("/nl/polls?status=open")
    assert "Meer peilingen" in page.text
    assert "status=open&amp;after=abc" in page.text
    assert 'aria-current="true">Open</a>' in page.text


async def test_an_empty_filter_offers_all_polls(browser):
    page = await browser.get("/nl/polls?status=scheduled")
    assert "Er is geen peiling in deze toestand." in page.text
    assert "Toon alle peilingen" in page.text
    assert "Er zijn nog geen peilingen." in (await browser.get("/nl/polls?status=nonsense")).text


# One poll


@pytest.mark.parametrize("rule", ["yes_no", "single", "approval", "irv", "schulze", "score", "majority_judgment"])
async def test_a_poll_tells_how_it_is_counted_before_during_and_after(browser, gateway, rule):
    told = explain(rule, language("nl")).citizens
    for status in ("scheduled", "open", "closed"):
        gateway.show(rule=rule, status=status)
        page = await browser.get(PATH)
        assert "Hoe wordt dit geteld?" in page.text
        assert told in unescape(page.text)


async def test_a_ballot_of_judgments_has_six_words_for_each_answer_and_says_what_is_left_open(browser, gateway):
    gateway.show(rule="majority_judgment")
    page = await browser.get(PATH)
    assert page.text.count('type="radio"') == 18
    for word in ("Uitstekend", "Zeer goed", "Goed", "Aanvaardbaar", "Zwak", "Te verwerpen"):
        assert page.text.count(f">{word}</label>") == 3
    assert "Een antwoord zonder oordeel telt als “Te verwerpen”." in page.text


async def test_a_ballot_of_points_says_what_its_ends_mean(browser, gateway):
    gateway.show(rule="score")
    page = await browser.get(PATH)
    assert page.text.count('type="radio"') == 18
    assert page.text.count('0<span class="ds-sr-only">, heel slecht</span></label>') == 3
    assert "Een antwoord zonder punten telt als 0." in page.text


@pytest.mark.parametrize("rule", ["score", "majority_judgment"])
async def test_a_result_in_grades_has_bars_told_apart_by_patterns_and_the_same_numbers_in_a_table(
    browser, gateway, rule
):
    histograms = {"1": [0, 0, 2, 4, 0, 4], "2": [1, 1, 1, 4, 0, 3], "3": [9, 0, 0, 0, 0, 1]}
    own = {"rule": rule, "winners": [1], "ranking": [[1], [2], [3]], "grades": histograms, "facts": []}
    if rule == "score":
        own |= {"means": dict.fromkeys(histograms, "7/2"), "medians": dict.fromkeys(histograms, "3")}
        own["rounds"] = [{"round": 1, "totals": {"1": "36", "2": "30", "3": "5"}}]
    else:
        own["majority_grades"] = {"1": 3, "2": 3, "3": 0}
    gateway.show(rule=rule, status="published")
    gateway.on("GET", f"{API}/result", 200, {"poll_id": POLL, "ballots": 10, "blank": 0, "results": [own]})
    page = await browser.get(f"{PATH}/result")
    assert page.text.count("<pattern") == 6
    assert page.text.count('fill="url(#grade-own-') == 6 + 3 + 5 + 2
    assert "Oordelen per antwoord" in page.text or "Punten per antwoord" in page.text
    assert f"{API}/ballots.preflib" in page.text


async def test_an_open_poll_has_its_ballot_and_says_that_it_is_attributable(browser, gateway):
    gateway.show()
    page = await browser.get(PATH)
    assert "De organisatie kan zien hoe u stemt" in page.text
    assert 'value="blank"' in page.text
    assert "Tweede &lt;b&gt;alinea&lt;/b&gt;." in page.text, "what a government writes is text, not markup"
    assert "geheim" not in page.text.lower()


@pytest.mark.parametrize(
    ("rule", "control"),
    [("single", 'type="radio"'), ("approval", 'type="checkbox"'), ("irv", "<select"), ("schulze", "<select")],
)
async def test_each_rule_has_its_form(browser, gateway, rule, control):
    gateway.show(rule=rule)
    page = await browser.get(PATH)
    assert page.text.count(control) == 3
    assert 'value="blank"' not in page.text


@pytest.mark.parametrize(
    ("status", "sentence"),
    [
        ("scheduled", "U kunt stemmen zodra ze opent"),
        ("closed", "Het resultaat verschijnt op deze pagina zodra het gepubliceerd is."),
        ("published", "Bekijk het resultaat"),
        ("cancelled", "Deze peiling is geannuleerd"),
        ("draft", "Ontwerp"),
    ],
)
async def test_a_poll_that_is_not_open_says_how_it_stands_and_has_no_ballot(browser, gateway, status, sentence):
    gateway.show(status=status)
    page = await browser.get(PATH)
    assert sentence in page.text
    assert "/choice" not in page.text


async def test_a_closed_poll_tells_the_turnout(browser, gateway):
    gateway.show(status="closed", ballots=8980)
    assert "Er zijn 8.980 stembriefjes ingediend." in (await browser.get(PATH)).text


async def test_a_draft_without_times_can_be_read(browser, gateway):
    gateway.show(status="draft", opens_at=None, closes_at=None)
    assert (await browser.get(PATH)).status == 200


@pytest.mark.parametrize(
    ("kind", "title"),
    [
        ("extended", "Deze peiling is verlengd"),
        ("cancelled", "Deze peiling is geannuleerd"),
        ("closed_early", "Deze peiling is vroeger gesloten"),
    ],
)
async def test_a_change_is_shown_with_its_public_reason(browser, gateway, kind, title):
    notice = {"kind": kind, "reason": {"nl": "Door een storing."}, "at": TEXT["when"]}
    gateway.show(notices=[notice])
    page = await browser.get(PATH)
    assert title in page.text
    assert "Door een storing." in page.text


async def test_who_voted_sees_yes_when_and_how_to_change_it(browser, gateway):
    gateway.show()
    gateway.on("GET", f"{API}/vote", 200, {"voted": True, "choices": [1], "cast_at": TEXT["when"]})
    await browser.sign_in(gateway)
    page = await browser.get(PATH)
    assert "Hebt u gestemd?" in page.text
    assert "<strong>Ja.</strong>" in page.text
    assert "donderdag 1 januari 2026 om 11.00 uur" in page.text or "donderdag 1 januari om 11.00 uur" in page.text
    assert "/choice" not in page.text, "the ballot is one step away, so that nobody votes again by mistake"
    changed = await browser.get(f"{PATH}?change=1")
    assert 'value="1" checked' in changed.text


async def test_a_month_after_the_end_the_page_does_not_ask_who_voted(browser, gateway):
    gateway.show(status="published")
    gateway.refuse("GET", f"{API}/vote", 409, "votes_anonymised")
    await browser.sign_in(gateway)
    assert "Hebt u gestemd?" not in (await browser.get(PATH)).text


async def test_following_a_poll_is_offered_and_can_be_stopped(browser, gateway):
    topic = f"/api/v1/subscriptions/poll-{POLL}"
    gateway.show()
    gateway.on("PUT", topic, 204)
    gateway.on("DELETE", topic, 204)
    await browser.sign_in(gateway)
    page = await browser.get(PATH)
    assert "Zullen we u mailen wanneer het resultaat van deze peiling bekend is?" in page.text
    assert "Ja, mail mij" in page.text
    answer = await browser.post(f"{PATH}/follow", token=token_in(page.text), follow="yes")
    assert answer.location == f"{PATH}#follow"
    assert gateway.calls("PUT", topic) == [None]
    gateway.on("GET", "/api/v1/subscriptions", 200, {"items": [{"topic": f"poll-{POLL}"}]})
    page = await browser.get(PATH)
    assert "Stop deze mails" in page.text
    await browser.post(f"{PATH}/follow", token=token_in(page.text), follow="no")
    assert gateway.calls("DELETE", topic) == [None]
    gateway.on("GET", "/api/v1/subscriptions", 200, {"items": [{"topic": "polls"}]})
    assert "U krijgt mails over alle peilingen." in (await browser.get(PATH)).text


# Results


async def test_a_result_is_a_sentence_bars_a_table_and_the_ballots_to_download(browser, gateway):
    options = [{"number": n, "labels": {"nl": f"Kandidaat {n}"}} for n in range(1, 7)]
    gateway.show(status="published", rule="irv", compared_with=["single", "schulze"], options=options)
    gateway.on("GET", f"{API}/result", 200, BURLINGTON)
    page = await browser.get(f"{PATH}/result")
    assert page.status == 200
    assert "wint met 4.314 van de 8.378 stemmen" in page.text
    assert page.text.count("<rect") == 2 + 6 + 6
    assert "Ronde na ronde" in page.text
    assert "Antwoord tegen antwoord" in page.text
    assert "Andere methodes hadden een andere uitkomst gegeven" in page.text
    assert f'href="/api/v1/polls/{POLL}/ballots.csv"' in page.text
    assert len(gzip.compress(page.text.encode())) < 14 * 1024


async def test_a_result_before_its_time_leads_to_the_poll(browser, gateway):
    gateway.show(status="closed")
    page = await browser.get(f"{PATH}/result")
    assert (page.status, page.location) == (303, PATH)


async def test_a_result_that_cannot_be_read_now_leaves_the_poll_and_says_so(browser, gateway):
    gateway.show(status="published")
    gateway.refuse("GET", f"{API}/result", 503, "service_unavailable")
    page = await browser.get(f"{PATH}/result")
    assert page.status == 503
    assert "retry-after" in page.headers
    assert "Een autovrij plein?" in page.text
    assert "Het resultaat kan nu niet getoond worden" in page.text


async def test_mails_that_cannot_be_read_now_take_only_their_own_section(browser, gateway):
    gateway.show()
    await browser.sign_in(gateway)
    gateway.refuse("GET", "/api/v1/subscriptions", 503, "service_unavailable")
    page = await browser.get(PATH)
    assert page.status == 200
    assert "We kunnen nu niet zeggen of u mails over deze peiling krijgt." in page.text
    assert "/choice" in page.text


# What cannot be shown


@pytest.mark.parametrize(
    ("status", "title"),
    [
        (403, "U kunt deze pagina niet zien"),
        (404, "Deze pagina bestaat niet"),
        (410, "Deze pagina is weggehaald"),
        (429, "Te veel verzoeken"),
        (500, "Deze pagina kan nu niet getoond worden"),
        (503, "Deze pagina kan nu niet getoond worden"),
    ],
)
async def test_a_failure_has_a_page_with_the_government_s_contact(browser, gateway, status, title):
    gateway.refuse("GET", API, status, "refused")
    page = await browser.get(PATH)
    assert page.status == (503 if status == 500 else status)
    assert title in page.text
    assert "mailto:inspraak@leuven.example" in page.text
    assert page.headers["cache-control"] == "no-store"
    assert ("retry-after" in page.headers) == (status in {429, 500, 503})


@pytest.mark.parametrize(
    "path", ["/nl/nothing", "/favicon.ico", "/nl/polls/not-a-uuid", "/xx/", "/.env", "/openapi.json"]
)
async def test_an_unknown_address_is_a_page_that_says_so(browser, path):
    page = await browser.get(path)
    assert page.status == 404
    assert "Deze pagina bestaat niet" in page.text


async def test_an_unknown_address_is_answered_in_its_language(browser):
    page = await browser.get("/fr/nothing")
    assert page.status == 404
    assert '<html lang="fr"' in page.text


async def test_a_fault_of_ours_is_a_page_too(browser, gateway, monkeypatch):
    gateway.show()
    monkeypatch.setattr("web.routes.polls.PollView", None)
    page = await browser.get(PATH)
    assert page.status == 500
    assert "Hier ging iets mis" in page.text
    assert "Traceback" not in page.text


async def test_a_gateway_that_says_nothing_gives_503_within_its_time(browser, gateway):
    gateway.show()
    await browser.get("/nl/")
    gateway.hang("GET", API)
    before = time.monotonic()
    page = await browser.get(PATH)
    assert page.status == 503
    assert time.monotonic() - before < 30, "it must not hang"
    gateway.release()


async def test_an_answer_that_is_not_what_was_agreed_is_a_page_too(browser, gateway):
    gateway.on("GET", API, 200, {"unexpected": True})
    assert (await browser.get(PATH)).status == 503


async def test_without_any_government_there_is_still_a_page(browser, gateway):
    gateway.refuse("GET", "/api/v1/government", 503, "service_unavailable")
    page = await browser.get("/nl/", **{"accept-language": "fr"})
    assert page.status == 503
    assert 'lang="fr"' in page.text
    gateway.refuse("GET", "/api/v1/government", 404, "no_such_government")
    assert (await browser.get("/nl/")).status == 404


async def test_a_government_that_was_met_keeps_its_name_while_tenancy_is_down(browser, gateway, monkeypatch):
    monkeypatch.setattr("web.governments.FRESH_SECONDS", 0.0)
    await browser.get("/nl/")
    gateway.refuse("GET", "/api/v1/government", 503, "service_unavailable")
    page = await browser.get("/nl/")
    assert page.status == 200
    assert "Leuven" in page.text


async def test_another_tenant_is_asked_for_by_its_own_id(browser, gateway):
    await browser.get("/nl/")
    browser.tenant = str(uuid4())
    await browser.get("/nl/")
    asked = {headers["x-inspraak-tenant"] for _, path, _, headers in gateway.asked if path == "/api/v1/government"}
    assert len(asked) == 2


async def test_nobody_comes_in_but_through_the_gateway(browser):
    async with browser.client.get(f"{browser.address}/nl/") as answer:
        assert answer.status == 403
    for method, path in (("GET", "/openapi.json"), ("GET", "/.well-known/jwks.json"), ("POST", "/readyz")):
        async with browser.client.request(method, browser.address + path) as answer:
            assert answer.status == 403
    async with browser.client.get(f"{browser.address}/livez") as answer:
        assert answer.status == 200
    async with browser.client.get(f"{browser.address}/readyz") as answer:
        assert answer.status == 200
    async with browser.client.get(f"{browser.address}/metrics") as answer:
        assert "http_server_request_duration_seconds" in await answer.text()


async def test_who_leaves_while_a_form_is_read_is_no_fault_of_ours(browser, caplog):
    async def answered(status):
        async with browser.client.get(f"{browser.address}/metrics") as answer:
            lines = (await answer.text()).splitlines()
        counts = [line for line in lines if f'code="{status}"' in line and "_count{" in line]
        return sum(float(line.rsplit(" ", 1)[1]) for line in counts)

    faults, left = await answered(500), await answered(499)
    address = urlsplit(browser.address)
    _, writer = await asyncio.open_connection(address.hostname, address.port)
    head = [f"POST {PATH}/choice HTTP/1.1", "host: leuven.localhost", "sec-fetch-site: same-origin"]
    head += [f"x-inspraak-key: {DEVELOPMENT_KEY}", f"x-inspraak-tenant: {browser.tenant}", "content-length: 100"]
    writer.write("\r\n".join([*head, "", "choice="]).encode())
    await writer.drain()
    writer.close()
    async with asyncio.timeout(20):
        while await answered(499) == left:
            pass
    assert await answered(500) == faults
    assert not caplog.records


# What all answers have in common


async def test_a_visitor_s_page_may_be_kept_for_half_a_minute_and_is_asked_for_again_by_its_tag(browser, gateway):
    gateway.show()
    page = await browser.get(PATH)
    assert "s-maxage=30" in page.headers["cache-control"]
    assert "max-age=0" in page.headers["cache-control"], "after signing in the same address is another page"
    assert "stale-while-revalidate" not in page.headers["cache-control"]
    assert page.headers["vary"] == "accept-encoding"
    again = await browser.get(PATH, **{"if-none-match": page.headers["etag"]})
    assert (again.status, again.text) == (304, "")


async def test_a_page_of_somebody_who_is_signed_in_is_kept_nowhere(browser, gateway):
    gateway.show()
    await browser.sign_in(gateway)
    page = await browser.get(PATH)
    assert page.headers["cache-control"] == "no-store"
    assert "etag" not in page.headers


async def test_the_policy_allows_no_script_and_nothing_from_elsewhere(browser):
    policy = (await browser.get("/nl/")).headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src" not in policy
    assert "unsafe" not in policy
    assert "http" not in policy


async def test_the_client_s_address_and_no_other_header_of_the_browser_reaches_the_api(browser, gateway):
    await browser.get("/nl/", **{"x-forwarded-for": "198.51.100.9", "cookie": "a=b"})
    _, _, _, headers = gateway.asked[-1]
    assert headers["x-inspraak-client"] == "192.0.2.7"
    assert "x-forwarded-for" not in headers
    assert "cookie" not in headers


async def test_files_are_kept_for_ever_under_their_hash_and_shortly_under_another(browser):
    page = await browser.get("/nl/")
    for kind in ("/static/site-", "/t/leuven/theme-", "/t/leuven/icon-"):
        start = page.text.index(kind)
        path = page.text[start : page.text.index('"', start)]
        file = await browser.get(path)
        assert file.status == 200
        assert "immutable" in file.headers["cache-control"]
        old = path[: path.rindex("-")] + "-0000000000" + path[path.rindex(".") :]
        assert (await browser.get(old)).headers["cache-control"] == "public, max-age=60"
    assert (await browser.get("/static/site-0.js")).status == 404
    assert (await browser.get("/static/../settings.py")).status == 404
    assert (await browser.get("/robots.txt")).status == 200


@pytest.mark.parametrize("path", ["/nl/accessibility", "/nl/privacy", "/nl/contact", "/fr/privacy"])
async def test_pages_about_the_site_are_there(browser, path):
    page = await browser.get(path)
    assert page.status == 200
    assert len(gzip.compress(page.text.encode())) < 14 * 1024


@pytest.mark.parametrize(
    ("language", "statement", "responsible"),
    [
        ("nl", "Vlaamse Ombudsdienst", "Leuven is verantwoordelijk"),
        ("fr", "Service de médiation flamand", "Louvain est responsable"),
    ],
)
async def test_the_statements_are_the_government_s_own_and_say_what_is_not_known(
    browser, language, statement, responsible
):
    page = await browser.get(f"/{language}/accessibility")
    assert statement in page.text
    assert "mailto:inspraak@leuven.example" in page.text
    assert "EN 301 549" in page.text
    page = await browser.get(f"/{language}/privacy")
    assert responsible in page.text
    assert "mailto:inspraak@leuven.example" in page.text


def token_in(text):
    start = text.index('name="token" value="') + len('name="token" value="')
    return text[start : text.index('"', start)]
