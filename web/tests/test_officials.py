"""Around officials' pages: who may open them, and that no form is lost on the way."""

import pytest
from web.officials import roles_of


async def test_officials_find_their_pages_in_the_header_and_nobody_else_does(browser, gateway):
    assert 'href="/nl/manage"' not in (await browser.get("/nl/")).text
    await browser.sign_in(gateway)
    assert 'href="/nl/manage"' not in (await browser.get("/nl/")).text
    await browser.sign_in(gateway, "project_manager")
    assert 'href="/nl/manage"' in (await browser.get("/nl/")).text


@pytest.mark.parametrize(
    ("back", "target"), [({}, "/nl/manage"), ({"next": "/nl/"}, "/nl/manage"), ({"next": "/nl/polls"}, "/nl/polls")]
)
async def test_signing_in_leads_officials_to_their_work_unless_they_came_for_something_else(
    browser, gateway, back, target
):
    await browser.sign_in(gateway, "project_manager")
    await browser.post("/nl/sign-in", email="an@example.org", **back)
    assert (await browser.post("/nl/sign-in/code", code="123456")).location == target


async def test_the_navigation_says_where_one_is(browser, gateway):
    await browser.sign_in(gateway, "administrator")
    page = await browser.get("/nl/manage")
    assert page.status == 200
    assert '<a href="/nl/manage" aria-current="true">' in page.text
    assert page.headers["cache-control"] == "no-store"


async def test_a_visitor_is_asked_to_sign_in_and_comes_back(browser):
    page = await browser.get("/nl/manage")
    assert (page.status, page.location) == (303, "/nl/sign-in?next=%2Fnl%2Fmanage")


async def test_who_has_no_role_is_told_why_and_whom_to_ask(browser, gateway):
    await browser.sign_in(gateway)
    page = await browser.get("/fr/manage")
    assert page.status == 403
    assert "Demandez ce rôle à un administrateur de Louvain" in page.text


@pytest.mark.parametrize("token", ["", "a", "a.b.c", "a.e30.c", "a.bnVsbA.c", "a.eyJyb2xlcyI6NX0.c"])
def test_a_token_that_cannot_be_read_names_no_role(token):
    assert roles_of(token) == frozenset()


def test_a_token_s_roles_are_read():
    assert roles_of("h.eyJyb2xlcyI6WyJhZG1pbmlzdHJhdG9yIl19.s") == {"administrator"}
