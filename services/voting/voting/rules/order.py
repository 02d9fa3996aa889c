"""The order in which a voter sees the options: random per voter, so that no option gains by standing first."""

from collections.abc import Iterable
from hashlib import sha256
from uuid import UUID

from voting.rules.terms import Rule


def options_in_order(options: Iterable[int], *, rule: Rule, poll: UUID, voter: str) -> list[int]:
    """The options as one voter sees them: every order is equally likely, and each visit shows the same.

    `voter` is anything that stays the same for the voter. Yes stays before no: readers expect it there, and a
    question with two answers gives the first no advantage worth their confusion.
    """
    if rule is Rule.YES_NO:
        return sorted(options)
    seed = poll.bytes + voter.encode() + b"\0"
    return sorted(options, key=lambda option: sha256(seed + str(option).encode()).digest())
