"""Pure decisions of identity: addresses, limits, refresh tokens, roles, signing keys, the audit chain."""

import hashlib
import ipaddress
import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, Protocol, TypeVar

from chassis.refusals import Refused

LONGEST_ADDRESS = 254  # RFC 5321 §4.5.3.1.3, less the angle brackets
LONGEST_LOCAL_PART = 64  # RFC 5321 §4.5.3.1.1
ATOM = r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+"  # RFC 5322 §3.2.3
LOCAL_PART = re.compile(rf"{ATOM}(\.{ATOM})*")
LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")  # RFC 1035 §2.3.1, as relaxed by RFC 1123 §2.1

Role = Literal["administrator", "project_manager", "moderator", "operator"]
GOVERNMENT_ROLES: frozenset[str] = frozenset({"administrator", "project_manager", "moderator"})
PLATFORM_ROLES: frozenset[str] = frozenset({"operator"})
FIRST_HASH = bytes(32)


# Addresses


def normalised_email(text: str) -> str:
    """The one form in which an address is compared, kept and written to: lower case, the domain in ASCII (RFC 5891).

    Local parts are ASCII atoms (RFC 5322 §3.4.1): quoted ones and those beyond ASCII reach hardly any mail server.

    Raises:
        ValueError: not an address that mail can be sent to.
    """
    local, at, domain = text.strip().rpartition("@")
    local, domain = local.lower(), _ascii_domain(domain)
    if not (at and LOCAL_PART.fullmatch(local)) or len(local) > LONGEST_LOCAL_PART:
        raise ValueError("not an e-mail address")
    address = f"{local}@{domain}"
    if len(address) > LONGEST_ADDRESS:
        raise ValueError("longer than an e-mail address can be")
    return address


def mailbox_of(email: str) -> str:
    """A normalised address without its `+tag`: what is likely one mailbox, whoever runs the mail server.

    For limits only. Whether `a+b` is `a` is for each mail server to say, so accounts and mails keep the whole address.
    """
    local, _, domain = email.rpartition("@")
    return f"{local.partition('+')[0] or local}@{domain}"


def _ascii_domain(domain: str) -> str:
    try:
        text = domain.encode("idna").decode("ascii").lower()
    except UnicodeError as error:
        raise ValueError("not an e-mail address") from error
    labels = text.split(".")
    if len(labels) < 2 or labels[-1].isdigit() or not all(LABEL.fullmatch(label) for label in labels):  # noqa: PLR2004
        raise ValueError("not an e-mail address")
    return text


# One-time codes


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `count` in any span of this length."""

    count: int
    within: timedelta


def within(done: Sequence[datetime], limits: Sequence[Limit], *, now: datetime) -> bool:
    """Whether one more is within the limits, after those at the times `done`."""
    return all(sum(one > now - limit.within for one in done) < limit.count for limit in limits)


def network_of(client: str | None) -> str:
    """The network that a client's share of an address's mails belongs to: an IPv4 /24, an IPv6 /48.

    Wider than one subscriber, so that whoever has a few addresses side by side, or a whole IPv6 site, has one share.
    """
    try:
        address = ipaddress.ip_address(client or "")
    except ValueError:
        return client or ""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is None:
            return str(ipaddress.ip_network((int(address), 48), strict=False))
        address = address.ipv4_mapped
    return str(ipaddress.ip_network((int(address), 24), strict=False))


# Refresh tokens


def judge_refresh(
    *, ended: bool, used_at: datetime, rotated_at: datetime | None, now: datetime, grace: timedelta, idle: timedelta
) -> Literal["rotate", "repeat", "reused", "over"]:
    """What a presented refresh token deserves (RFC 9700 §4.14.2).

    "rotate" gives its successor, "repeat" the same successor again (parallel tabs), "reused" ends the session since
    somebody else may hold the token, "over" is an ended or forgotten session.
    """
    if ended or used_at <= now - idle:
        return "over"
    if rotated_at is None:
        return "rotate"
    return "repeat" if now - rotated_at <= grace else "reused"


# Roles


def roles_of_realm(*, platform: bool) -> frozenset[str]:
    """The roles that can be given: operators belong to the platform's own realm, all others to governments."""
    return PLATFORM_ROLES if platform else GOVERNMENT_ROLES


def check_role(role: str, *, platform: bool) -> None:
    """Refuse a role that does not exist in this realm."""
    allowed = roles_of_realm(platform=platform)
    if role not in allowed:
        raise Refused("role_not_of_this_realm", role=role, allowed=sorted(allowed))


def ruling_role(*, platform: bool) -> Role:
    """The role that gives and takes roles, of which one must always be left."""
    return "operator" if platform else "administrator"


def check_rules(roles: Collection[str], *, platform: bool) -> None:
    """Refuse somebody who does not, or no longer, give and take roles."""
    ruling = ruling_role(platform=platform)
    if ruling not in roles:
        raise Refused("forbidden", status=403, missing=[{"need": "role", "any_of": [ruling]}])


def check_not_last(role: str, left: int, *, platform: bool) -> None:
    """Refuse to take the last ruling role: nobody would be left who could give it back.

    `left` are the other holders who have signed in; an address that was invited may be nobody's.
    """
    if role == ruling_role(platform=platform) and left < 1:
        raise Refused("last_administrator", role=role)


# Signing keys


class Scheduled(Protocol):
    """A key that signs from a moment on, until the next one does."""

    @property
    def signs_from(self) -> datetime: ...


K = TypeVar("K", bound=Scheduled)


def signing_key(keys: Sequence[K], *, now: datetime) -> K | None:
    """The key that signs now: of those whose time has come, the newest; before that, the first there is."""
    ordered = sorted(keys, key=lambda key: key.signs_from)
    ready = [key for key in ordered if key.signs_from <= now]
    if ready:
        return ready[-1]
    return ordered[0] if ordered else None


def published_keys(keys: Sequence[K], *, now: datetime, kept: timedelta) -> list[K]:
    """The keys to publish: those to come, the one that signs, and those replaced less than `kept` ago."""
    ordered = sorted(keys, key=lambda key: key.signs_from)
    successors = [*ordered[1:], None]
    return [key for key, next_one in zip(ordered, successors, strict=True) if _needed(next_one, now - kept)]


def _needed(successor: Scheduled | None, since: datetime) -> bool:
    return successor is None or successor.signs_from > since


# The audit chain


def chain_hash(previous: bytes, entry: Mapping[str, Any]) -> bytes:
    """SHA-256 over the hash before and the entry as canonical JSON: sorted keys, no spaces, UTF-8.

    An entry holds text, whole numbers, true, false, null, lists and objects only, so its JSON is one and the same
    wherever it is written.
    """
    return hashlib.sha256(previous + canonical_json(entry)).digest()


def canonical_json(value: Mapping[str, Any]) -> bytes:
    """One text for one value. Fractions are refused: their text depends on who writes it."""
    _refuse_fractions(value)
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def _refuse_fractions(value: Any) -> None:
    if isinstance(value, float):
        raise TypeError("an audit entry holds no fractions")
    if isinstance(value, Mapping):
        for item in value.values():
            _refuse_fractions(item)
    elif isinstance(value, list | tuple):
        for item in value:
            _refuse_fractions(item)
