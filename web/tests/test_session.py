"""Sessions and their refreshing, over HTTP against the stand-in."""

import asyncio
import re
import time
from uuid import UUID

import pytest
from web.gateway import Caller, Gateway, UnavailableError
from web.seal import Sealer
from web.session import Session, SessionEndedError, Sessions

POLL = "00000000-0000-7000-8000-000000000001"
TENANT = UUID("11111111-1111-4111-8111-111111111111")
CALLER = Caller(str(TENANT), "192.0.2.7")
REFRESH = ("POST", "/api/v1/sign-in/refresh")


SIGN_OUT = ("POST", "/api/v1/sign-out")


class Clock:
    """Goes on when it is told to."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
async def sessions(gateway, clock):
    async with Gateway(gateway.url, "key", seconds=1, connections=8) as client:
        yield Sessions(Sealer([b"k" * 32]), client, clock=clock)


def session(left=-5.0, refresh="refresh-old"):
    return Session("s1", "access-old", refresh, time.time() + left)


def tokens(name):
    return {"access_token": f"access-{name}", "expires_in": 900, "refresh_token": f"refresh-{name}"}


async def test_a_session_survives_its_cookie(sessions):
    kept = session()
    assert sessions.read(TENANT, sessions.seal(TENANT, kept)) == kept
    assert sessions.read(TENANT, "x" * 60) is None


async def test_a_token_that_lasts_is_not_exchanged(sessions, gateway):
    kept = session(left=600)
    assert await sessions.fresh(kept, CALLER) is kept
    assert not gateway.calls(*REFRESH)


async def test_a_token_that_ends_is_exchanged_and_the_forms_stay_valid(sessions, gateway):
    gateway.on(*REFRESH, 200, tokens("new"))
    fresh = await sessions.fresh(session(), CALLER)
    assert (fresh.access_token, fresh.refresh_token) == ("access-new", "refresh-new")
    assert fresh.id == "s1"
    assert gateway.calls(*REFRESH) == [{"refresh_token": "refresh-old"}]


async def test_tabs_that_load_at_once_share_one_exchange(sessions, gateway):
    gateway.on(*REFRESH, 200, tokens("new"))
    found = await asyncio.gather(*(sessions.fresh(session(), CALLER) for _ in range(20)))
    assert {each.access_token for each in found} == {"access-new"}
    assert len(gateway.calls(*REFRESH)) == 1


async def test_a_tab_that_missed_the_new_cookie_stays_signed_in(sessions, gateway, clock):
    gateway.on(*REFRESH, 200, tokens("new"))
    await sessions.fresh(session(), CALLER)
    gateway.refuse(*REFRESH, 401, "refresh_token_invalid")
    clock.now += 29
    assert (await sessions.fresh(session(), CALLER)).access_token == "access-new"


async def test_identity_sees_a_token_that_comes_again_after_half_a_minute(sessions, gateway, clock):
    gateway.on(*REFRESH, 200, tokens("new"))
    await sessions.fresh(session(), CALLER)
    gateway.refuse(*REFRESH, 401, "refresh_token_invalid")
    clock.now += 31
    with pytest.raises(SessionEndedError):
        await sessions.fresh(session(), CALLER)
    assert len(gateway.calls(*REFRESH)) == 2


@pytest.mark.parametrize("told", [True, False])
async def test_no_copy_of_a_cookie_outlives_its_session_s_end(sessions, gateway, clock, told):
    gateway.on(*REFRESH, 200, tokens("new"))
    fresh = await sessions.fresh(session(), CALLER)
    if told:
        gateway.on(*SIGN_OUT, 204)
        await sessions.end(fresh, CALLER)
    else:
        gateway.refuse(*SIGN_OUT, 503, "service_unavailable")
        with pytest.raises(UnavailableError):
            await sessions.end(fresh, CALLER)
    clock.now += 3599
    for copy in (fresh, session(), session(left=600)):
        with pytest.raises(SessionEndedError):
            await sessions.fresh(copy, CALLER)
    assert len(gateway.calls(*REFRESH)) == 1


async def test_a_cookie_copied_before_signing_out_votes_no_more(browser, gateway):
    gateway.show()
    gateway.on(*SIGN_OUT, 204)
    await browser.sign_in(gateway)
    copied = dict(browser.cookies)
    token = re.search('name="token" value="([^"]+)"', (await browser.get("/nl/")).text)[1]
    await browser.post("/nl/sign-out", token=token)
    browser.cookies = copied
    cast = await browser.post(f"/nl/polls/{POLL}/vote", token=token, choices="[1]")
    assert cast.location.startswith("/nl/sign-in")
    assert not gateway.calls("PUT", f"/api/v1/polls/{POLL}/vote")
    assert "__Host-session" not in browser.cookies


async def test_what_ends_one_session_leaves_all_others(sessions, gateway):
    gateway.on(*SIGN_OUT, 204)
    await sessions.end(session(), CALLER)
    another = Session("s2", "access-old", "refresh-old", time.time() + 600)
    assert await sessions.fresh(another, CALLER) is another
    elsewhere = Caller("22222222-2222-4222-8222-222222222222", "192.0.2.7")
    assert (await sessions.fresh(session(left=600), elsewhere)).id == "s1"


async def test_a_session_that_ends_while_its_token_is_exchanged_is_over(sessions, gateway):
    gateway.on(*REFRESH, 200, tokens("new"))
    gateway.on(*SIGN_OUT, 204)
    gateway.hang(*REFRESH)
    exchanged = asyncio.create_task(sessions.fresh(session(), CALLER))
    await asyncio.sleep(0)  # it is on its way
    await sessions.end(session(), CALLER)
    gateway.release()
    with pytest.raises(SessionEndedError):
        await exchanged


async def test_two_old_cookies_lead_to_the_newest_session(sessions, gateway):
    gateway.in_turn(*REFRESH, [tokens("second") | {"expires_in": -1}, tokens("third")])
    assert (await sessions.fresh(session(), CALLER)).access_token == "access-third"
    assert [body["refresh_token"] for body in gateway.calls(*REFRESH)] == ["refresh-old", "refresh-second"]


async def test_a_session_that_identity_does_not_know_is_over(sessions, gateway):
    gateway.refuse(*REFRESH, 401, "refresh_token_invalid")
    with pytest.raises(SessionEndedError):
        await sessions.fresh(session(), CALLER)


async def test_while_identity_is_down_a_token_serves_until_it_ends(sessions, gateway):
    gateway.refuse(*REFRESH, 503, "service_unavailable")
    nearly = session(left=10)
    assert await sessions.fresh(nearly, CALLER) is nearly
    with pytest.raises(UnavailableError):
        await sessions.fresh(session(), CALLER)


async def test_a_failed_exchange_is_tried_again(sessions, gateway):
    gateway.refuse(*REFRESH, 503, "service_unavailable")
    with pytest.raises(UnavailableError):
        await sessions.fresh(session(), CALLER)
    gateway.on(*REFRESH, 200, tokens("new"))
    assert (await sessions.fresh(session(), CALLER)).access_token == "access-new"


async def test_one_visitor_who_leaves_does_not_stop_the_exchange_of_the_others(sessions, gateway):
    gateway.on(*REFRESH, 200, tokens("new"))
    leaving, staying = (asyncio.create_task(sessions.fresh(session(), CALLER)) for _ in range(2))
    await asyncio.sleep(0)
    leaving.cancel()
    assert (await staying).access_token == "access-new"


async def test_signing_out_tells_identity_and_says_when_it_could_not(sessions, gateway):
    gateway.on(*SIGN_OUT, 204)
    await sessions.end(session(), CALLER)
    assert gateway.calls(*SIGN_OUT) == [{"refresh_token": "refresh-old"}]
    gateway.refuse(*SIGN_OUT, 503, "service_unavailable")
    with pytest.raises(UnavailableError):
        await sessions.end(session(), CALLER)
