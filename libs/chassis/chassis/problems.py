"""Problems (RFC 9457): how a refusal or an error leaves, as application/problem+json with a stable code."""

import random
from collections.abc import Mapping
from typing import Any

import orjson
from starlette.responses import Response

from chassis.refusals import Refused

MEDIA_TYPE = "application/problem+json"
TITLES = {
    400: "Bad request",
    401: "Not signed in",
    403: "Not allowed",
    404: "Not found",
    405: "Method not allowed",
    409: "Not possible now",
    410: "Gone",
    413: "Too large",
    415: "Unsupported media type",
    422: "Not valid",
    429: "Too many requests",
    500: "Internal error",
    502: "Bad gateway",
    503: "Unavailable",
    504: "Timed out",
}
CODES = {400: "bad_request", 401: "not_signed_in", 403: "forbidden", 404: "not_found", 405: "method_not_allowed"}
CODES |= {413: "too_large", 415: "unsupported_media_type", 422: "invalid", 429: "too_many_requests"}

PROBLEM_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["type", "title", "status", "code"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {name: {"type": "string"} for name in ("pointer", "message", "kind")},
            },
        },
    },
    "additionalProperties": True,
}


def retry_after(*, least: int = 1, most: int = 5) -> str:
    """Seconds to wait, at random, so that the clients that were sent away do not all come back at once."""
    return str(random.randint(least, most))


def problem(status: int, code: str, *, headers: Mapping[str, str] | None = None, **facts: Any) -> Response:
    """One problem as a response. 429 and 503 always say when to come back."""
    content = {"type": "about:blank", "title": TITLES.get(status, "Error"), "status": status, "code": code, **facts}
    all_headers = dict(headers or {})
    if status in {429, 503}:
        all_headers.setdefault("retry-after", retry_after())
    body = orjson.dumps(content, default=str)
    return Response(body, status_code=status, headers=all_headers, media_type=MEDIA_TYPE)


def refusal_response(refusal: Refused) -> Response:
    """The problem that a refusal becomes."""
    headers = {"www-authenticate": "Bearer"} if refusal.status == 401 else None  # noqa: PLR2004 - RFC 6750 §3
    return problem(refusal.status, refusal.code, headers=headers, **refusal.facts)


def problems(*codes: str, status: int | None = None) -> dict[int | str, dict[str, Any]]:
    """What a route may answer besides success, for OpenAPI: `responses=problems("not_found", "forbidden")`."""
    known = {code: number for number, code in CODES.items()}
    by_status: dict[int | str, dict[str, Any]] = {}
    for code in codes:
        number = status or known.get(code, 409)
        entry = by_status.setdefault(number, {"description": "", "content": {MEDIA_TYPE: {"schema": PROBLEM_SCHEMA}}})
        entry["description"] = ", ".join(filter(None, [entry["description"], f"`{code}`"]))
    return by_status


def invalid(errors: list[dict[str, str]]) -> Response:
    """The problem for a payload that does not validate: each error has a JSON pointer (RFC 6901) and a message."""
    return problem(422, "invalid", errors=errors)
