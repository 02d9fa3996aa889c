"""Signing in by a code that is mailed, and signing out.

A code works with the handle it was asked for with. A browser keeps the newest handles of one address, so whichever of
its codes somebody types works: of two tabs that asked, or the earlier one when no further mail was sent. Asking for
another address forgets them, in every tab.
"""

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

from starlette.responses import Response

from web import api
from web.forms import Mistake
from web.gateway import RefusedError, UnavailableError
from web.officials import MANAGE
from web.paths import local
from web.session import Session
from web.visit import Visit

COOKIE = "__Host-sign-in"
KIND = "sign-in"
SIGN_IN = "/api/v1/sign-in"
SECONDS = 900  # somewhat longer than a code lives, so that its end can be told
HANDLES = 5  # as many as an address is mailed codes within the life of one
LONGEST_ADDRESS = 254  # RFC 5321 §4.5.3.1.3
ADDRESS = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+")  # only what is surely a slip; the mail tells the rest
DIGITS = re.compile(r"\D+")
TOO_MANY = 429
FORBIDDEN = 403
NOT_THIS_HANDLE = frozenset({"code_wrong", "code_expired", "too_many_attempts"})
REFUSED_CODE = frozenset({FORBIDDEN, 422})


@dataclass(frozen=True, slots=True)
class Started:
    """A sign-in that waits for its code: for which address, where to go on, the handles, newest first."""

    address: str
    back: str | None
    handles: tuple[str, ...]

    @classmethod
    def read(cls, kept: Any) -> Self | None:
        """What a cookie holds; nothing for one of an earlier version."""
        match kept:
            case [str(address), back, [str(), *_] as handles]:
                return cls(address, local(back), tuple(handles))
        return None

    @property
    def kept(self) -> list[Any]:
        """What goes into the cookie."""
        return [self.address, self.back, list(self.handles)]

    def handles_of(self, address: str) -> tuple[str, ...]:
        """The handles that an address has in this browser."""
        return self.handles if address == self.address else ()


async def ask_address(visit: Visit) -> Response:
    """Ask for an e-mail address, and say why."""
    back = local(visit.request.query_params.get("next"))
    if visit.signed_in and not visit.session_unknown:
        return visit.redirect_to(back or visit.path())
    visit.personal = True
    return _address_page(visit, back, "")


async def send_code(visit: Visit) -> Response:
    """Have a code mailed. The answer is the same whether or not the address has an account."""
    fields = await visit.form(checked=False)
    back = local(_first(fields, "next"))
    address = _first(fields, "email").strip()
    if len(address) > LONGEST_ADDRESS or not ADDRESS.fullmatch(address):
        message = visit.lang.gettext("Enter an e-mail address, like name@example.org")
        return _address_page(visit, back, address, Mistake(message, "email"))
    try:
        body = {"email": address, "language": visit.lang.spoken}
        answer = await visit.web.gateway.ask("POST", "/api/v1/sign-in/codes", visit.anonymous, body=body)
    except RefusedError as refusal:
        if refusal.status == TOO_MANY:
            message = visit.lang.gettext("Too many codes were asked for. Wait a few minutes and try again")
            return _address_page(visit, back, address, Mistake(message, "email"), status=429)
        message = visit.lang.gettext("We cannot send mail to this address. Check it")
        return _address_page(visit, back, address, Mistake(message, "email"))
    handle = api.read(api.CodeRequested, answer).handle
    before = _started(visit)
    handles = (handle, *(before.handles_of(address) if before else ()))[:HANDLES]
    visit.keep_cookie(COOKIE, KIND, Started(address, back, handles).kept, seconds=SECONDS)
    return visit.redirect("sign-in", "code")


async def ask_code(visit: Visit) -> Response:
    """Ask for the code."""
    started = _started(visit)
    if started is None:
        return visit.redirect("sign-in")
    return visit.render("sign_in_code", address=started.address, back=started.back, mistake=None)


