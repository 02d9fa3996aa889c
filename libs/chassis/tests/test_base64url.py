import pytest
from chassis import base64url
from hypothesis import given
from hypothesis import strategies as st


@given(st.binary())
def test_what_is_encoded_is_decoded_and_needs_no_escaping_in_an_address(raw: bytes) -> None:
    text = base64url.encode(raw)
    assert base64url.decode(text) == raw
    assert not set(text) & set("+/=")


@pytest.mark.parametrize("text", ["ab/+", "ab+_", "a b", "a", "ab\n", "é"])
def test_bytes_have_one_text_and_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - binascii's and ours have nothing else in common
        base64url.decode(text)
