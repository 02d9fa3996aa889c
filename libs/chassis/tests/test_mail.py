import asyncio
import datetime as dt
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.headerregistry import Address
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, Envelope
from chassis.mail import Mail, Mailer, PermanentMailError, TransientMailError, compose
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

SENDER = Address("Inspraak", addr_spec="no-reply@inspraak.example")
MAIL = Mail(to="an@example.org", subject="De peiling is open", text="Stem nu.\n")


@dataclass
class Settings:
    smtp_url: str
    mail_from: str = "Inspraak <no-reply@inspraak.example>"


@dataclass
class Inbox:
    """What a real SMTP server was given, and what it answers."""

    rcpt: str = "250 OK"
    data: str = "250 OK"
    mails: list[EmailMessage] = field(default_factory=list)
    envelopes: list[Envelope] = field(default_factory=list)

    async def handle_RCPT(self, _s: Any, _session: Any, envelope: Envelope, address: str, _options: Any) -> str:  # noqa: N802
        if self.rcpt.startswith("250"):
            envelope.rcpt_tos.append(address)
        return self.rcpt

    async def handle_DATA(self, _s: Any, _session: Any, envelope: Envelope) -> str:  # noqa: N802
        assert isinstance(envelope.content, bytes)
        message = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(message, EmailMessage)
        self.mails.append(message)
        self.envelopes.append(envelope)
        return self.data


@asynccontextmanager
async def smtp_server(inbox: Inbox, scheme: str = "smtp", **options: Any) -> AsyncIterator[Settings]:
    loop = asyncio.get_running_loop()
    tls = options.pop("ssl", None)
    server = await loop.create_server(lambda: SMTP(inbox, loop=loop, hostname="mx", **options), "127.0.0.1", 0, ssl=tls)
    async with server:
        yield Settings(f"{scheme}://localhost:{server.sockets[0].getsockname()[1]}")


