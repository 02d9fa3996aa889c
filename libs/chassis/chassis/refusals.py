"""Refusals: the one chassis module that pure rules may import."""

from collections.abc import Mapping
from typing import Any


class Refused(Exception):  # noqa: N818 - a refusal is an answer, not an error
    """A request that the rules do not allow, with a stable code and the facts that a front-end needs to explain it.

    `status` is the HTTP status that fits: 401, 403, 404, 409, or 422 for a payload that does not fit what it is for.
    `keep=True` asks the session to commit what was written before it refuses: a failed attempt counts although it
    fails.
    """

    def __init__(self, code: str, *, status: int = 409, keep: bool = False, **facts: Any) -> None:
        super().__init__(code)
        self.code = code
        self.status = status
        self.keep = keep
        self.facts: Mapping[str, Any] = facts

    def __str__(self) -> str:
        return f"{self.code} {dict(self.facts)}" if self.facts else self.code
