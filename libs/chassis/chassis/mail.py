"""Mail over SMTP (RFC 5321, RFC 5322): one recipient a mail, a deadline on each send, errors that say if a retry helps.

A mail may be sent twice when the answer to it is lost on the way; give a mail that must not be doubled a `message_id`
made from what it is about, so that mail servers and people can tell the copies apart.
"""

import asyncio
import contextlib
import re
import ssl
from dataclasses import dataclass
from email.headerregistry import Address, BaseHeader, HeaderRegistry, UniqueUnstructuredHeader
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from email.policy import Policy
from email.utils import format_datetime, make_msgid, parseaddr
from typing import Protocol
from urllib.parse import SplitResult, unquote, urlsplit

import aiosmtplib

from chassis.clock import utc_now

TIMEOUT = 15.0
GOODBYE = 2.0
PORTS = {"smtp": 25, "smtp+starttls": 587, "smtps": 465}
LONGEST_ADDRESS = 254  # RFC 5321 §4.5.3.1.3, less the angle brackets
SIZE_EXCEEDED = 552
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


class _Unfolded(UniqueUnstructuredHeader, BaseHeader):  # type: ignore[misc] # typeshed knows one of them less well
    """A header as it stands, on one line: Python would break a long address by encoding it, and no reader undoes that.

    RFC 2369 §2, RFC 2047 §5: no encoded words in a URL. RFC 5322 §2.1.1: a line may have 998 characters.
    """

    def fold(self, *, policy: Policy) -> str:
        return f"{self.name}: {self}{policy.linesep}"


HEADERS = HeaderRegistry()
HEADERS.map_to_type("list-unsubscribe", _Unfolded)
POLICY = SMTP_POLICY.clone(header_factory=HEADERS)


class MailError(Exception):
    """A mail was not sent. `reply` is what the server said; it may name an address, so it stays out of the message."""

    def __init__(self, message: str, *, reply: str = "") -> None:
        super().__init__(message)
        self.reply = reply


class TransientMailError(MailError):
    """It may work later: no connection, a timeout, a busy server, or a server that does not let us in."""


class PermanentMailError(MailError):
    """It will never work: no such address, or content that the server refuses."""


class MailSettings(Protocol):
    """What a mailer reads of the settings."""

    @property
    def smtp_url(self) -> str: ...
    @property
    def mail_from(self) -> str: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """One mail to one person.

    `language` is the one of the text (BCP 47). `from_name` replaces the display name of the sender's address.
    `unsubscribe` is an https address that takes the one-click POST of RFC 8058. Control characters in the subject
    become spaces: subjects carry titles that people wrote.
    """

    to: str
    subject: str
    text: str
    language: str | None = None
    from_name: str | None = None
    unsubscribe: str | None = None
    message_id: str | None = None


class Mailer:
    """Sends mails through the server at `smtp_url`.

    The scheme says how the connection is protected: `smtps://` TLS from the start (RFC 8314), `smtp+starttls://` TLS
    or nothing (RFC 3207), `smtp://` none. A user and password in the address need one of the first two.
    `tls` is for a server whose certificate a private authority has signed.
    """

    def __init__(self, settings: MailSettings, *, timeout: float = TIMEOUT, tls: ssl.SSLContext | None = None) -> None:
        self._server = _parse(settings.smtp_url)
        self._sender = Address(parseaddr(settings.mail_from)[0], addr_spec=_address(parseaddr(settings.mail_from)[1]))
        self._timeout = timeout
        self._tls = tls

    async def send(self, mail: Mail) -> str:
        """Send a mail and return its Message-ID once the server has taken it.

        Raises:
            TransientMailError: not sent now; try again later.
            PermanentMailError: this mail cannot be sent to this address.
            ValueError: an identifier or an address in a header that is none.
        """
        message = compose(mail, self._sender)
        client = self._client()
        try:
            async with asyncio.timeout(self._timeout):
                await _connect(client)
                await _deliver(client, message, self._sender.addr_spec, _address(mail.to))
            await _quit(client)
        except TimeoutError as error:
            raise TransientMailError(f"the mail server took longer than {self._timeout:g} s") from error
        finally:
            client.close()
        return str(message["Message-ID"])

    def _client(self) -> aiosmtplib.SMTP:
        server = self._server
        return aiosmtplib.SMTP(
            hostname=server.hostname,
            port=server.port or PORTS[server.scheme],
            username=unquote(server.username) if server.username else None,
            password=unquote(server.password) if server.password else None,
            use_tls=server.scheme == "smtps",
            start_tls=server.scheme == "smtp+starttls",
            tls_context=self._tls,
            timeout=self._timeout,
            local_hostname=self._sender.domain,  # aiosmtplib would look up this machine's name, which may block
        )


