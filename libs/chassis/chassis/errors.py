"""Whatever goes wrong in an app becomes a problem (chassis.problems), and nobody's words become part of it."""

import logging
from collections.abc import Mapping
from socket import gaierror
from typing import Any, TypeVar

import asyncpg
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from chassis.problems import CODES, invalid, problem, refusal_response
from chassis.refusals import Refused

# SQLSTATE classes and codes (PostgreSQL 15, appendix A). SQLAlchemy's own classes do not tell these apart: over asyncpg
# it has one for broken constraints and none for data that do not fit or servers that go away.
CONSTRAINT = "23"
DATA = "22"
AWAY = (
    "08",  # the connection broke
    "28",  # it lets nobody in
    "3D",  # it is not there
    "40",  # deadlocks, and whoever else must try again
    "53",  # it has no room left
    "55P03",  # a lock was not to be had in time
    "57",  # it shuts down, starts up, or gave up on a statement
)
UNAVAILABLE = (PoolTimeoutError, ConnectionError, TimeoutError, gaierror)
ECHO = 4  # characters of an input that, found in a message about it, are no coincidence
UNREADABLE = 400
logger = logging.getLogger("chassis.errors")
E = TypeVar("E", bound=Exception)


def validation_errors(errors: Any) -> list[dict[str, str]]:
    """Pydantic's errors as pointers and messages; the input itself never leaves again, it may be personal."""
    return [{"pointer": _pointer(error["loc"]), "message": _message(error), "kind": error["type"]} for error in errors]


def _pointer(place: tuple[str | int, ...]) -> str:
    parts = place[1:] if place[:1] == ("body",) else place
    return "/" + "/".join(str(part).replace("~", "~0").replace("/", "~1") for part in parts)


def _message(error: Mapping[str, Any]) -> str:
    message: str = error["msg"]
    given = error.get("ctx", {}).get("tag", error.get("input"))
    quoted = isinstance(given, str) and len(given) >= ECHO and given in message
    return "The value is not valid" if quoted else message


def constraint_of(error: DBAPIError) -> str | None:
    """The name of the constraint that an error is about, as asyncpg reports it."""
    cause: BaseException | None = error.orig
    while cause is not None:
        name = getattr(cause, "constraint_name", None)
        if name:
            return str(name)
        cause = cause.__cause__
    return None


def sqlstate_of(error: BaseException) -> str:
    """The SQLSTATE that an error of SQLAlchemy or asyncpg carries; empty where it has none."""
    return str(getattr(getattr(error, "orig", error), "sqlstate", None) or "")


def about_values(error: BaseException) -> bool:
    """Whether the database refused what was to be written, not the writing: a broken constraint, data that do not fit.

    One of the values that asyncpg cannot encode counts too; it says 22000 before asking the server.
    """
    return sqlstate_of(error).startswith((CONSTRAINT, DATA))


def unavailable(error: BaseException) -> bool:
    """Whether an error says that a server is not there, or has no time: what failed may go better later."""
    if isinstance(error, DBAPIError):
        return error.connection_invalidated or sqlstate_of(error).startswith(AWAY)
    if isinstance(error, asyncpg.PostgresError):
        return sqlstate_of(error).startswith(AWAY)
    return isinstance(error, (*UNAVAILABLE, asyncpg.InterfaceError, asyncpg.InternalClientError))


async def _on_refused(_: Request, error: Exception) -> Response:
    return refusal_response(_as(error, Refused))


async def _on_invalid(_: Request, error: Exception) -> Response:
    return invalid(validation_errors(_as(error, RequestValidationError).errors()))


async def _on_http(_: Request, error: Exception) -> Response:
    http = _as(error, HTTPException)
    if http.status_code == UNREADABLE and http.__cause__ is not None:  # FastAPI's, of a body that is no text at all
        return invalid([{"pointer": "", "message": "the body cannot be read", "kind": "unreadable"}])
    return problem(http.status_code, CODES.get(http.status_code, "error"), headers=http.headers)


async def _on_unavailable(_: Request, error: Exception) -> Response:
    logger.warning("the database did not answer: %s %s", type(error).__name__, sqlstate_of(error))
    return problem(503, "database_unavailable")


async def _on_database_error(request: Request, error: Exception) -> Response:
    database_error = _as(error, DBAPIError)
    known = request.app.state.constraints.get(constraint_of(database_error))
    if known:
        status, code = known
        return problem(status, code)
    if unavailable(error):
        return await _on_unavailable(request, error)
    state = sqlstate_of(error)
    if state.startswith(DATA):  # a zero byte in a text, a number too large for its column
        logger.warning("the database cannot store what was sent: %s", state)
        return invalid([{"pointer": "", "message": "A value cannot be stored", "kind": "value"}])
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
    for kind in UNAVAILABLE:
        app.add_exception_handler(kind, _on_unavailable)
    app.add_exception_handler(Exception, _on_anything)
