"""Voting through the pages: choose, review, sign in, cast, change, withdraw, and every way in which it can fail."""

import json

import pytest

POLL = "00000000-0000-7000-8000-000000000001"
PATH = f"/nl/polls/{POLL}"
VOTE = f"/api/v1/polls/{POLL}/vote"


def hidden(text, name):
    start = text.index(f'name="{name}" value="') + len(f'name="{name}" value="')
    return text[start : text.index('"', start)].replace("&#34;", '"')


async def reviewed(browser, gateway, **fields):
    """The review of a choice in a yes/no poll."""
    if not any(key[1] == f"/api/v1/polls/{POLL}" for key in gateway.answers):
        gateway.show()
    page = await browser.post(f"{PATH}/choice", **(fields or {"choice": "2"}))
    assert (page.status, page.location) == (303, f"{PATH}/review")
    return await browser.get(page.location)


async def test_a_signed_out_visitor_chooses_first_and_signs_in_last(browser, gateway):
    gateway.show()
    gateway.on("PUT", VOTE, 200, {"voted": True, "choices": [2]})
    review = await reviewed(browser, gateway)
    assert "Gekozen, nog niet ingediend" in review.text
    assert "Nee" in review.text
    cast = await browser.post(f"{PATH}/vote", choices=hidden(review.text, "choices"))
    assert cast.location == f"/nl/sign-in?next=%2Fnl%2Fpolls%2F{POLL}%2Freview"
    sign_in = await browser.get(cast.location)
    assert "Wat u gekozen hebt, blijft bewaard" in sign_in.text
    gateway.on("POST", "/api/v1/sign-in/codes", 202, {"handle": "h"})
    tokens = {"access_token": "a", "expires_in": 900, "refresh_token": "r"}
    gateway.on("POST", "/api/v1/sign-in", 200, tokens)
    await browser.post("/nl/sign-in", email="an@example.org", next=hidden(sign_in.text, "next"))
    back = await browser.post("/nl/sign-in/code", code="123 456")
    assert back.location == f"{PATH}/review"
    review = await browser.get(back.location)
    assert "Breng uw stem uit" in review.text
    assert hidden(review.text, "choices") == "[2]", "the choice is intact"
    cast = await browser.post(
        f"{PATH}/vote", choices=hidden(review.text, "choices"), token=hidden(review.text, "token")
    )
    assert (cast.status, cast.location) == (303, f"{PATH}/vote")
    assert gateway.calls("PUT", VOTE) == [{"choices": [2]}]
    assert "__Host-draft" not in browser.cookies
    gateway.on("GET", VOTE, 200, {"voted": True, "choices": [2], "cast_at": "2026-11-20T10:00:00+00:00"})
    confirmation = await browser.get(cast.location)
    assert "<title>U hebt gestemd" in confirmation.text
    assert "<strong>Ja.</strong>" in confirmation.text
    assert "om 11.00 uur" in confirmation.text


async def test_a_mistaken_ballot_comes_back_with_what_was_filled_in(browser, gateway):
    gateway.show(rule="approval", max_choices=1)
    page = await browser.post(f"{PATH}/choice", choice=["1", "3"])
    assert page.status == 422
    assert "<title>Fout:" in page.text
    assert 'role="alert"' in page.text
    assert 'href="#choice-1"' in page.text
    assert page.text.count(" checked") == 2
    assert page.headers["cache-control"] == "no-store"


async def test_the_error_summary_takes_the_focus_and_the_alert_is_inside_it(browser, gateway):
    gateway.show()
    page = await browser.post(f"{PATH}/choice")
    summary = page.text.index('class="ds-error-summary" tabindex="-1" autofocus')
    assert summary < page.text.index('role="alert"') < page.text.index("<h1")