@asynccontextmanager
async def raw_server(
    talk: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
) -> AsyncIterator[Settings]:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await talk(reader, writer)
        finally:
            writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    async with server:
        yield Settings(f"smtp://127.0.0.1:{server.sockets[0].getsockname()[1]}")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder(subject_name=name, issuer_name=name, public_key=key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    return path


def server_context(certificate: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    return context


async def test_a_mail_arrives_with_its_text_its_language_and_an_unsubscribe_address() -> None:
    inbox = Inbox()
    mail = Mail(
        to="an@example.org",
        subject="Résultat publié: «Dorpsplein»",
        text="Bekijk het resultaat.\n",
        from_name="Stad Leuven",
        unsubscribe="https://leuven.example/api/v1/unsubscribe?token=abc",
        message_id="<event-1.person-2@inspraak.example>",
        language="nl",
    )
    async with smtp_server(inbox) as settings:
        sent = await Mailer(settings).send(mail)
    [got] = inbox.mails
    assert sent == "<event-1.person-2@inspraak.example>" == got["message-id"]
    assert inbox.envelopes[0].rcpt_tos == ["an@example.org"]
    assert str(got["from"]) == "Stad Leuven <no-reply@inspraak.example>"
    assert got["subject"] == "Résultat publié: «Dorpsplein»"
    assert got["list-unsubscribe"] == "<https://leuven.example/api/v1/unsubscribe?token=abc>"
    assert got["list-unsubscribe-post"] == "List-Unsubscribe=One-Click"
    assert got["auto-submitted"] == "auto-generated"
    assert got["content-language"] == "nl"
    assert got.get_content_type() == "text/plain"
    assert got.get_content().strip() == "Bekijk het resultaat."


async def test_a_long_unsubscribe_address_arrives_as_it_is() -> None:
    inbox, address = Inbox(), f"https://leuven.example/api/v1/unsubscribe?token={'x' * 200}"
    async with smtp_server(inbox) as settings:
        await Mailer(settings).send(Mail(to="an@example.org", subject="x", text="x", unsubscribe=address))
    content = inbox.envelopes[0].content
    assert f"\r\nList-Unsubscribe: <{address}>\r\n".encode() in content


async def test_each_mail_has_an_identifier_of_its_own() -> None:
    inbox = Inbox()
    async with smtp_server(inbox) as settings:
        first = await Mailer(settings).send(MAIL)
        second = await Mailer(settings).send(MAIL)
    assert first != second
    assert first.endswith("@inspraak.example>")
    assert [mail.get_content_type() for mail in inbox.mails] == ["text/plain", "text/plain"]
    assert "Stem nu." in inbox.mails[0].get_content()


@pytest.mark.parametrize(("scheme", "implicit"), [("smtps", True), ("smtp+starttls", False)])
async def test_the_scheme_decides_how_the_connection_is_protected(
    scheme: str, implicit: bool, certificate: Path
) -> None:
    inbox = Inbox()
    context = server_context(certificate)
    options: dict[str, Any] = {"ssl": context} if implicit else {"tls_context": context, "require_starttls": True}
    trusting = ssl.create_default_context(cafile=certificate)
    async with smtp_server(inbox, scheme, **options) as settings:
        await Mailer(settings, tls=trusting).send(MAIL)
        with pytest.raises(TransientMailError, match="no connection"):
            await Mailer(settings).send(MAIL)  # nobody we trust has signed this certificate
    assert len(inbox.mails) == 1


async def test_a_server_without_starttls_gets_no_mail_when_starttls_is_asked() -> None:
    inbox = Inbox()
    async with smtp_server(inbox, "smtp+starttls") as settings:
        with pytest.raises(TransientMailError, match="no connection"):
            await Mailer(settings).send(MAIL)
    assert inbox.mails == []


@pytest.mark.parametrize(
    ("inbox", "error"),
    [
        (Inbox(rcpt="550 no such user an@example.org"), PermanentMailError),
        (Inbox(rcpt="452 mailbox full"), TransientMailError),
        (Inbox(data="554 looks like spam"), PermanentMailError),
        (Inbox(data="451 greylisted, come back"), TransientMailError),
    ],
)
async def test_the_servers_answer_decides_whether_a_retry_helps(inbox: Inbox, error: type[Exception]) -> None:
    async with smtp_server(inbox) as settings:
        with pytest.raises(error) as caught:
            await Mailer(settings).send(MAIL)
    assert "an@example.org" not in str(caught.value)  # messages are logged, addresses are not


async def test_a_mail_that_is_too_large_for_the_server_is_refused_for_good() -> None:
    inbox = Inbox()
    async with smtp_server(inbox, data_size_limit=1000) as settings:
        with pytest.raises(PermanentMailError, match="too large"):
            await Mailer(settings).send(Mail(to="an@example.org", subject="Lang", text="x" * 2000))


async def test_a_server_that_is_not_there_is_a_transient_error(unused_tcp_port: int) -> None:
    with pytest.raises(TransientMailError, match="no connection"):
        await Mailer(Settings(f"smtp://127.0.0.1:{unused_tcp_port}")).send(MAIL)


async def test_a_server_that_never_answers_costs_no_more_than_the_deadline() -> None:
    async def silent(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with raw_server(silent) as settings:
        with pytest.raises(TransientMailError):
            await Mailer(settings, timeout=0.2).send(MAIL)


async def test_a_connection_that_breaks_is_a_transient_error() -> None:
    async def breaks(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mx\r\n")
        await reader.readline()
        writer.write(b"250 mx\r\n")
        await reader.readline()

    async with raw_server(breaks) as settings:
        with pytest.raises(TransientMailError):
            await Mailer(settings).send(MAIL)


async def test_a_taken_mail_is_sent_although_the_goodbye_fails() -> None:
    async def rude(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mx\r\n")
        for answer in (b"250 mx", b"250 ok", b"250 ok", b"354 go on"):
            await reader.readline()
            writer.write(answer + b"\r\n")
        await reader.readuntil(b"\r\n.\r\n")
        writer.write(b"250 taken\r\n")

    async with raw_server(rude) as settings:
        assert await Mailer(settings).send(MAIL)


@given(subject=st.text(max_size=200), name=st.text(max_size=80))
def test_no_subject_or_name_can_add_a_header_line(subject: str, name: str) -> None:
    printable = "".join(c for c in subject if not "\ud800" <= c <= "\udfff")
    named = "".join(c for c in name if not "\ud800" <= c <= "\udfff")
    mail = Mail(to="an@example.org", subject=printable, text="x", from_name=named)
    raw = compose(mail, SENDER).as_bytes()
    head = message_from_bytes(raw, policy=policy.default)
    assert head["to"].addresses[0].addr_spec == "an@example.org"
    assert [address.addr_spec for address in head["from"].addresses] == ["no-reply@inspraak.example"]
    assert sorted(head.keys()) == sorted(compose(MAIL, SENDER).keys())


@given(to=st.text(max_size=300))
def test_any_text_as_an_address_is_either_one_address_or_refused(to: str) -> None:
    try:
        message = compose(Mail(to=to, subject="x", text="x"), SENDER)
    except PermanentMailError:
        return
    assert len(message["To"].addresses) == 1


@pytest.mark.parametrize(
    "to",
    [
        "",
        "an",
        "an@",
        "@example.org",
        "an@example.org\r\nBcc: all@example.org",
        "an@x.org, bo@x.org",
        "a b@x.org",
        "an@example.org>",
        "An <an@example.org>",
        f"{'a' * 250}@x.org",
    ],
)
async def test_what_is_no_address_is_refused_before_any_server_hears_of_it(to: str, unused_tcp_port: int) -> None:
    with pytest.raises(PermanentMailError, match="address"):
        await Mailer(Settings(f"smtp://127.0.0.1:{unused_tcp_port}")).send(Mail(to=to, subject="x", text="x"))


def test_a_domain_outside_ascii_is_written_in_its_ascii_form() -> None:
    assert "an@xn--mnchen-3ya.example" in str(
        compose(Mail(to="an@münchen.example", subject="x", text="x"), SENDER)["To"]
    )


@pytest.mark.parametrize(
    "changes",
    [{"unsubscribe": "https://x.org/>\r\nBcc: y"}, {"unsubscribe": "javascript:x"}, {"message_id": "<a@b>\n"}],
)
def test_addresses_in_headers_are_checked(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="is no"):
        compose(Mail(to="an@example.org", subject="x", text="x", **changes), SENDER)


@pytest.mark.parametrize("url", ["http://mx", "smtp://", "smtp://user:secret@mx", "mx:25"])
def test_a_server_address_that_cannot_be_right_stops_the_process_at_its_start(url: str) -> None:
    with pytest.raises(ValueError, match=r"address|user"):
        Mailer(Settings(url))
