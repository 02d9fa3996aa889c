"""What may be kept, for how long, and for whom: pure decisions after RFC 9111 and RFC 5861."""

from collections.abc import Sequence
from dataclasses import dataclass

from gateway.headers import Headers, joined

LONGEST = 3600.0  # a table of governments or a poll's page may be wrong for no longer, whatever its header says
LONGEST_STALE = 300.0
STALE_IF_ERROR = 60.0  # what visitors saw last is better than an error, for a minute
KEPT_STATUSES = frozenset({200, 301, 308, 404, 410})
# Answers may vary by these: the first two are part of every key, and only requests without the others fill the cache.
KEYED = frozenset({b"accept-language", b"accept-encoding", b"authorization", b"cookie"})
FORBIDDING = frozenset({b"no-store", b"private", b"no-cache", b"must-understand"})
CODINGS = ("br", "gzip")


@dataclass(frozen=True, slots=True)
class Freshness:
    """Seconds from now: until when an answer is new, may be shown while it is renewed, and while the service fails."""

    fresh: float
    while_renewing: float
    on_error: float


def freshness(status: int, headers: Headers) -> Freshness | None:
    """How long an answer to a visitor may be kept, or None when it may not.

    Only what the service declares is kept: `max-age` or `s-maxage`, never a guess. A Set-Cookie, or a Vary on anything
    but language and coding, forbids it.
    """
    if status not in KEPT_STATUSES or joined(headers, b"set-cookie") is not None:
        return None
    if not _tokens(joined(headers, b"vary")) <= KEYED:
        return None
    directives = _directives(joined(headers, b"cache-control"))
    if not FORBIDDING.isdisjoint(directives):
        return None
    lifetime = _seconds(directives.get(b"s-maxage", directives.get(b"max-age")))
    age = _seconds(joined(headers, b"age")) or 0
    fresh = min(lifetime or 0, LONGEST) - age
    if fresh <= 0:
        return None
    renewing = min(_seconds(directives.get(b"stale-while-revalidate")) or 0, LONGEST_STALE)
    # s-maxage alone forbids nothing here (RFC 9111 §5.2.2.10 would): those who send it are ours and mean this cache.
    strict = b"must-revalidate" in directives or b"proxy-revalidate" in directives
    declared = _seconds(directives.get(b"stale-if-error"))
    on_error = 0.0 if strict else min(STALE_IF_ERROR if declared is None else declared, LONGEST_STALE)
    return Freshness(fresh, 0.0 if strict else renewing, on_error)


def varies_by_cookie(headers: Headers) -> bool:
    """Whether an answer is only for those who sent the same cookies."""
    return b"cookie" in _tokens(joined(headers, b"vary"))


def matches(if_none_match: bytes, etag: bytes) -> bool:
    """Whether a client's copy is the one with this tag (weak comparison, RFC 9110 §13.1.2)."""
    if if_none_match.strip() == b"*":
        return True
    wanted = etag.removeprefix(b"W/")
    return any(tag.strip().removeprefix(b"W/") == wanted for tag in if_none_match.split(b","))


def language(accepted: bytes | None, offered: Sequence[str]) -> bytes:
    """The one language of a government that a visitor prefers (RFC 4647 §3.4, look-up), else its default.

    The service is asked in this language and not in the visitor's words, so that one page serves all who prefer it.
    """
    if not offered:
        return b""
    for tag in _preferred(accepted):
        primary = tag.split("-", 1)[0]
        for candidate in (tag, primary):
            if candidate in offered:
                return candidate.encode()
    return offered[0].encode()


def codings(accepted: bytes | None) -> bytes:
    """Which of the usual content codings a client takes, in one spelling, so that there are four keys and no more."""
    tags = _preferred(accepted)
    return b", ".join(name.encode() for name in CODINGS if name in tags)


def _preferred(value: bytes | None) -> list[str]:
    """The members of an Accept-* list, the most wanted first, without the refused ones (q=0)."""
    weighted = []
    for member in (value or b"").decode("latin-1").lower().split(",")[:32]:
        name, _, parameters = member.partition(";")
        weight = _weight(parameters)
        if name.strip() and weight > 0:
            weighted.append((weight, name.strip()))
    return [name for _, name in sorted(weighted, key=lambda pair: -pair[0])]


def _weight(parameters: str) -> float:
    _, _, text = parameters.replace(" ", "").partition("q=")
    if not text:
        return 1.0
    try:
        return float(text)
    except ValueError:
        return 0.0


def _tokens(value: bytes | None) -> frozenset[bytes]:
    return frozenset(token.strip().lower() for token in (value or b"").split(b",") if token.strip())


def _directives(value: bytes | None) -> dict[bytes, bytes]:
    directives: dict[bytes, bytes] = {}
    for member in (value or b"").split(b","):
        name, _, argument = member.strip().partition(b"=")
        directives.setdefault(name.lower(), argument.strip(b'"'))
    return directives


def _seconds(value: bytes | None) -> float | None:
    return float(value) if value is not None and value.isdigit() else None
