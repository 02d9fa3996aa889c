"""What may be kept: decisions without input and output."""

from uuid import UUID

import pytest
from gateway.cache.policy import LONGEST, Freshness, codings, freshness, language, matches
from gateway.cache.store import OVERHEAD, Entry, Key, Store
from hypothesis import given
from hypothesis import strategies as st

OFFERED = ("nl", "fr", "de")


@pytest.mark.parametrize(
    ("control", "fresh"),
    [
        (b"max-age=5", 5),
        (b"public, max-age=5", 5),
        (b"max-age=5, s-maxage=7", 7),
        (b'max-age="5"', 5),
        (b"MAX-AGE=5", 5),
        (b"max-age=31536000, immutable", LONGEST),
        (b"", None),
        (b"public", None),
        (b"max-age=-5", None),
        (b"max-age=five", None),
        (b"s-maxage=0, max-age=5", None),
        (b"max-age=5, private", None),
        (b"max-age=5, no-store", None),
        (b'max-age=5, no-cache="set-cookie"', None),
    ],
)
def test_only_what_the_service_declares_is_kept(control: bytes, fresh: float | None) -> None:
    life = freshness(200, [(b"cache-control", control)])
    assert (life.fresh if life else None) == fresh


@pytest.mark.parametrize("status", [201, 204, 206, 302, 304, 401, 403, 500, 503])
def test_only_whole_answers_are_kept(status: int) -> None:
    assert freshness(status, [(b"cache-control", b"max-age=5")]) is None


def test_age_counts() -> None:
    life = freshness(200, [(b"cache-control", b"max-age=5"), (b"age", b"3")])
    assert life is not None
    assert life.fresh == 2


@pytest.mark.parametrize(
    ("accepted", "chosen"),
    [
        (None, b"nl"),
        (b"", b"nl"),
        (b"fr", b"fr"),
        (b"FR-be", b"fr"),
        (b"en, de;q=0.5, fr;q=0.9", b"fr"),
        (b"fr;q=0, de;q=0.1", b"de"),
        (b"*", b"nl"),
        (b"fr;q=x", b"nl"),
        (b"\xff\xfe", b"nl"),
    ],
)
def test_a_visitor_gets_the_language_that_they_prefer_of_those_there_are(accepted: bytes | None, chosen: bytes) -> None:
    assert language(accepted, OFFERED) == chosen


@given(st.binary(max_size=60))
def test_whatever_a_client_sends_there_are_few_keys(header: bytes) -> None:
    assert language(header, OFFERED) in {b"nl", b"fr", b"de"}
    assert codings(header) in {b"", b"br", b"gzip", b"br, gzip"}


def test_codings_have_one_spelling() -> None:
    assert codings(b"gzip, deflate, br, zstd") == b"br, gzip"
    assert codings(b"gzip;q=1.0, br;q=0") == b"gzip"


@pytest.mark.parametrize(("sent", "same"), [(b'"a"', True), (b'W/"a"', True), (b'"b", "a"', True), (b'"b"', False)])
def test_tags_are_compared_weakly(sent: bytes, same: bool) -> None:
    assert matches(sent, b'"a"') is same
    assert matches(sent, b'W/"a"') is same


def entry(size: int) -> Entry:
    return Entry(200, [], b"x" * size, b'"x"', 0.0, 0.0, Freshness(10, 0, 0), varies_by_cookie=False)


def key(name: int) -> Key:
    return (UUID(int=0), b"", str(name).encode(), b"nl", b"")


puts = st.lists(st.tuples(st.integers(0, 20), st.integers(0, 5000)), max_size=80)


@given(puts)
def test_the_store_never_holds_more_than_it_may(made: list[tuple[int, int]]) -> None:
    store = Store(20_000, most_entries=8)
    for name, size in made:
        store.put(key(name), entry(size))
        held = [found for each in range(21) if (found := store.get(key(each)))]
        assert store.bytes == sum(found.size for found in held) <= 20_000
        assert len(store) == len(held) <= 8


def test_the_one_not_used_for_longest_goes_first() -> None:
    store = Store(3 * (OVERHEAD + 10))
    for name in range(3):
        store.put(key(name), entry(10))
    store.get(key(0))
    store.put(key(3), entry(10))
    assert [store.get(key(name)) is not None for name in range(4)] == [True, False, True, True]