async def test_a_ranking_is_reviewed_with_equal_places(browser, gateway):
    gateway.show(rule="irv")
    review = await reviewed(browser, gateway, **{"rank-1": "2", "rank-2": "2", "rank-3": "1"})
    assert json.loads(hidden(review.text, "choices")) == [3, [1, 2]]
    assert "(gelijk)" in review.text
    ballot = await browser.get(f"{PATH}?change=1")
    assert ballot.text.count(" selected") == 3, "changing begins with the choice"


async def test_a_judgment_is_reviewed_in_words_and_says_what_was_left_open(browser, gateway):
    gateway.show(rule="majority_judgment")
    review = await reviewed(browser, gateway, **{"grade-1": "4", "grade-3": "0"})
    assert json.loads(hidden(review.text, "choices")) == [[1, 4], [3, 0]]
    assert "<dt>Lindeplein</dt><dd>Zeer goed</dd>" in review.text
    assert '<dt>Marktplein</dt><dd>Te verwerpen <span class="left-out">(niet ingevuld)</span></dd>' in review.text
    assert "<dt>Curieplein</dt><dd>Te verwerpen</dd>" in review.text
    ballot = await browser.get(f"{PATH}?change=1")
    assert ballot.text.count(" checked") == 2, "changing begins with the choice"


async def test_points_are_reviewed_as_numbers(browser, gateway):
    gateway.show(rule="score")
    review = await reviewed(browser, gateway, **{"grade-2": "5"})
    assert "<dt>Marktplein</dt><dd>5</dd>" in review.text


@pytest.mark.parametrize("rule", ["score", "majority_judgment"])
async def test_a_ballot_without_any_grade_comes_back_with_the_mistake(browser, gateway, rule):
    gateway.show(rule=rule)
    page = await browser.post(f"{PATH}/choice")
    assert page.status == 422
    assert f'href="#grade-1-{5 if rule == "majority_judgment" else 0}"' in page.text
    assert page.text.count('aria-invalid="true"') == 18


async def test_a_draft_of_a_hundred_grades_fits_its_cookie_beside_others(browser, gateway):
    options = [{"number": n, "labels": {"nl": f"Plein {n}"}, "descriptions": {}} for n in range(1, 101)]
    gateway.show(rule="score", options=options)
    await browser.post(f"{PATH}/choice", **{f"grade-{n}": str(n % 6) for n in range(1, 101)})
    assert len(browser.cookies["__Host-draft"]) < 4096
    review = await browser.get(f"{PATH}/review")
    assert json.loads(hidden(review.text, "choices")) == [[n, n % 6] for n in range(1, 101)]


async def test_a_vote_in_grades_is_shown_as_it_was_cast(browser, gateway):
    gateway.show(rule="majority_judgment", status="closed")
    await browser.sign_in(gateway)
    cast = {"voted": True, "choices": [[2, 5]], "cast_at": "2026-11-20T10:00:00+00:00"}
    gateway.on("GET", VOTE, 200, cast)
    page = await browser.get(f"{PATH}/vote")
    assert "<dt>Marktplein</dt><dd>Uitstekend</dd>" in page.text


async def test_a_blank_vote_is_reviewed_as_such(browser, gateway):
    review = await reviewed(browser, gateway, choice="blank")
    assert "Blanco: u neemt deel en kiest geen antwoord" in review.text
    assert hidden(review.text, "choices") == "[]"


async def test_a_review_without_a_choice_leads_to_the_ballot(browser, gateway):
    gateway.show()
    assert (await browser.get(f"{PATH}/review")).location == PATH
    assert (await browser.get(f"{PATH}/choice")).location == PATH
    assert (await browser.post(f"{PATH}/vote", choices="nonsense")).location == PATH


async def test_choices_of_two_polls_wait_side_by_side(browser, gateway):
    other = "00000000-0000-7000-8000-000000000002"
    await reviewed(browser, gateway)
    shown = gateway.answers["GET", f"/api/v1/polls/{POLL}"].body | {"poll_id": other}
    gateway.on("GET", f"/api/v1/polls/{other}", 200, shown)
    await browser.post(f"/nl/polls/{other}/choice", choice="1")
    assert hidden((await browser.get(f"{PATH}/review")).text, "choices") == "[2]"
    assert hidden((await browser.get(f"/nl/polls/{other}/review")).text, "choices") == "[1]"


