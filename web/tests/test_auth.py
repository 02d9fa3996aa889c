"""Signing in and out through the pages."""

import pytest

CODES, SIGN_IN, REFRESH = (("POST", f"/api/v1/{path}") for path in ("sign-in/codes", "sign-in", "sign-in/refresh"))


def token_in(text):
    start = text.index('name="token" value="') + len('name="token" value="')
    return text[start : text.index('"', start)]


@pytest.mark.parametrize(
    "address", ["", "an", "an@", "an@example", "an peeters@example.org", "@example.org", "x" * 255]
)
async def test_what_is_surely_no_address_is_a_mistake_and_stays_typed(browser, gateway, address):
    page = await browser.post("/nl/sign-in", email=address)
    assert page.status == 422
    assert "Vul een e-mailadres in" in page.text
    assert f'value="{address}"' in page.text
    assert 'aria-invalid="true"' in page.text
    assert not gateway.calls(*CODES)


async def test_the_code_is_asked_for_in_the_page_s_language(browser, gateway):
    gateway.on(*CODES, 202, {"handle": "h"})
    page = await browser.post("/fr/sign-in", email=" an@example.org ")
    assert page.location == "/fr/sign-in/code"
    assert gateway.calls(*CODES) == [{"email": "an@example.org", "language": "fr"}]
    code = await browser.get(page.location)
    assert "an@example.org" in code.text
    assert 'autocomplete="one-time-code"' in code.text
    gateway.on(*SIGN_IN, 200, {"access_token": "a", "expires_in": 900, "refresh_token": "r"})
    await browser.post("/fr/sign-in/code", code="123 456")
    assert gateway.calls(*SIGN_IN) == [{"handle": "h", "code": "123456"}]
    assert "__Host-sign-in" not in browser.cookies


async def test_the_handle_is_sealed_and_stands_on_no_page(browser, gateway):
    gateway.on(*CODES, 202, {"handle": "this-is-the-handle"})
    sent = await browser.post("/nl/sign-in", email="an@example.org")
    page = await browser.get(sent.location)
    assert "this-is-the-handle" not in page.text + str(page.headers) + str(sent.headers) + str(browser.cookies)


@pytest.mark.parametrize("handle", ["first", "second"])
async def test_two_tabs_that_ask_for_a_code_each_both_work(browser, gateway, handle):
    """And so does an earlier code when the address was mailed so much that the newest never comes."""
    for each in ("first", "second"):
        gateway.on(*CODES, 202, {"handle": each})
        await browser.post("/nl/sign-in", email="an@example.org", next="/nl/account")
    gateway.sign_in_with(handle)
    assert (await browser.post("/nl/sign-in/code", code="123456")).location == "/nl/account"


async def test_asking_for_another_address_forgets_the_handles_of_the_one_before(browser, gateway):
    for handle, address in (("first", "an@example.org"), ("second", "bert@example.org")):
        gateway.on(*CODES, 202, {"handle": handle})
        await browser.post("/nl/sign-in", email=address)
    gateway.sign_in_with("first")
    page = await browser.post("/nl/sign-in/code", code="123456")
    assert page.status == 422
    assert "bert@example.org" in page.text
    assert [body["handle"] for body in gateway.calls(*SIGN_IN)] == ["second"]


@pytest.mark.parametrize(
    ("left", "sentence"),
    [
        (3, "Deze code is fout. Controleer hem; u kunt nog 3 keer proberen"),
        (1, "Deze code is fout. Controleer hem; u kunt nog 1 keer proberen"),
        (0, "Deze code is te vaak geprobeerd."),
    ],
)
async def test_a_wrong_code_says_how_often_one_can_try_again(browser, gateway, left, sentence):
    gateway.on(*CODES, 202, {"handle": "h"})
    gateway.on(*SIGN_IN, 403, {"status": 403, "code": "code_wrong", "title": "", "attempts_left": left})
    await browser.post("/nl/sign-in", email="an@example.org")
    page = await browser.post("/nl/sign-in/code", code="123456")
    assert page.status == 422
    assert sentence in page.text
    assert "an@example.org" in page.text


async def test_the_code_page_needs_an_address_first(browser):
    assert (await browser.get("/nl/sign-in/code")).location == "/nl/sign-in"
    assert (await browser.post("/nl/sign-in/code", code="123456")).location == "/nl/sign-in"


@pytest.mark.parametrize(
    ("status", "code", "shown", "sentence"),
    [
        (403, "code_wrong", 422, "Deze code is fout."),
        (403, "code_expired", 422, "Deze code is te oud."),
        (403, "too_many_attempts", 422, "Deze code is te vaak geprobeerd."),
        (403, "too_many_accounts", 422, "Er zijn vandaag al meerdere nieuwe accounts gemaakt met deze mailbox."),
        (422, "invalid", 422, "Deze code is fout."),
        (429, "too_many_requests", 429, "Te veel pogingen."),
        (503, "service_unavailable", 503, "Deze pagina kan nu niet getoond worden"),
    ],
)
async def test_a_code_that_does_not_work_says_why(  # noqa: PLR0917 - a table
    browser, gateway, status, code, shown, sentence
):
    gateway.on(*CODES, 202, {"handle": "h"})
    gateway.refuse(*SIGN_IN, status, code)
    await browser.post("/nl/sign-in", email="an@example.org")
    page = await browser.post("/nl/sign-in/code", code="123456")
    assert page.status == shown
    assert sentence in page.text
    assert "__Host-session" not in browser.cookies


