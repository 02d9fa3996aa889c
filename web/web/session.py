"""Who is signed in: a sealed cookie that holds the tokens, kept fresh so that tabs and replicas do not trip each other.

Identity takes a refresh token once, with 10 seconds' grace. Requests of one process that hold the same old token share
one exchange and its outcome for half a minute, so parallel tabs stay signed in. Not longer: identity must see a token
that comes again, since that is how it notices a stolen one.

A session that was ended here stays ended in this process, whatever copies of its cookie there are. Other processes of
web do not hear of it: there a copy serves until its access token ends (15 minutes), and then identity refuses it.
"""

import asyncio
import hashlib
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from web import api
from web.gateway import Caller, Gateway, RefusedError, UnavailableError
from web.seal import Sealer

COOKIE = "__Host-session"
KIND = "session"
SEALED_SECONDS = 90 * 86_400  # as long as identity keeps an idle session; the cookie itself ends with the browser
MARGIN_SECONDS = 30  # a token with less left than this is exchanged first
REMEMBER_SECONDS = 30.0
REMEMBERED = 20_000
ENDED_SECONDS = 3600.0  # the longest that identity can let an access token live
ENDED = frozenset({401, 422})  # no session has this refresh token any more; no token looks like this


class SessionEndedError(Exception):
    """Identity does not know this session any more: signed out elsewhere, revoked, or too old."""


@dataclass(frozen=True, slots=True)
class Session:
    """One browser's sign-in. `id` is only for forms; `expires` is that of the access token, seconds since the epoch."""

    id: str
    access_token: str
    refresh_token: str
    expires: float

    @classmethod
    def begin(cls, tokens: api.Tokens, *, now: float, session_id: str | None = None) -> "Session":
        """The session that tokens open, or go on with under the same id."""
        return cls(
            session_id or secrets.token_hex(8), tokens.access_token, tokens.refresh_token, now + tokens.expires_in
        )

    def lasts(self, now: float, margin: float = 0.0) -> bool:
        """Whether the access token holds for `margin` seconds more."""
        return self.expires - now > margin


@dataclass(frozen=True, slots=True)
class _Exchange:
    """A refresh token on its way to becoming the next one, or its outcome."""

    begun: float
    of: tuple[str, str]  # tenant and session
    task: "asyncio.Task[Session]"


class Sessions:
    """Reads, seals and refreshes sessions. `clock` is only for lengths of time."""

    def __init__(self, sealer: Sealer, gateway: Gateway, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._sealer = sealer
        self._gateway = gateway
        self._clock = clock
        self._exchanges: OrderedDict[bytes, _Exchange] = OrderedDict()
        self._ended: OrderedDict[tuple[str, str], float] = OrderedDict()  # when, oldest first

    def read(self, tenant: UUID, cookie: str | None) -> Session | None:
        """The session in a cookie, or nothing."""
        value = self._sealer.open(KIND, tenant, cookie)
        return None if value is None else Session(*value)

    def seal(self, tenant: UUID, session: Session) -> str:
        """The cookie's text."""
        value = [session.id, session.access_token, session.refresh_token, session.expires]
        return self._sealer.seal(KIND, tenant, value, seconds=SEALED_SECONDS)

    async def fresh(self, session: Session, caller: Caller, *, force: bool = False) -> Session:
        """The session with an access token that holds for a while; `force` when the services did not take this one.

        Raises:
            SessionEndedError: it is over.
            UnavailableError: identity does not answer, and the access token has ended (or `force`).
        """
        self._check_not_ended(session, caller)
        while force or not session.lasts(time.time(), MARGIN_SECONDS):
            try:
                session = await self._exchanged(session, caller)
            except UnavailableError:
                if force or not session.lasts(time.time()):
                    raise
                return session
            self._check_not_ended(session, caller)  # while it was exchanged, too
            force = False
        return session

    async def end(self, session: Session, caller: Caller) -> None:
        """End a session here, and tell identity that it is over.

        Raises:
            UnavailableError: it could not be told; the browser forgets the session all the same.
        """
        self._remember_ended((caller.tenant, session.id))
        try:
            await self._gateway.ask("POST", "/api/v1/sign-out", caller, body={"refresh_token": session.refresh_token})
        except RefusedError as refusal:
            if refusal.status not in ENDED:
                raise UnavailableError(str(refusal)) from refusal

    async def _exchanged(self, session: Session, caller: Caller) -> Session:
        key = hashlib.sha256(f"{caller.tenant} {session.refresh_token}".encode()).digest()
        self._forget_old()
        known = self._exchanges.get(key)
        if known is None:
            task = asyncio.create_task(self._exchange(session, caller))
            task.add_done_callback(lambda done: self._keep_if_good(key, done))
            known = self._exchanges[key] = _Exchange(self._clock(), (caller.tenant, session.id), task)
        return await asyncio.shield(known.task)

    async def _exchange(self, session: Session, caller: Caller) -> Session:
        anonymous = Caller(caller.tenant, caller.client)
        body = {"refresh_token": session.refresh_token}
        try:
            answer = await self._gateway.ask("POST", "/api/v1/sign-in/refresh", anonymous, body=body)
        except RefusedError as refusal:
            if refusal.status in ENDED:
                raise SessionEndedError(refusal.code) from refusal
            raise UnavailableError(str(refusal), refusal.retry_after or 1) from refusal
        return Session.begin(api.read(api.Tokens, answer), now=time.time(), session_id=session.id)

    def _keep_if_good(self, key: bytes, done: "asyncio.Task[Any]") -> None:
        """A failed exchange may be tried again; a good one is remembered."""
        known = self._exchanges.get(key)
        if (done.cancelled() or done.exception() is not None) and known is not None and known.task is done:
            del self._exchanges[key]

    def _forget_old(self) -> None:
        oldest = self._clock() - REMEMBER_SECONDS
        while self._exchanges:
            first = next(iter(self._exchanges.values()))
            if len(self._exchanges) < REMEMBERED and first.begun > oldest:
                return
            self._exchanges.popitem(last=False)

    def _remember_ended(self, name: tuple[str, str]) -> None:
        """Note that a session is over, and forget the tokens that were exchanged for it."""
        now = self._clock()
        self._ended[name] = now
        self._ended.move_to_end(name)
        while next(iter(self._ended.values())) <= now - ENDED_SECONDS:
            self._ended.popitem(last=False)
        for key in [key for key, exchange in self._exchanges.items() if exchange.of == name]:
            del self._exchanges[key]

    def _check_not_ended(self, session: Session, caller: Caller) -> None:
        if (caller.tenant, session.id) in self._ended:
            raise SessionEndedError("ended here")