async def test_a_session_that_ended_on_submit_loses_nothing(browser, gateway):
    gateway.show()
    await browser.sign_in(gateway)
    review = await reviewed(browser, gateway)
    del browser.cookies["__Host-session"]
    cast = await browser.post(f"{PATH}/vote", choices="[2]", token=hidden(review.text, "token"))
    assert "/sign-in?next=" in cast.location
    assert hidden((await browser.get(f"{PATH}/review")).text, "choices") == "[2]"


async def test_a_token_that_the_services_no_longer_take_is_exchanged_and_the_vote_cast(browser, gateway):
    gateway.show()
    await browser.sign_in(gateway)
    review = await reviewed(browser, gateway)
    gateway.on("POST", "/api/v1/sign-in/refresh", 200, {"access_token": "b", "expires_in": 900, "refresh_token": "s"})
    gateway.refuse_token("PUT", VOTE, "access-first")
    cast = await browser.post(f"{PATH}/vote", choices="[2]", token=hidden(review.text, "token"))
    assert cast.location == f"{PATH}/vote"
    assert len(gateway.calls("PUT", VOTE)) == 2


async def test_a_revoked_session_on_submit_leads_to_signing_in_with_the_choice_kept(browser, gateway):
    gateway.show()
    await browser.sign_in(gateway)
    review = await reviewed(browser, gateway)
    gateway.refuse("PUT", VOTE, 401, "bad_token")
    gateway.refuse("POST", "/api/v1/sign-in/refresh", 401, "refresh_token_invalid")
    cast = await browser.post(f"{PATH}/vote", choices="[2]", token=hidden(review.text, "token"))
    assert "/sign-in?next=" in cast.location
    assert "__Host-session" not in browser.cookies
    assert hidden((await browser.get(f"{PATH}/review")).text, "choices") == "[2]"


async def test_a_form_of_an_earlier_sign_in_is_reviewed_again_and_not_cast(browser, gateway):
    gateway.show()
    await browser.sign_in(gateway)
    cast = await browser.post(f"{PATH}/vote", choices="[1]", token="0" * 48)
    assert cast.location == f"{PATH}/review"
    assert not gateway.calls("PUT", VOTE)


async def test_a_vote_sent_from_another_site_is_refused(browser, gateway):
    gateway.show()
    await browser.sign_in(gateway)
    browser.site = "cross-site"
    page = await browser.post(f"{PATH}/vote", choices="[1]")
    assert page.status == 403
    assert "Dit formulier kwam van een andere website" in page.text
    assert "Afmelden" not in page.text, "nothing of the person's own on an answer to another site"
    assert not gateway.calls("PUT", VOTE)


@pytest.mark.parametrize(
    ("status", "code", "shown", "sentence"),
    [
        (409, "poll_not_open", 409, "De peiling sloot voor uw stem aankwam"),
        (409, "wrong_number_of_choices", 422, "Dit stembriefje kan niet ingediend worden"),
        (422, "invalid", 422, "Dit stembriefje kan niet ingediend worden"),
        (429, "too_many_requests", 429, "Uw keuze is bewaard. Wacht even"),
        (403, "forbidden", 403, "U kunt in deze peiling niet stemmen"),
        (404, "not_found", 404, "Deze pagina bestaat niet"),
        (503, "service_unavailable", 503, "We konden uw stem niet bevestigen"),
        (500, "internal", 503, "We konden uw stem niet bevestigen"),
    ],
)
async def test_each_failure_says_whether_the_vote_counts_and_keeps_the_choice(  # noqa: PLR0917 - a table
    browser, gateway, status, code, shown, sentence
):
    gateway.show()
    await browser.sign_in(gateway)
    review = await reviewed(browser, gateway)
    gateway.refuse("PUT", VOTE, status, code)
    page = await browser.post(f"{PATH}/vote", choices="[2]", token=hidden(review.text, "token"))
    assert page.status == shown
    assert sentence in page.text
    assert ("retry-after" in page.headers) == (shown in {429, 503})
    kept = await browser.get(f"{PATH}/review")
    assert (kept.status == 200) == (code != "poll_not_open"), "the choice is there to be tried again"


