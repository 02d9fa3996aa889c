"""The account page."""

POLL = "00000000-0000-7000-8000-000000000001"
ME = {"person_id": POLL, "email": "an@example.org", "language": "nl", "level": 1, "roles": []}
TOPICS = "/api/v1/subscriptions"


def token_in(text):
    start = text.index('name="token" value="') + len('name="token" value="')
    return text[start : text.index('"', start)]


async def account(browser, gateway, *topics):
    gateway.on("GET", "/api/v1/me", 200, ME)
    gateway.on("GET", TOPICS, 200, {"items": [{"topic": topic} for topic in topics]})
    await browser.sign_in(gateway)
    return await browser.get("/nl/account")


async def test_the_account_is_for_who_is_signed_in(browser):
    assert (await browser.get("/nl/account")).location == "/nl/sign-in?next=%2Fnl%2Faccount"


async def test_the_account_shows_address_language_and_mails(browser, gateway):
    gateway.show()
    page = await account(browser, gateway, "polls", f"poll-{POLL}")
    assert "an@example.org" in page.text
    assert 'value="nl" checked' in page.text
    assert 'value="polls" checked' in page.text
    assert "Een autovrij plein?" in page.text


async def test_mails_are_begun_and_stopped(browser, gateway):
    gateway.show()
    page = await account(browser, gateway, f"poll-{POLL}")
    gateway.on("PUT", f"{TOPICS}/polls", 204)
    gateway.on("DELETE", f"{TOPICS}/poll-{POLL}", 204)
    answer = await browser.post(
        "/nl/account/notifications", token=token_in(page.text), shown=["polls", f"poll-{POLL}"], topic="polls"
    )
    assert answer.location == "/nl/account?saved=notifications"
    assert gateway.calls("PUT", f"{TOPICS}/polls") == [None]
    assert gateway.calls("DELETE", f"{TOPICS}/poll-{POLL}") == [None]
    assert "Uw keuze van mails is gewijzigd." in (await browser.get(answer.location)).text


async def test_only_topics_of_ours_are_touched(browser, gateway):
    page = await account(browser, gateway)
    await browser.post("/nl/account/notifications", token=token_in(page.text), shown=["../people", "x"], topic="x")
    assert not [path for method, path, _, _ in gateway.asked if method in {"PUT", "DELETE"}]


async def test_a_new_language_goes_for_mails_and_pages(browser, gateway):
    gateway.show()
    page = await account(browser, gateway, "polls")
    gateway.on("PATCH", "/api/v1/me", 200, ME)
    answer = await browser.post("/nl/account/language", token=token_in(page.text), language="fr")
    assert answer.location == "/fr/account?saved=language"
    assert gateway.calls("PATCH", "/api/v1/me") == [{"language": "fr"}]
    other = await browser.post("/nl/account/language", token=token_in(page.text), language="xx")
    assert other.location == "/nl/account"


async def test_the_account_is_partial_while_notifications_are_down(browser, gateway):
    await account(browser, gateway)
    gateway.refuse("GET", TOPICS, 503, "service_unavailable")
    page = await browser.get("/nl/account")
    assert page.status == 200
    assert "Uw keuze van mails kan nu niet getoond worden" in page.text
    assert "an@example.org" in page.text


async def test_a_followed_poll_that_cannot_be_read_now_is_counted_and_stays_followed(browser, gateway):
    gateway.refuse("GET", f"/api/v1/polls/{POLL}", 503, "service_unavailable")
    page = await account(browser, gateway, "polls", f"poll-{POLL}")
    assert page.status == 200
    assert "U volgt nog 1 peiling die hier niet getoond wordt" in page.text
    assert f'name="shown" value="poll-{POLL}"' not in page.text


async def test_my_votes_are_shown_with_their_polls_and_the_next_page(browser, gateway):
    await browser.sign_in(gateway)
    gateway.show()
    shown = gateway.answers["GET", f"/api/v1/polls/{POLL}"].body
    vote = {"poll": shown, "choices": [2], "cast_at": "2026-01-01T10:00:00+00:00"}
    gateway.on("GET", "/api/v1/my-votes", 200, {"items": [vote], "next": "abc"})
    page = await browser.get("/nl/account/votes")
    assert "Een autovrij plein?" in page.text
    assert "Nee" in page.text
    assert "om 11.00 uur" in page.text
    assert 'href="/nl/account/votes?after=abc"' in page.text
    assert page.headers["cache-control"] == "no-store"
    gateway.on("GET", "/api/v1/my-votes", 200, {"items": [], "next": None})
    assert "U hebt nog niet in een peiling gestemd" in (await browser.get("/nl/account/votes")).text
    assert "Er zijn geen stemmen meer." in (await browser.get("/nl/account/votes?after=abc")).text
    gateway.refuse("GET", "/api/v1/my-votes", 503, "service_unavailable")
    assert (await browser.get("/nl/account/votes")).status == 503


async def test_my_votes_are_for_who_is_signed_in(browser):
    assert (await browser.get("/nl/account/votes")).location == "/nl/sign-in?next=%2Fnl%2Faccount%2Fvotes"


async def test_a_followed_poll_that_is_gone_is_left_out(browser, gateway):
    page = await account(browser, gateway, f"poll-{POLL}")
    assert page.status == 200
    assert f"poll-{POLL}" not in page.text


async def test_settings_are_not_changed_without_the_form_s_token(browser, gateway):
    await account(browser, gateway)
    page = await browser.post("/nl/account/notifications", shown="polls", topic="polls")
    assert page.status == 403
    assert not [path for method, path, _, _ in gateway.asked if method in {"PUT", "DELETE"}]


async def test_the_last_link_of_a_mail_asks_and_then_stops_the_mails_without_signing_in(browser, gateway):
    gateway.on("GET", "/api/v1/unsubscribe", 200, {"topic": "polls"})
    gateway.on("POST", "/api/v1/unsubscribe", 200, {"topic": "polls"})
    page = await browser.get("/nl/unsubscribe?token=abc")
    assert "Deze mails stoppen?" in page.text
    assert not gateway.calls("POST", "/api/v1/unsubscribe")
    done = await browser.post("/nl/unsubscribe", token="abc")
    assert "Geen mails meer" in done.text
    assert len(gateway.calls("POST", "/api/v1/unsubscribe")) == 1


async def test_a_link_of_a_mail_that_is_none_of_ours_is_a_page_that_says_so(browser, gateway):
    gateway.on("GET", "/api/v1/unsubscribe", 404, {"code": "bad_link"})
    page = await browser.get("/nl/unsubscribe?token=x")
    assert page.status == 404
    assert "Deze link werkt niet" in page.text
    assert "Er is niets gewijzigd." in page.text
