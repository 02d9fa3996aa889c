import base64
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from web.seal import Sealer

LEUVEN, GENT = UUID(int=1), UUID(int=2)
KEY, OTHER = b"k" * 32, b"o" * 32


def test_what_is_sealed_opens_again():
    sealer = Sealer([KEY])
    assert sealer.open("draft", LEUVEN, sealer.seal("draft", LEUVEN, {"a": [1, [2]]}, seconds=60)) == {"a": [1, [2]]}


def test_another_replica_with_the_same_key_opens_it_too():
    assert Sealer([KEY]).open("draft", LEUVEN, Sealer([KEY]).seal("draft", LEUVEN, 1, seconds=60)) == 1


@pytest.mark.parametrize(("kind", "tenant"), [("session", LEUVEN), ("draft", GENT)])
def test_a_cookie_passes_neither_for_another_kind_nor_at_another_government(kind, tenant):
    sealer = Sealer([KEY])
    assert sealer.open(kind, tenant, sealer.seal("draft", LEUVEN, 1, seconds=60)) is None


def test_a_seal_ends_with_its_time():
    sealer = Sealer([KEY])
    assert sealer.open("draft", LEUVEN, sealer.seal("draft", LEUVEN, 1, seconds=-1)) is None


def test_an_old_key_still_opens_and_a_forgotten_one_no_more():
    sealed = Sealer([OTHER]).seal("draft", LEUVEN, 1, seconds=60)
    assert Sealer([KEY, OTHER]).open("draft", LEUVEN, sealed) == 1
    assert Sealer([KEY]).open("draft", LEUVEN, sealed) is None


@given(st.text(max_size=5000) | st.none())
def test_whatever_a_browser_sends_opens_to_nothing(text):
    assert Sealer([KEY]).open("draft", LEUVEN, text) is None


@given(st.integers(min_value=0), st.integers(1, 255))
def test_one_changed_byte_breaks_the_seal(place, change):
    sealer = Sealer([KEY])
    sealed = bytearray(base64.urlsafe_b64decode(sealer.seal("draft", LEUVEN, "abc", seconds=60) + "=="))
    sealed[place % len(sealed)] ^= change
    assert sealer.open("draft", LEUVEN, base64.urlsafe_b64encode(sealed).rstrip(b"=").decode()) is None


def test_a_form_s_token_fits_its_session_alone_and_never_looks_the_same():
    sealer = Sealer([KEY])
    first, second = (sealer.form_token("s1", LEUVEN) for _ in range(2))
    assert first != second
    assert sealer.form_token_fits(first, "s1", LEUVEN)
    assert sealer.form_token_fits(second, "s1", LEUVEN)
    assert not sealer.form_token_fits(first, "s2", LEUVEN)
    assert not sealer.form_token_fits(first, "s1", GENT)
    assert not sealer.form_token_fits("", "s1", LEUVEN)
    assert not sealer.form_token_fits("é" * 40, "s1", LEUVEN)
    assert Sealer([OTHER, KEY]).form_token_fits(first, "s1", LEUVEN)