async def test_a_vote_that_gets_no_answer_in_time_may_be_cast_again(browser, gateway):
    gateway.show()
    await browser.sign_in(gateway)
    review = await reviewed(browser, gateway)
    gateway.hang("PUT", VOTE)
    page = await browser.post(f"{PATH}/vote", choices="[2]", token=hidden(review.text, "token"))
    gateway.release()
    assert page.status == 503
    assert "Opnieuw indienen is veilig" in page.text
    gateway.on("PUT", VOTE, 200, {"voted": True, "choices": [2]})
    again = await browser.get(f"{PATH}/review")
    cast = await browser.post(f"{PATH}/vote", choices="[2]", token=hidden(again.text, "token"))
    assert cast.location == f"{PATH}/vote"


async def test_a_poll_that_closed_meanwhile_takes_no_choice(browser, gateway):
    await reviewed(browser, gateway)
    gateway.show(status="closed")
    assert (await browser.post(f"{PATH}/choice", choice="1")).location == PATH
    assert (await browser.get(f"{PATH}/review")).location == PATH


async def test_have_i_voted_has_a_plain_no_and_a_plain_not_known(browser, gateway):
    gateway.show()
    await browser.sign_in(gateway)
    page = await browser.get(f"{PATH}/vote")
    assert "<title>U hebt niet gestemd" in page.text
    assert "<strong>Nee.</strong>" in page.text
    gateway.refuse("GET", VOTE, 503, "service_unavailable")
    assert "<title>We kunnen nu niet zeggen of u gestemd hebt" in (await browser.get(f"{PATH}/vote")).text


async def test_the_confirmation_is_for_who_is_signed_in(browser, gateway):
    gateway.show()
    assert "/sign-in?next=" in (await browser.get(f"{PATH}/vote")).location


async def test_a_vote_is_withdrawn_after_a_question(browser, gateway):
    gateway.show()
    gateway.on("GET", VOTE, 200, {"voted": True, "choices": [2], "cast_at": "2026-11-20T10:00:00+00:00"})
    gateway.on("DELETE", VOTE, 204)
    await browser.sign_in(gateway)
    question = await browser.get(f"{PATH}/withdraw")
    assert "Uw stem intrekken?" in question.text
    done = await browser.post(f"{PATH}/withdraw", token=hidden(question.text, "token"))
    assert done.location == f"{PATH}/vote?withdrawn=1"
    assert gateway.calls("DELETE", VOTE) == [None]
    gateway.on("GET", VOTE, 200, {"voted": False})
    assert "U hebt uw stem ingetrokken." in (await browser.get(done.location)).text


async def test_withdrawing_needs_the_form_s_token_and_an_open_poll(browser, gateway):
    gateway.show()
    gateway.on("GET", VOTE, 200, {"voted": True, "choices": [2]})
    await browser.sign_in(gateway)
    question = await browser.get(f"{PATH}/withdraw")
    stale = await browser.post(f"{PATH}/withdraw", token="1" * 48)
    assert stale.status == 403
    assert "Dit formulier is niet meer geldig" in stale.text
    assert not gateway.calls("DELETE", VOTE)
    gateway.refuse("DELETE", VOTE, 409, "poll_not_open")
    late = await browser.post(f"{PATH}/withdraw", token=hidden(question.text, "token"))
    assert late.status == 409
    assert "Uw stem blijft staan." in late.text
    gateway.show(status="closed")
    assert (await browser.get(f"{PATH}/withdraw")).location == PATH


async def test_a_form_that_is_too_large_is_not_read(browser, gateway):
    gateway.show()
    page = await browser.post(f"{PATH}/choice", choice="x" * 70_000)
    assert page.status == 404
