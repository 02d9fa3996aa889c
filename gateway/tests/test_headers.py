import pytest
from chassis.refusals import Refused
from gateway.headers import HOP_BY_HOP, Head, lines, returned
from hypothesis import given
from hypothesis import strategies as st

Pairs = list[tuple[bytes, bytes]]


def passed_on(*pairs: tuple[bytes, bytes]) -> Pairs:
    forward = Head(pairs).forward
    return [(forward[at], forward[at + 2]) for at in range(0, len(forward), 4)]


def test_what_only_the_gateway_may_say_does_not_pass() -> None:
    assert passed_on(
        (b"x-inspraak-tenant", b"1"),
        (b"x-inspraak-key", b"1"),
        (b"x-inspraak-anything", b"1"),
        (b"forwarded", b"for=1"),
        (b"x-forwarded-for", b"1"),
        (b"x-forwarded-anything", b"1"),
        (b"x-real-ip", b"1"),
        (b"traceparent", b"1"),
        (b"accept", b"*/*"),
    ) == [(b"accept", b"*/*")]


def test_what_belongs_to_one_connection_does_not_pass() -> None:
    assert passed_on(*((name, b"close") for name in HOP_BY_HOP - {b"transfer-encoding"})) == []


def test_what_the_connection_header_lists_does_not_pass() -> None:
    sent = [(b"connection", b"close, X-One"), (b"x-one", b"1"), (b"x-two", b"2"), (b"connection", b"x-three")]
    assert passed_on(*sent, (b"x-three", b"3")) == [(b"x-two", b"2")]


def test_the_connection_header_cannot_take_away_who_asks_or_how_long_the_message_is() -> None:
    head = Head(
        [
            (b"connection", b"authorization, host, content-length"),
            (b"authorization", b"Bearer x"),
            (b"host", b"h"),
            (b"content-length", b"5"),
        ]
    )
    assert (head.authorization, head.host, head.length) == (b"Bearer x", b"h", 5)


@pytest.mark.parametrize(
    "pairs",
    [
        [(b"content-length", b"5"), (b"transfer-encoding", b"chunked")],
        [(b"content-length", b"5"), (b"content-length", b"6")],
        [(b"content-length", b"5"), (b"content-length", b"5")],
        [(b"content-length", b"+5")],
        [(b"content-length", b"0x5")],
        [(b"content-length", b"5, 5")],
        [(b"transfer-encoding", b"gzip, chunked")],
        [(b"transfer-encoding", b"chunked"), (b"transfer-encoding", b"chunked")],
        [(b"transfer-encoding", b"identity")],
        [(b"host", b"a"), (b"host", b"b")],
        [(b"authorization", b"a"), (b"authorization", b"b")],
    ],
)
def test_a_message_that_can_be_read_in_two_ways_is_refused(pairs: Pairs) -> None:
    with pytest.raises(Refused) as refused:
        Head(pairs)
    assert refused.value.status == 400


def test_an_answers_own_connection_stays_behind() -> None:
    answer = [
        (b"connection", b"keep-alive, x-hop"),
        (b"keep-alive", b"timeout=5"),
        (b"transfer-encoding", b"chunked"),
        (b"server", b"uvicorn"),
        (b"x-hop", b"1"),
        (b"x-inspraak-secret", b"1"),
        (b"content-type", b"text/plain"),
    ]
    assert returned(answer) == [(b"content-type", b"text/plain")]


names = st.sampled_from(
    [b"accept", b"user-agent", b"x-a", b"x-inspraak-tenant", b"x-forwarded-host", b"te", b"upgrade", b"cookie"]
)
values = st.binary(max_size=8).filter(lambda value: not set(value) & set(b"\r\n\0"))


@given(st.lists(st.tuples(names, values), max_size=12))
def test_whatever_passes_on_was_sent_and_is_allowed(pairs: Pairs) -> None:
    head = Head(pairs)
    kept = [(head.forward[at], head.forward[at + 2]) for at in range(0, len(head.forward), 4)]
    assert kept == [pair for pair in pairs if pair[0] in {b"accept", b"user-agent", b"x-a"}]
    assert head.forward == lines(kept)
