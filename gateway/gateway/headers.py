"""What of a message's headers goes on, in both directions.

Requests lose what only the gateway may say (`x-inspraak-*`), what would lie about the way here (`forwarded`,
`x-forwarded-*`), what belongs to one connection only (RFC 9110 §7.6.1), and the trace of someone else. The gateway
frames every message anew, so that two readings of one message's length (RFC 9112 §6.3) cannot meet behind it.
"""

from collections.abc import Iterable

from chassis.refusals import Refused

Headers = list[tuple[bytes, bytes]]

HOP_BY_HOP = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)
NOT_FORWARDED = HOP_BY_HOP | {
    b"expect",  # answered by the server in front
    b"forwarded",
    b"x-real-ip",
    b"x-original-url",  # frameworks that believe these would answer for another path
    b"x-rewrite-url",
    b"x-http-method-override",
    b"traceparent",
    b"tracestate",
    b"baggage",
}
OURS = (b"x-inspraak-", b"x-forwarded-")
NOT_RETURNED = HOP_BY_HOP | {b"date", b"server"}  # the server in front says when it answered
CONDITIONS = frozenset(
    {b"if-none-match", b"if-modified-since", b"if-match", b"if-unmodified-since", b"if-range", b"range"}
)
NEGOTIATED = frozenset({b"accept-language", b"accept-encoding"})

_PLAIN, _DROP, _HOST, _LENGTH, _CODING, _AUTHORIZATION, _COOKIE, _CONNECTION, _CONDITION, _NEGOTIATED = range(10)
_KINDS = (
    dict.fromkeys(NOT_FORWARDED, _DROP)
    | dict.fromkeys(CONDITIONS, _CONDITION)
    | dict.fromkeys(NEGOTIATED, _NEGOTIATED)
    | {
        b"host": _HOST,
        b"content-length": _LENGTH,
        b"transfer-encoding": _CODING,
        b"authorization": _AUTHORIZATION,
        b"cookie": _COOKIE,
        b"connection": _CONNECTION,
    }
)


class Head:
    """A request's headers, read once. `forward` is ready to send on, as the pieces of its lines."""

    __slots__ = ("authorization", "chunked", "conditions", "cookie", "forward", "host", "length", "negotiated")

    def __init__(self, headers: Iterable[tuple[bytes, bytes]]) -> None:
        """Read headers as the HTTP server gives them: names in lower case.

        Raises:
            Refused: 400 when the message could be read in two ways.
        """
        self.host: bytes | None = None
        self.length: int | None = None
        self.chunked = False
        self.authorization: bytes | None = None
        self.cookie: bytes | None = None
        self.conditions: Headers | None = None
        self.negotiated: Headers | None = None
        self.forward: list[bytes] = []
        listed: bytes | None = None
        forward = self.forward
        kind_of = _KINDS.get
        for name, value in headers:
            kind = kind_of(name)
            if kind is None:
                if not name.startswith(OURS):
                    forward += (name, b": ", value, b"\r\n")
            elif kind == _CONNECTION:
                listed = value if listed is None else listed + b"," + value
            elif kind != _DROP:
                self._keep(kind, name, value)
        if self.chunked and self.length is not None:
            raise Refused("ambiguous_length", status=400)
        if listed is not None and len(listed) > len(b"keep-alive"):
            self._drop(listed)

    def _keep(self, kind: int, name: bytes, value: bytes) -> None:
        if kind == _HOST:
            self._once(self.host)
            self.host = value
        elif kind == _LENGTH:
            self._once(self.length)
            self.length = _length(value)
        elif kind == _CODING:
            if self.chunked or value.lower() != b"chunked":
                raise Refused("bad_transfer_encoding", status=400)
            self.chunked = True
        elif kind == _AUTHORIZATION:
            self._once(self.authorization)
            self.authorization = value
        elif kind == _COOKIE:
            self.cookie = value if self.cookie is None else self.cookie + b"; " + value  # RFC 9113 §8.2.3
        elif kind == _CONDITION:
            self.conditions = [*(self.conditions or ()), (name, value)]
        else:
            self.negotiated = [*(self.negotiated or ()), (name, value)]

    @staticmethod
    def _once(earlier: object) -> None:
        if earlier is not None:
            raise Refused("repeated_header", status=400)

    def _drop(self, listed: bytes) -> None:
        """Drop what the Connection header names; it cannot name what this reader keeps apart (host, length, tokens)."""
        names = connection_options(listed)
        pieces = self.forward
        self.forward = [
            piece
            for start in range(0, len(pieces), 4)
            if pieces[start] not in names
            for piece in pieces[start : start + 4]
        ]
        self.conditions = [pair for pair in self.conditions or () if pair[0] not in names] or None
        self.negotiated = [pair for pair in self.negotiated or () if pair[0] not in names] or None

    def condition(self, wanted: bytes) -> bytes | None:
        """The value of a condition, lists over several lines joined."""
        return joined(self.conditions, wanted)

    def preference(self, wanted: bytes) -> bytes | None:
        """The value of `accept-language` or `accept-encoding`, lists over several lines joined."""
        return joined(self.negotiated, wanted)


def joined(headers: Headers | None, wanted: bytes) -> bytes | None:
    """A header's value; the lines of a list are one list (RFC 9110 §5.3)."""
    values = [value for name, value in headers or () if name == wanted]
    return b", ".join(values) if values else None


def _length(value: bytes) -> int:
    if not value.isdigit():
        raise Refused("bad_content_length", status=400)
    return int(value)


def connection_options(value: bytes) -> frozenset[bytes]:
    """The names in a Connection header."""
    return frozenset(name.strip().lower() for name in value.split(b","))


def returned(headers: Headers) -> Headers:
    """What of an answer's headers goes back to the client."""
    kept = [pair for pair in headers if pair[0] not in NOT_RETURNED and not pair[0].startswith(b"x-inspraak-")]
    listed = joined(headers, b"connection")
    if listed is not None and listed.lower() not in {b"keep-alive", b"close"}:
        names = connection_options(listed)
        kept = [pair for pair in kept if pair[0] not in names]
    return kept


def lines(headers: Headers | None) -> list[bytes]:
    """Headers as the pieces of their lines."""
    return [piece for name, value in headers or () for piece in (name, b": ", value, b"\r\n")]
