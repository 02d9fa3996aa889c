from typing import get_args

import pytest
from web.i18n import LANGUAGES, language
from web.rules_explained import explain, explain_all

from web import api


def sentences(text):
    return sum(text.count(end) for end in ".?!") - text.count("...")


@pytest.mark.parametrize("tag", LANGUAGES)
def test_every_rule_is_explained_in_two_sentences_to_citizens_and_in_two_to_four_to_officials(tag):
    explained = explain_all(language(tag))
    assert set(explained) == set(get_args(api.Rule))
    for rule, texts in explained.items():
        assert texts.name
        assert sentences(texts.citizens) in {2, 3}, rule  # of three, one is the question that Schulze's method asks
        assert 2 <= sentences(texts.officials) <= 4, rule


@pytest.mark.parametrize("tag", [tag for tag in LANGUAGES if tag != "en"])
def test_no_explanation_is_left_in_english(tag):
    english, other = explain_all(language("en")), explain_all(language(tag))
    for rule in english:
        assert english[rule].citizens != other[rule].citizens
        assert english[rule].officials != other[rule].officials


def test_a_rule_of_tomorrow_is_shown_by_its_own_name():
    assert explain("borda", language("nl")).name == "borda"
