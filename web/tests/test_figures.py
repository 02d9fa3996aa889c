from fractions import Fraction

import pytest
from web.figures import share, votes, whole
from web.i18n import language


@pytest.mark.parametrize(
    ("exact", "text"),
    [
        ("4314", "4.314"),
        ("5905/2", "2.952,5"),
        ("1/4", "0,25"),
        ("1/3", "≈ 0,33"),
        ("0", "0"),
        ("13450/3", "≈ 4.483,33"),
    ],
)
def test_shared_votes_are_shown_exactly_or_marked_as_rounded(exact, text):
    assert votes(exact, language("nl")) == text


def test_numbers_are_grouped_as_each_language_does():
    assert [whole(8980, language(tag)) for tag in ("nl", "fr", "de", "en")] == ["8.980", "8\u202f980", "8.980", "8,980"]


def test_a_share_has_one_decimal_and_nothing_of_nothing_is_zero():
    assert share(Fraction(4314), Fraction(8378), language("nl")) == "51,5%"
    assert share(0, 0, language("nl")) == "0%"