async def sign_in(visit: Visit) -> Response:
    """Sign in, and return to where it was asked for."""
    fields = await visit.form(checked=False)
    started = _started(visit)
    if started is None:
        return visit.redirect("sign-in")
    code = DIGITS.sub("", _first(fields, "code"))
    if not code:
        return _code_page(visit, started, visit.lang.gettext("Enter the code from the mail"))
    try:
        tokens = await _exchanged(visit, started.handles, code)
    except RefusedError as refusal:
        return _refused_code(visit, started, refusal)
    visit.keep_session(Session.begin(tokens, now=time.time()))
    visit.drop_cookie(COOKIE)
    return visit.redirect_to(_after(visit, started.back))


def _after(visit: Visit, back: str | None) -> str:
    """Where signing in leads: back to where it was asked for; officials who came by the home page to their work."""
    home = visit.path()
    if back in {None, home} and visit.official:
        return visit.path(MANAGE)
    return back or home


async def sign_out(visit: Visit) -> Response:
    """Sign out of this browser; what it kept is forgotten."""
    await visit.form()
    if visit.session is not None:
        try:
            await visit.web.sessions.end(visit.session, visit.anonymous)
        except UnavailableError:
            visit.drop_everything()
            visit.session = None
            return visit.render("signed_out", everywhere=False)
    visit.drop_everything()
    visit.session = None
    return visit.render("signed_out", everywhere=True)


async def _exchanged(visit: Visit, handles: Sequence[str], code: str) -> api.Tokens:
    """What a code gives with one of the browser's handles.

    Raises:
        RefusedError: it works with none; what is said of the newest handle.
    """
    newest: RefusedError | None = None
    for handle in handles:
        try:
            body = {"handle": handle, "code": code}
            return api.read(api.Tokens, await visit.web.gateway.ask("POST", SIGN_IN, visit.anonymous, body=body))
        except RefusedError as refusal:
            if refusal.code not in NOT_THIS_HANDLE:
                raise
            newest = newest or refusal
    raise newest or RefusedError(FORBIDDEN, "code_expired")


def _refused_code(visit: Visit, started: Started, refusal: RefusedError) -> Response:
    gettext = visit.lang.gettext
    if refusal.status == TOO_MANY:
        message = gettext("Too many attempts. Wait a few minutes, or ask for a new code")
        return _code_page(visit, started, message, status=429)
    if refusal.code == "code_expired":
        return _code_page(visit, started, gettext("This code is too old. Ask for a new one"))
    if refusal.code == "too_many_accounts":
        message = gettext("Several new accounts were made with this mailbox today. Try again tomorrow")
        return _code_page(visit, started, message)
    left = refusal.facts.get("attempts_left")
    if refusal.code == "too_many_attempts" or left == 0:
        return _code_page(visit, started, gettext("This code was tried too often. Ask for a new one"))
    if isinstance(left, int):
        message = visit.lang.ngettext(
            "This code is wrong. Check it; you can try %(n)s more time",
            "This code is wrong. Check it; you can try %(n)s more times",
            left,
        )
        return _code_page(visit, started, message % {"n": left})
    if refusal.status in REFUSED_CODE:
        return _code_page(visit, started, gettext("This code is wrong. Check it, or ask for a new one"))
    raise refusal


def _address_page(
    visit: Visit, back: str | None, address: str, mistake: Mistake | None = None, *, status: int | None = None
) -> Response:
    voting = bool(back and "/polls/" in back)
    code = status or (422 if mistake else 200)
    return visit.render("sign_in", status=code, back=back, address=address, mistake=mistake, voting=voting)


def _code_page(visit: Visit, started: Started, message: str, *, status: int = 422) -> Response:
    mistake = Mistake(message, "code")
    return visit.render("sign_in_code", status=status, address=started.address, back=started.back, mistake=mistake)


def _started(visit: Visit) -> Started | None:
    return Started.read(visit.open_cookie(COOKIE, KIND))


def _first(fields: dict[str, list[str]], name: str) -> str:
    return next(iter(fields.get(name, ())), "")