def compose(mail: Mail, sender: Address) -> EmailMessage:
    """The message of a mail: headers that no value can add a line to, and plain text.

    Raises:
        PermanentMailError: the recipient is no address.
        ValueError: an identifier or an address in a header that is none.
    """
    message = EmailMessage(policy=POLICY)
    name = sender.display_name if mail.from_name is None else mail.from_name
    message["From"] = Address(_one_line(name), addr_spec=sender.addr_spec)
    message["To"] = Address(addr_spec=_address(mail.to))
    message["Subject"] = _one_line(mail.subject)
    message["Date"] = format_datetime(utc_now())
    message["Message-ID"] = _message_id(mail.message_id) if mail.message_id else make_msgid(domain=sender.domain)
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office answers
    if mail.unsubscribe:
        message["List-Unsubscribe"] = f"<{_url(mail.unsubscribe)}>"
        message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    message.set_content(mail.text)
    if mail.language:
        message["Content-Language"] = mail.language
    return message


async def _connect(client: aiosmtplib.SMTP) -> None:
    """Whatever goes wrong before the mail itself is about the server or our account there, so it may heal."""
    try:
        await client.connect()
    except (aiosmtplib.SMTPException, OSError) as error:
        raise TransientMailError("no connection with the mail server", reply=str(error)) from error


async def _deliver(client: aiosmtplib.SMTP, message: EmailMessage, sender: str, recipient: str) -> None:
    try:
        await client.send_message(message, sender=sender, recipients=[recipient])
    except aiosmtplib.SMTPRecipientsRefused as error:
        raise _refused(error.recipients[0], "the recipient") from error
    except aiosmtplib.SMTPSenderRefused as error:
        if error.code == SIZE_EXCEEDED:
            raise PermanentMailError("the mail is too large for the mail server", reply=error.message) from error
        raise TransientMailError("the mail server refused the sender", reply=error.message) from error
    except aiosmtplib.SMTPResponseException as error:
        raise _refused(error, "the mail") from error
    except aiosmtplib.SMTPNotSupported as error:
        raise PermanentMailError("the mail server knows only ASCII addresses") from error
    except (aiosmtplib.SMTPException, OSError) as error:
        raise TransientMailError("the connection with the mail server broke", reply=str(error)) from error


async def _quit(client: aiosmtplib.SMTP) -> None:
    """Say goodbye; the mail is taken, so nothing that goes wrong from here may look like a failure."""
    with contextlib.suppress(aiosmtplib.SMTPException, OSError):
        async with asyncio.timeout(GOODBYE):
            await client.quit()


def _refused(error: aiosmtplib.SMTPResponseException, what: str) -> MailError:
    """RFC 5321 §4.2.1: 5yz is final, 4yz is not."""
    kind = PermanentMailError if error.code // 100 == 5 else TransientMailError  # noqa: PLR2004 - the RFC's first digit
    return kind(f"the mail server refused {what} with {error.code}", reply=error.message)


def _parse(url: str) -> SplitResult:
    server = urlsplit(url)
    if server.scheme not in PORTS or not server.hostname:
        raise ValueError(f"a mail server's address begins with one of {', '.join(f'{name}://' for name in PORTS)}")
    if server.username and server.scheme == "smtp":
        raise ValueError("a user and password need smtps:// or smtp+starttls://")
    return server


def _address(text: str) -> str:
    """An address that is safe in a header and on an SMTP command line; a non-ASCII domain in its ASCII form."""
    local, at, domain = text.rpartition("@")
    if not (at and local and domain) or len(text) > LONGEST_ADDRESS or CONTROL.search(text) or " " in text:
        raise PermanentMailError("not an e-mail address")
    try:
        return Address(addr_spec=f"{local}@{domain.encode('idna').decode()}").addr_spec
    except (ValueError, IndexError) as error:  # headerregistry's parser runs off the end of some texts
        raise PermanentMailError("not an e-mail address") from error


def _one_line(text: str) -> str:
    return CONTROL.sub(" ", text).strip()


def _message_id(identifier: str) -> str:
    if not re.fullmatch(r"<[!-;=?-~]+@[!-;=?-~]+>", identifier):
        raise ValueError(f"{identifier!r} is no Message-ID: <left@right> without spaces")
    return identifier


def _url(url: str) -> str:
    if not re.fullmatch(r"https?://[!-;=?-~]+", url):
        raise ValueError(f"{url!r} is no web address")
    return url
