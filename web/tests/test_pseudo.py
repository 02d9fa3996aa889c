import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import AnyHttpUrl, SecretStr
from web.i18n import LANGUAGES, language
from web.pseudo import KEPT, TAG, pseudo
from web.settings import Settings
from web.state import Web

KEY = SecretStr("c29tZS1vdGhlci1rZXktb2YtMzItYnl0ZXMtLS0tLSE")


@given(st.text(st.sampled_from("abcdefgh %()sd<>;&_\n"), max_size=80))
def test_what_is_filled_in_stays_and_the_text_grows(text):
    shown = pseudo(text)
    assert KEPT.findall(shown) == KEPT.findall(text)
    assert len(shown) >= len(text) * 1.3


def test_every_word_of_a_message_has_an_accent():
    shown = language(TAG).gettext("Sign in with your e-mail address to go on")
    assert shown == "Sign in with your e-mail address to go on", "a message of no catalogue stays as it is"
    shown = language(TAG).gettext("Check your vote")
    assert not [word for word in re.findall(r"[^\W\d]{2,}", shown) if word.isascii()]
    assert language(TAG).ngettext("%(n)s day left", "%(n)s days left", 2).startswith("%(n)s dåýš léft")


async def test_the_pseudo_language_is_never_offered(browser):
    page = await browser.get("/nl/")
    assert TAG not in page.text
    assert (await browser.get("/", **{"accept-language": TAG})).location == "/nl/"
    assert '<html lang="qps"' in (await browser.get("/qps/")).text
    assert (await browser.get("/language/qps")).status == 404


@pytest.mark.parametrize(("environment", "unspoken"), [("production", ()), ("development", (TAG,))])
def test_in_production_nobody_can_ask_for_it(environment, unspoken):
    url = AnyHttpUrl("http://127.0.0.1:1")
    web = Web.of(Settings(environment=environment, gateway_url=url, internal_key=KEY, session_key=KEY))
    assert web.unspoken == unspoken
    assert TAG not in LANGUAGES
