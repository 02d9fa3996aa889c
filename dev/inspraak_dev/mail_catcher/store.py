"""The mails that were caught, in memory: so many and so large at the most, the oldest go first."""

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email import message_from_bytes, policy
from email.message import EmailMessage

MOST_MAILS = 5_000
MOST_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Caught:
    """A mail as it arrived. `number` counts up; `to` are the recipients of the envelope, in lower case."""

    number: int
    received: datetime
    sender: str
    to: tuple[str, ...]
    raw: bytes

    @property
    def message(self) -> EmailMessage:
        """The parsed mail; mails are many and read seldom, so nothing parsed is kept."""
        parsed = message_from_bytes(self.raw, policy=policy.default)
        if not isinstance(parsed, EmailMessage):
            raise TypeError("the default policy makes an EmailMessage")
        return parsed

    @property
    def subject(self) -> str:
        """The subject, or nothing."""
        return str(self.message["subject"] or "")

    @property
    def text(self) -> str | None:
        """The plain version."""
        return _body(self.message, "plain")

    @property
    def html(self) -> str | None:
        """The HTML version."""
        return _body(self.message, "html")

    @property
    def headers(self) -> list[tuple[str, str]]:
        """All headers in their order, decoded."""
        return [(name, str(value)) for name, value in self.message.items()]


def _body(message: EmailMessage, kind: str) -> str | None:
    part = message.get_body((kind,))
    if not isinstance(part, EmailMessage):
        return None
    try:
        return str(part.get_content())
    except (LookupError, UnicodeError):  # a charset that is none: show what can be shown
        payload = part.get_payload(decode=True)
        return payload.decode("latin-1") if isinstance(payload, bytes) else None


class MailStore:
    """Keeps mails and wakes those who wait for one."""

    def __init__(self, *, mails: int = MOST_MAILS, size: int = MOST_BYTES) -> None:
        """At most so many mails and so many bytes."""
        self._most, self._size = mails, size
        self._mails: OrderedDict[int, Caught] = OrderedDict()
        self._bytes = 0
        self.last = 0
        self._news = asyncio.Condition()

    async def add(self, sender: str, to: Sequence[str], raw: bytes, received: datetime) -> Caught:
        """Keep a mail, and let the oldest go where it needs the room."""
        self.last += 1
        mail = Caught(self.last, received, sender, tuple(address.lower() for address in to), raw)
        self._mails[mail.number] = mail
        self._bytes += len(raw)
        while len(self._mails) > self._most or (self._bytes > self._size and len(self._mails) > 1):
            _, oldest = self._mails.popitem(last=False)
            self._bytes -= len(oldest.raw)
        async with self._news:
            self._news.notify_all()
        return mail

    def get(self, number: int) -> Caught | None:
        """A mail by its number."""
        return self._mails.get(number)

    def newest(self, *, to: str = "", after: int = 0, limit: int = 100) -> list[Caught]:
        """Mails behind a number, newest first, to an address that holds `to`."""
        wanted = to.strip().lower()
        found: list[Caught] = []
        for mail in reversed(self._mails.values()):
            if mail.number <= after or len(found) == limit:
                break
            if any(wanted in address for address in mail.to):
                found.append(mail)
        return found

    async def wait(self, seconds: float, *, to: str = "", after: int = 0, limit: int = 100) -> list[Caught]:
        """The same, once there is one; nothing if none comes within so many seconds."""
        try:
            async with asyncio.timeout(seconds), self._news:
                while not (found := self.newest(to=to, after=after, limit=limit)):
                    await self._news.wait()
        except TimeoutError:
            return self.newest(to=to, after=after, limit=limit)
        return found