async def test_too_many_codes_are_told(browser, gateway):
    gateway.refuse(*CODES, 429, "too_many_requests")
    page = await browser.post("/nl/sign-in", email="an@example.org")
    assert page.status == 429
    assert "Er zijn te veel codes gevraagd" in page.text


async def test_an_empty_code_is_not_sent(browser, gateway):
    gateway.on(*CODES, 202, {"handle": "h"})
    await browser.post("/nl/sign-in", email="an@example.org")
    page = await browser.post("/nl/sign-in/code", code=" - ")
    assert page.status == 422
    assert not gateway.calls(*SIGN_IN)


async def test_signing_in_goes_nowhere_but_to_this_host(browser, gateway):
    gateway.on(*CODES, 202, {"handle": "h"})
    gateway.on(*SIGN_IN, 200, {"access_token": "a", "expires_in": 900, "refresh_token": "r"})
    await browser.post("/nl/sign-in", email="an@example.org", next="//evil.example/")
    assert (await browser.post("/nl/sign-in/code", code="123456")).location == "/nl/"


async def test_who_is_signed_in_is_not_asked_again(browser, gateway):
    await browser.sign_in(gateway)
    assert (await browser.get("/nl/sign-in?next=/nl/account")).location == "/nl/account"


async def test_the_browser_cannot_read_its_session(browser, gateway):
    await browser.sign_in(gateway)
    cookie = browser.cookies["__Host-session"]
    assert "access" not in cookie
    assert len(cookie) < 4000


async def test_a_session_of_one_government_is_nothing_at_another(browser, gateway):
    gateway.show()
    await browser.sign_in(gateway)
    assert "Afmelden" in (await browser.get("/nl/")).text
    browser.tenant = "22222222-2222-4222-8222-222222222222"
    assert "Aanmelden" in (await browser.get("/nl/")).text


async def test_the_access_token_goes_to_the_api_and_never_to_the_page(browser, gateway):
    gateway.show()
    await browser.sign_in(gateway)
    page = await browser.get("/nl/")
    assert gateway.asked[-1][3]["authorization"] == "Bearer access-first"
    assert "access-first" not in page.text


async def test_a_token_about_to_end_is_exchanged_on_the_way(browser, gateway):
    gateway.on(*REFRESH, 200, {"access_token": "second", "expires_in": 900, "refresh_token": "r2"})
    await browser.sign_in(gateway, expires_in=10)
    before = browser.cookies["__Host-session"]
    page = await browser.get("/nl/")
    assert "Afmelden" in page.text
    assert browser.cookies["__Host-session"] != before
    assert gateway.calls(*REFRESH) == [{"refresh_token": "refresh-first"}]


async def test_a_session_that_is_over_is_said_and_the_cookie_goes(browser, gateway):
    gateway.refuse(*REFRESH, 401, "refresh_token_invalid")
    await browser.sign_in(gateway, expires_in=-1)
    page = await browser.get("/nl/")
    assert page.status == 200
    assert "Uw sessie is afgelopen" in page.text
    assert "__Host-session" not in browser.cookies
    assert "Uw sessie is afgelopen" not in (await browser.get("/nl/")).text


async def test_while_identity_is_down_pages_can_be_read(browser, gateway):
    gateway.show()
    gateway.refuse(*REFRESH, 503, "service_unavailable")
    await browser.sign_in(gateway, expires_in=-1)
    page = await browser.get("/nl/")
    assert page.status == 200
    assert "Aanmelden lukt nu niet" in page.text
    assert "__Host-session" in browser.cookies
    assert page.headers["cache-control"] == "no-store"
    assert (await browser.get("/nl/account")).status == 503


async def test_signing_out_forgets_everything_but_the_language(browser, gateway):
    gateway.show()
    gateway.on("POST", "/api/v1/sign-out", 204)
    await browser.get("/language/nl?next=/nl/")
    await browser.sign_in(gateway)
    await browser.post("/nl/polls/00000000-0000-7000-8000-000000000001/choice", choice="1")
    page = await browser.get("/nl/")
    out = await browser.post("/nl/sign-out", token=token_in(page.text))
    assert "U bent afgemeld" in out.text
    assert set(browser.cookies) == {"__Host-language"}
    assert gateway.calls("POST", "/api/v1/sign-out") == [{"refresh_token": "refresh-first"}]


async def test_signing_out_while_identity_is_down_is_honest(browser, gateway):
    gateway.refuse("POST", "/api/v1/sign-out", 503, "service_unavailable")
    await browser.sign_in(gateway)
    page = await browser.get("/nl/")
    out = await browser.post("/nl/sign-out", token=token_in(page.text))
    assert "kon het nog niet horen" in out.text
    assert "__Host-session" not in browser.cookies


async def test_nobody_can_be_signed_out_from_another_site(browser, gateway):
    await browser.sign_in(gateway)
    browser.site = "cross-site"
    assert (await browser.post("/nl/sign-out")).status == 403
    assert "__Host-session" in browser.cookies
