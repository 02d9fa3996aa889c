import pytest
from hypothesis import given
from hypothesis import strategies as st
from web.paths import local


@pytest.mark.parametrize("path", ["/nl/", "/nl/polls/1/review", "/nl/polls?status=open", "/fr/polls/1#ballot"])
def test_an_address_of_this_host_leads_back(path):
    assert local(path) == path


@pytest.mark.parametrize(
    "path",
    [
        None,
        "",
        "nl/",
        "//evil.example",
        "/\\evil.example",
        "/nl\\evil",
        "https://evil.example/",
        "/nl/\r\nx: y",
        "/" * 501,
    ],
)
def test_no_address_leads_to_a_stranger(path):
    assert local(path) is None


@given(st.text())
def test_what_leads_back_begins_with_one_slash(path):
    kept = local(path)
    assert kept is None or (kept[0] == "/" and not kept.startswith(("//", "/\\")))
