"""Problems (RFC 9457): every refusal and error leaves as application/problem+json with a stable code."""

import logging
import random
from collections.abc import Mapping
from typing import Any, TypeVar

import orjson
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from starlette.exceptions import HTTPException
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
logger = logging.getLogger("chassis.errors")
E = TypeVar("E", bound=Exception)

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


def validation_errors(errors: Any) -> list[dict[str, str]]:
    """Pydantic's errors as pointers and messages; the input itself never leaves again, it may be personal."""
    return [
        {
            "pointer": "/" + "/".join(str(part) for part in error["loc"] if part != "body"),
            "message": error["msg"],
            "kind": error["type"],
        }
        for error in errors
    ]


def constraint_of(error: DBAPIError) -> str | None:
    """The name of the constraint that an error is about, as asyncpg reports it."""
    cause: BaseException | None = error.orig
    while cause is not None:
        name = getattr(cause, "constraint_name", None)
        if name:
            return str(name)
        cause = cause.__cause__
    return None


async def _on_refused(_: Request, error: Exception) -> Response:
    return refusal_response(_as(error, Refused))


async def _on_invalid(_: Request, error: Exception) -> Response:
    return invalid(validation_errors(_as(error, RequestValidationError).errors()))


async def _on_http(_: Request, error: Exception) -> Response:
    http = _as(error, HTTPException)
    return problem(http.status_code, CODES.get(http.status_code, "error"), headers=http.headers)


async def _on_unavailable(_: Request, error: Exception) -> Response:
    logger.warning("the database did not answer: %s", type(error).__name__)
    return problem(503, "database_unavailable")


async def _on_database_error(request: Request, error: Exception) -> Response:
    database_error = _as(error, DBAPIError)
    known = request.app.state.constraints.get(constraint_of(database_error))
    if known:
        status, code = known
        return problem(status, code)
    if database_error.connection_invalidated or isinstance(error, OperationalError):
        return await _on_unavailable(request, error)
    return await _on_anything(request, error)


async def _on_anything(_: Request, error: Exception) -> Response:
    logger.error("unexpected error", exc_info=error)
    return problem(500, "internal")


def _as(error: Exception, kind: type[E]) -> E:
    """Starlette hands a handler the exception type it was registered for, but says only that it is an exception."""
    if not isinstance(error, kind):
        raise TypeError(f"expected {kind.__name__}, got {type(error).__name__}")
    return error


def install(app: FastAPI, constraints: Mapping[str, tuple[int, str]]) -> None:
    """Make an app answer with problems, whatever goes wrong in it.

    `constraints` says what a violated database constraint means to the one who asked: name -> (status, code).
    """
    app.state.constraints = constraints
    app.add_exception_handler(Refused, _on_refused)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(HTTPException, _on_http)
    app.add_exception_handler(DBAPIError, _on_database_error)
    for unavailable in (PoolTimeoutError, ConnectionError, TimeoutError):
        app.add_exception_handler(unavailable, _on_unavailable)
    app.add_exception_handler(Exception, _on_anything)
