"""Which function handles which event, and how one delivery becomes one effect."""

import inspect
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from errno import errorcode
from pathlib import Path
from traceback import extract_tb
from typing import Any, TypeVar

from contracts.base import Event
from pydantic import ValidationError
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from chassis import inbox
from chassis.bus import NotMadeError
from chassis.db import tenant_session
from chassis.errors import constraint_of
from chassis.events import Received, Undecodable, UnknownType, decode, what_is_wrong
from chassis.mail import MailError
from chassis.refusals import Refused

POSITIONAL = ("event", "session", "now")
EXTRAS = {"sequence", "tenant", "event_id"}
SECONDS = 60
F = TypeVar("F", bound=Callable[..., Awaitable[None]])


class Handlers:
    """The table event -> handler of a service: `on = Handlers()`, then `@on(PollOpened)`.

    A handler is `async def h(event, session, now)`, where the session works for the event's government and commits
    when the handler returns. Keyword-only `sequence`, `tenant` and `event_id` are given to the handler that names them:
    a projection writes only what has a higher sequence than it holds, since retries reorder.
    """

    def __init__(self) -> None:
        self._table: dict[str, tuple[Callable[..., Awaitable[None]], frozenset[str]]] = {}

    def __call__(self, event: type[Event]) -> Callable[[F], F]:
        """Enter a handler; `TypeError` for a second one of an event, or for parameters that nothing fills."""

        def enter(handler: F) -> F:
            if event.type in self._table:
                raise TypeError(f"{event.type} already has a handler")
            self._table[event.type] = (handler, _extras_of(handler))
            return handler

        return enter

    @property
    def types(self) -> Sequence[str]:
        """The event types that are handled, sorted."""
        return sorted(self._table)

    async def handle(self, received: Received, session: AsyncSession, now: datetime) -> None:
        """Call the handler of this event; `UnknownType` where there is none."""
        if received.event.type not in self._table:
            raise UnknownType(received.event.type)
        handler, wanted = self._table[received.event.type]
        facts = {"sequence": received.sequence, "tenant": received.tenant, "event_id": received.id}
        await handler(received.event, session, now, **{name: facts[name] for name in wanted})


def _extras_of(handler: Callable[..., Any]) -> frozenset[str]:
    parameters = inspect.signature(handler).parameters.values()
    keyword_only = {parameter.name for parameter in parameters if parameter.kind is parameter.KEYWORD_ONLY}
    positional = [parameter for parameter in parameters if parameter.kind is parameter.POSITIONAL_OR_KEYWORD]
    if len(positional) != len(POSITIONAL) or not keyword_only <= EXTRAS:
        raise TypeError(f"{handler.__qualname__} takes (event, session, now) and of *, {', '.join(sorted(EXTRAS))}")
    return frozenset(keyword_only)


async def process(
    body: bytes, *, consumer: str, handlers: Handlers, sessions: async_sessionmaker[AsyncSession], now: datetime
) -> str:
    """Let a message take effect once: inbox row, effect and emitted events are one transaction.

    Returns "handled" or "duplicate". Raises what the handler raised, after a rollback.
    """
    received = decode(body)
    async with tenant_session(sessions, received.tenant) as session:
        if not await inbox.first_time(session, consumer, received.id, now=now):
            return "duplicate"
        await handlers.handle(received, session, now)
    return "handled"


def cannot_heal(error: BaseException) -> bool:
    """Whether trying again is in vain: the message is none of ours, or the rules refuse what it asks."""
    return isinstance(error, Undecodable | Refused | ValidationError)


def describe(error: BaseException) -> str:
    """What went wrong and where, for headers, tables and logs.

    Only texts of ours: another's may hold what it went wrong for, an address or a sentence of a person.
    """
    match error:
        case ValidationError():
            detail = what_is_wrong(error)
        case DBAPIError():
            detail = constraint_of(error) or f"SQLSTATE {getattr(error.orig, 'sqlstate', None)}"
        case Refused() | Undecodable() | UnknownType() | MailError() | NotMadeError():
            detail = str(error.args[0])
        case OSError(errno=int(number)):
            detail = errorcode.get(number, str(number))
        case _:
            detail = _where(error)
    return f"{type(error).__name__}: {detail}"[:300]


def _where(error: BaseException) -> str:
    frames = extract_tb(error.__traceback__)
    return f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "nowhere"
