import re
from pathlib import Path

import pytest
from babel.messages.extract import extract_from_dir
from hypothesis import given
from hypothesis import strategies as st
from web.i18n import LANGUAGES, Text, language, negotiate, pick, read_catalogue, spoken

PACKAGE = Path(__file__).parents[1] / "web"
METHODS = [("**.py", "python"), ("templates/**.html", "jinja2")]
OPTIONS = {"templates/**.html": {"newstyle_gettext": "true", "trim_blocks": "true", "lstrip_blocks": "true"}}
TRANSLATED = [tag for tag in LANGUAGES if tag != "en"]
NAMES = re.compile(r"%\((\w+)\)s|%d")


def messages() -> set:
    found = {message for _, _, message, _, _ in extract_from_dir(PACKAGE, METHODS, OPTIONS)}
    assert len(found) > 200
    return found


@pytest.mark.parametrize("tag", TRANSLATED)
def test_every_message_of_the_source_is_translated_and_no_other(tag):
    catalogue = {message.id: message for message in read_catalogue(tag) if message.id}
    assert catalogue.keys() == messages()
    for message in catalogue.values():
        texts = message.string if isinstance(message.string, tuple) else (message.string,)
        assert all(text.strip() for text in texts), message.id
        assert not message.fuzzy, message.id


@pytest.mark.parametrize("tag", TRANSLATED)
def test_a_translation_has_the_same_placeholders_as_its_message(tag):
    for message in read_catalogue(tag):
        ids = message.id if isinstance(message.id, tuple) else (message.id,)
        texts = message.string if isinstance(message.string, tuple) else (message.string,)
        if not ids[0]:
            continue
        wanted = {match.group() for text in ids for match in NAMES.finditer(text)}
        for text in texts:
            assert {match.group() for match in NAMES.finditer(text)} == wanted, message.id
            assert "%" not in NAMES.sub("", text), message.id


@pytest.mark.parametrize("tag", TRANSLATED)
def test_no_page_calls_a_poll_secret(tag):
    words = re.compile(r"geheim|secret|anoniem|anonym", re.IGNORECASE)
    for message in read_catalogue(tag):
        assert not words.search(str(message.id)), message.id
        assert not words.search(str(message.string)), message.id


def test_a_text_is_given_in_the_wanted_language_or_says_in_which_it_is():
    texts = {"nl": "plein", "fr": "place"}
    assert pick(texts, "fr", "nl") == Text("place", "fr")
    assert pick(texts, "de", "nl") == Text("plein", "nl", foreign=True)
    assert pick({"en": "square"}, "de", "nl") == Text("square", "en", foreign=True)
    assert pick({"fr": " ", "nl": "plein"}, "fr", "nl").lang == "nl"
    assert not pick({}, "fr", "nl")
    assert not pick(None, "fr", "nl")


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("fr-BE,fr;q=0.9,nl;q=0.8", "fr"),
        ("nl;q=0.8,fr;q=0.9", "fr"),
        ("fr;q=0,nl", "nl"),
        ("es", "nl"),
        ("", "nl"),
        ("*", "nl"),
        ("fr;q=high", "nl"),
        ("de-AT,fr", "fr"),
    ],
)
def test_the_language_is_the_best_liked_of_those_that_the_government_offers(header, expected):
    assert negotiate(header, ("nl", "fr")) == expected


@given(st.text())
def test_no_header_of_a_browser_breaks_the_choice_of_a_language(header):
    assert negotiate(header, ("nl", "fr")) in {"nl", "fr"}


def test_only_languages_that_the_interface_speaks_are_offered():
    assert spoken(["nl", "fr"]) == ("nl", "fr")
    assert spoken(["it", "de"]) == ("de",)
    assert spoken(["it"]) == ("en",)


def test_languages_are_called_by_their_own_names():
    assert [language(tag).name for tag in LANGUAGES] == ["Nederlands", "Français", "Deutsch", "English"]
    assert language("nl").name_of("fr") == "Frans"


def texts_of(tag) -> list[str]:
    strings = [message.string for message in read_catalogue(tag) if message.id]
    return [text for one in strings for text in (one if isinstance(one, tuple) else (one,))]


def test_french_signs_stand_behind_a_space_at_which_no_line_may_end():
    forgotten = re.compile(r"(?<![ \d])[:;!?»]|«(?! )")  # 20:00 is an hour
    assert [text for text in texts_of("fr") if forgotten.search(text)] == []
    said = language("fr").gettext
    shown = [said(message.id) for message in read_catalogue("fr") if message.id and isinstance(message.id, str)]
    assert [text for text in shown if re.search(r" [:;!?»]|« ", text)] == []
    assert said("%(part)s: %(whole)s") == "%(part)s\N{NO-BREAK SPACE}: %(whole)s"


@pytest.mark.parametrize(("tag", "word"), [("nl", r"\bregels?\b"), ("fr", r"\brègle"), ("de", r"\bRegel")])
def test_what_counts_the_votes_is_called_a_method_and_nothing_else(tag, word):
    others = "alinea|WCAG"  # the line of a text, and the guidelines
    assert [text for text in texts_of(tag) if re.search(word, text) and not re.search(others, text)] == []
