"""How many have voted so far: on the open poll's page, and as a line for the page's module."""

import re

from web.assets import SCRIPTS, STATIC

POLL = "00000000-0000-7000-8000-000000000001"
PATH = f"/nl/polls/{POLL}"
TURNOUT = f"/api/v1/polls/{POLL}/turnout"
AT = "2026-11-24T10:00:00+00:00"
SENTENCE = "1.284 stembriefjes tot nu toe"


async def test_an_open_poll_says_how_many_have_voted_and_alone_may_run_its_module(browser, gateway):
    gateway.show()
    gateway.on("GET", TURNOUT, 200, {"ballots": 1284, "at": AT})
    page = await browser.get(PATH)
    assert SENTENCE in page.text
    script = re.search(r'src="(/static/turnout-[0-9a-f]{10}\.js)"', page.text)[1]
    file = await browser.get(script)
    assert file.headers["content-type"].startswith("text/javascript")
    assert "immutable" in file.headers["cache-control"]
    policy = page.headers["content-security-policy"]
    assert "script-src 'self'; connect-src 'self'" in policy
    assert "unsafe" not in policy
    assert "script-src" not in (await browser.get("/nl/")).headers["content-security-policy"]
    assert '<p class="ds-sr-only" role="status"></p>' in page.text, "nothing is announced by opening the page"
    assert " hidden data-pause" in page.text, "without scripts there is nothing to pause"


async def test_a_turnout_that_fails_takes_only_itself_away(browser, gateway):
    gateway.show()
    gateway.refuse("GET", TURNOUT, 503, "service_unavailable")
    page = await browser.get(PATH)
    assert page.status == 200
    assert "data-turnout" not in page.text
    assert "script" not in page.headers["content-security-policy"]
    assert "/choice" in page.text


async def test_a_poll_that_is_not_open_has_no_turnout_so_far(browser, gateway):
    for status in ("scheduled", "closed", "published"):
        gateway.show(status=status)
        gateway.on("GET", TURNOUT, 200, {"ballots": 1284, "at": AT})
        assert "data-turnout" not in (await browser.get(PATH)).text
        assert (await browser.get(f"{PATH}/turnout")).status == 404


async def test_the_module_s_line_is_the_same_for_everybody_and_not_sent_twice(browser, gateway):
    gateway.show()
    gateway.on("GET", TURNOUT, 200, {"ballots": 1284, "at": AT})
    line = await browser.get(f"{PATH}/turnout")
    assert (line.status, line.text) == (200, SENTENCE)
    assert line.headers["content-type"].startswith("text/plain")
    again = await browser.get(f"{PATH}/turnout", **{"if-none-match": line.headers["etag"]})
    assert (again.status, again.text) == (304, "")
    await browser.sign_in(gateway)
    await browser.get(f"{PATH}/turnout")
    asked = [headers for method, path, _, headers in gateway.asked if path == TURNOUT]
    assert all("authorization" not in headers for headers in asked)
    gateway.refuse("GET", TURNOUT, 503, "service_unavailable")
    assert (await browser.get(f"{PATH}/turnout")).status == 503


def test_every_module_is_served_and_stays_small():
    files = {file.stem: len(file.read_bytes()) for file in (STATIC / "js").glob("*.js")}
    assert set(files) == set(SCRIPTS)
    assert sum(files.values()) < 5 * 1024
