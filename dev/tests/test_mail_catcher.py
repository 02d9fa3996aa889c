import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import aiohttp
import aiosmtplib
import pytest
from chassis.mail import Mail, Mailer
from chassis.testing import serving
from inspraak_dev import pages
from inspraak_dev.mail_catcher import MailStore, catcher

RECEIVED = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


@dataclass
class Settings:
    smtp_url: str
    mail_from: str = "Inspraak <no-reply@inspraak.example>"


@dataclass
class Catcher:
    mailer: Mailer
    smtp_port: int
    url: str
    http: aiohttp.ClientSession

    async def send(self, to: str = "an@example.org", subject: str = "Hello", **more: Any) -> None:
        await self.mailer.send(Mail(to=to, subject=subject, text=more.pop("text", "Your code is 123456.\n"), **more))

    async def mails(self, **query: str) -> dict[str, Any]:
        async with self.http.get(f"{self.url}/api/mails", params=query) as answer:
            assert answer.status == 200
            found: dict[str, Any] = await answer.json()
            return found

    async def page(self, path: str, status: int = 200, **query: str) -> str:
        async with self.http.get(self.url + path, params=query) as answer:
            assert answer.status == status
            return await answer.text()


@pytest.fixture
async def running() -> AsyncIterator[Catcher]:
    with pages.listen("127.0.0.1", 0) as smtp:
        port = smtp.getsockname()[1]
        async with serving(catcher(MailStore(), smtp)) as url, aiohttp.ClientSession() as http:
            yield Catcher(Mailer(Settings(f"smtp://127.0.0.1:{port}")), port, url, http)


async def test_a_mail_that_was_sent_can_be_read(running: Catcher) -> None:
    stop = "https://leuven.example/unsubscribe?token=abc"
    await running.send(to="An@Example.org", subject="Uw code: é", unsubscribe=stop)
    [mail] = (await running.mails())["mails"]
    assert mail["to"] == ["an@example.org"]
    assert mail["from"] == "no-reply@inspraak.example"
    assert mail["subject"] == "Uw code: é"
    assert mail["text"].strip() == "Your code is 123456."
    assert mail["html"] is None
    assert ["Auto-Submitted", "auto-generated"] in mail["headers"]
    assert ["List-Unsubscribe", f"<{stop}>"] in mail["headers"]
    page = await running.page(f"/mails/{mail['id']}")
    assert "Your code is 123456." in page
    assert (await running.page(f"/mails/{mail['id']}/source")).startswith("From: ")


async def test_mails_are_listed_newest_first_and_filtered_by_recipient(running: Catcher) -> None:
    for number, to in enumerate(["an@example.org", "bo@example.org", "an@example.org"]):
        await running.send(to=to, subject=f"Mail {number}")
    assert [mail["subject"] for mail in (await running.mails())["mails"]] == ["Mail 2", "Mail 1", "Mail 0"]
    assert [mail["subject"] for mail in (await running.mails(to="BO@"))["mails"]] == ["Mail 1"]
    assert [mail["subject"] for mail in (await running.mails(after="1", to="an"))["mails"]] == ["Mail 2"]
    assert [mail["subject"] for mail in (await running.mails(limit="1"))["mails"]] == ["Mail 2"]
    page = await running.page("/", to="bo@example.org")
    assert "Mail 1" in page
    assert "Mail 2" not in page


async def test_a_test_waits_for_a_mail_and_not_for_a_while(running: Catcher) -> None:
    await running.send(to="an@example.org")
    last = (await running.mails())["last"]
    waiting = asyncio.create_task(running.mails(to="bo@example.org", after=str(last), wait="30"))
    await running.send(to="an@example.org")
    await running.send(to="bo@example.org", subject="For Bo")
    async with asyncio.timeout(10):
        assert [mail["subject"] for mail in (await waiting)["mails"]] == ["For Bo"]


async def test_waiting_in_vain_ends_with_nothing(running: Catcher) -> None:
    assert await running.mails(wait="0.05") == {"mails": [], "last": 0}


@pytest.mark.parametrize("query", [{"after": "x"}, {"after": "-1"}, {"limit": "0"}, {"wait": "nan"}, {"wait": "x"}])
async def test_questions_that_make_no_sense_are_taken_as_not_asked(running: Catcher, query: dict[str, str]) -> None:
    await running.send()
    assert len((await running.mails(**query))["mails"]) == 1


async def test_what_a_mail_says_is_shown_and_never_run(running: Catcher) -> None:
    await running.send(subject="<script>alert(1)</script>", text='<img src=x> https://x.example/?a="b"&c, and more.')
    for path in ("/", "/mails/1"):
        page = await running.page(path)
        assert "<script>" not in page
        assert "<img" not in page
    assert '<a href="https://x.example/?a=">https://x.example/?a=</a>' in await running.page("/mails/1")


async def test_links_in_a_text_can_be_followed(running: Catcher) -> None:
    await running.send(text="Go to https://leuven.example/nl/polls/1?x=1&y=2.\n")
    address = "https://leuven.example/nl/polls/1?x=1&amp;y=2"
    assert f'<a href="{address}">{address}</a>.' in await running.page("/mails/1")


async def test_a_mail_without_sense_is_caught_and_shown_as_far_as_it_goes(running: Catcher) -> None:
    raws = [
        b"",
        b"\xff\xfe no header at all",
        b"Subject: =?utf-8?q?broken\r\nContent-Type: text/plain; charset=x-none\r\n\r\nbody \xe9\r\n",
        b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n",
        b"To: <<<>>>\r\nFrom: @@\r\nDate: never\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<b>bold</b>\xff\r\n",
    ]
    client = aiosmtplib.SMTP(hostname="127.0.0.1", port=running.smtp_port, local_hostname="test")
    async with client:
        for raw in raws:
            await client.sendmail("a@example.org", ["b@example.org"], raw)
    mails = (await running.mails())["mails"]
    assert len(mails) == len(raws)
    assert "body é" in mails[2]["text"]
    assert "<b>bold</b>" in await running.page(f"/mails/{mails[0]['id']}/html")
    assert "<b>bold</b>" not in await running.page(f"/mails/{mails[0]['id']}")
    for mail in mails:
        await running.page(f"/mails/{mail['id']}")
    await running.page("/")


async def test_what_is_not_there_is_a_404(running: Catcher) -> None:
    await running.send()
    for path in ("/mails/99", "/mails/1/html", "/api/mails/99", "/mails/x"):
        await running.page(path, 404)


async def test_a_web_site_cannot_read_the_mails_under_a_name_of_its_own(running: Catcher) -> None:
    async with running.http.get(running.url, headers={"host": "evil.example"}) as answer:
        assert answer.status == 400


async def test_memory_is_bounded_by_number_and_by_size() -> None:
    by_number = MailStore(mails=3)
    for number in range(5):
        await by_number.add("a@x", [f"{number}@x"], b"Subject: x\r\n\r\n", RECEIVED)
    assert [mail.number for mail in by_number.newest()] == [5, 4, 3]
    assert by_number.get(2) is None
    by_size = MailStore(size=100)
    for _ in range(5):
        await by_size.add("a@x", ["b@x"], b"x" * 40, RECEIVED)
    assert [mail.number for mail in by_size.newest()] == [5, 4]
    await by_size.add("a@x", ["b@x"], b"x" * 400, RECEIVED)
    assert [mail.number for mail in by_size.newest()] == [6]
