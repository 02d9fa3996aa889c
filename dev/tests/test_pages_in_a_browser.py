"""The development pages in a real browser, narrow and wide: axe finds nothing, nothing scrolls sideways."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from email.headerregistry import Address
from pathlib import Path
from typing import Any, Literal

import pytest
from aiosmtplib import SMTP
from chassis.mail import Mail, compose
from chassis.testing import serving
from inspraak_dev import pages
from inspraak_dev.mail_catcher import MailStore, catcher
from inspraak_dev.trace_receiver import TraceStore, receiver
from inspraak_dev.trace_receiver.otlp import Link, Span
from playwright.async_api import Browser, Page, async_playwright

AXE = Path(__file__).parents[2] / "tests/e2e/vendor/axe-core/axe.min.js"
WIDTHS = (360, 1280)
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
FOLDER = os.environ.get("INSPRAAK_SCREENSHOTS")
VIOLATIONS = "async () => (await axe.run()).violations.map(one => `${one.id}: ${one.nodes[0].html}`)"
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
START = 1_795_000_000_000_000_000
TEXT = "Goedendag,\n\nUw code is 481 516.\n\nhttps://leuven.example/nl/sign-in?code=481516\n\n" + "Lang woord " * 60
HTML = "<h1>Goedendag</h1><p>Uw code is <b>481 516</b>. <a href='https://leuven.example/'>Meld u aan</a></p>"

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]


@dataclass
class Urls:
    mail: str
    traces: str


def span(trace: int, number: int, name: str, service: str, *times: float, **more: Any) -> Span:
    start, length = times
    begin = START + int(start * 1e6)
    return Span(
        trace_id=f"{trace:032x}",
        span_id=f"{trace:08x}{number:08x}",
        parent_id=more.get("parent", "") and f"{trace:08x}{more['parent']:08x}",
        name=name,
        service=service,
        kind="server",
        start=begin,
        end=begin + int(length * 1e6),
        error=more.get("error"),
        attributes={"inspraak.poll_id": "0198d1f2-7c1e-7b6a-9f3c-6f0f5a9a1e21"} | more.get("attributes", {}),
        events=(("committed", begin + 1000),),
        links=tuple(Link(f"{of:032x}", f"{of:08x}{1:08x}") for of in more.get("links", ())),
    )


SPANS = [
    span(1, 1, "PUT /api/v1/polls/{poll_id}/vote", "gateway", 0, 14.2),
    span(1, 2, "PUT /api/v1/polls/{poll_id}/vote", "voting", 1.1, 11.9, parent=1),
    span(1, 3, "write batch", "voting", 3, 7, parent=2, attributes={"inspraak.rows": 12}),
    span(2, 1, "timer close_poll", "voting", 90_000, 31),
    span(3, 1, "send events", "voting", 90_040, 4, links=[2]),
    span(4, 1, "process notifications", "notifications", 90_050, 22, links=[2], error="ConnectionError"),
    span(5, 1, "process notifications", "notifications", 91_060, 25, links=[2]),
    span(6, 1, "send mail", "notifications", 91_090, 9, links=[5]),
]


@pytest.fixture(scope="module")
async def urls() -> AsyncIterator[Urls]:
    async with AsyncExitStack() as stack:
        smtp = stack.enter_context(pages.listen("127.0.0.1", 0))
        mail = await stack.enter_async_context(serving(catcher(MailStore(), smtp)))
        store = TraceStore()
        traces = await stack.enter_async_context(serving(receiver(store)))
        await store.add(SPANS)
        sender = Address("Stad Leuven", addr_spec="no-reply@leuven.example")
        async with SMTP(hostname="127.0.0.1", port=smtp.getsockname()[1], local_hostname="test") as client:
            for to in ("an.janssens@example.org", "averyveryverylongaddress.withoutanyspace@subdomain.example.org"):
                subject = "Uw code om u aan te melden bij Stad Leuven"
                message = compose(Mail(to=to, subject=subject, text=TEXT), sender)
                message.add_alternative(HTML, subtype="html")
                await client.send_message(message)
        yield Urls(mail, traces)


@pytest.fixture(scope="module")
async def browser() -> AsyncIterator[Browser]:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None or not AXE.exists():
        pytest.skip("needs Debian's chromium and the vendored axe-core")
    async with async_playwright() as playwright:
        running = await playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield running
        await running.close()


@pytest.fixture
async def page(browser: Browser) -> AsyncIterator[Page]:
    page = await browser.new_page(bypass_csp=True)  # axe is a script, and these pages allow none
    yield page
    await page.close()


async def look(page: Page, address: str, name: str, *, opened: bool = False) -> None:
    """Axe and the width must be right at each width, light and dark; a picture is taken where one is asked for."""
    await page.goto(address)
    await page.add_script_tag(path=AXE)
    if opened:
        for summary in await page.locator("summary").all():
            await summary.click()
    for width in WIDTHS:
        await page.set_viewport_size({"width": width, "height": 900})
        for scheme in SCHEMES:
            await page.emulate_media(color_scheme=scheme)
            assert await page.evaluate(VIOLATIONS) == [], f"{name} {scheme} at {width}"
            if FOLDER:
                await page.screenshot(path=f"{FOLDER}/{name}-{scheme}-{width}.png", full_page=True)
        assert await page.evaluate(OVERFLOW) <= 0, f"{name} at {width}"


async def test_the_mail_pages_are_accessible_narrow_and_wide_light_and_dark(page: Page, urls: Urls) -> None:
    for path, name in (("/", "mails"), ("/?to=nobody", "no-mails"), ("/mails/1", "mail"), ("/mails/9", "mail-404")):
        await look(page, urls.mail + path, name)


async def test_the_trace_pages_are_accessible_narrow_and_wide_light_and_dark(page: Page, urls: Urls) -> None:
    await look(page, f"{urls.traces}/", "traces")
    await look(page, f"{urls.traces}/?service=nobody", "no-traces")
    await look(page, f"{urls.traces}/traces/{1:032x}?also=inspraak.poll_id", "trace", opened=True)


async def test_a_mail_is_found_and_read_by_keyboard_without_javascript(browser: Browser, urls: Urls) -> None:
    context = await browser.new_context(java_script_enabled=False)
    page = await context.new_page()
    await page.goto(urls.mail)
    await page.get_by_label("Recipient").press_sequentially("an.janssens")
    await page.keyboard.press("Enter")
    await page.get_by_role("heading", name="Mails to").wait_for()
    link = page.get_by_role("link", name="Uw code om u aan te melden")
    assert await link.count() == 1
    await link.focus()
    await page.keyboard.press("Enter")
    await page.get_by_role("region", name="Text").get_by_text("481 516").wait_for()
    await page.frame_locator("iframe").get_by_role("heading", name="Goedendag").wait_for()
    await context.close()


async def test_a_connected_trace_is_reached_by_links_alone(browser: Browser, urls: Urls) -> None:
    context = await browser.new_context(java_script_enabled=False)
    page = await context.new_page()
    await page.goto(urls.traces)
    await page.get_by_role("link", name="PUT /api/v1/polls/{poll_id}/vote").click()
    await page.get_by_role("link", name="show all with this poll_id here").click()
    titles = await page.get_by_role("heading", level=2).all_inner_texts()
    assert [title.removeprefix("↳ ") for title in titles] == [
        "PUT /api/v1/polls/{poll_id}/vote",
        "timer close_poll",
        "send events",
        "process notifications",
        "process notifications",
        "send mail",
    ]
    await context.close()


async def test_both_pages_say_that_they_are_ready(urls: Urls) -> None:
    async def ask(url: str) -> str:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
        writer.write(b"GET /readyz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
        answer = await reader.read()
        writer.close()
        return answer.decode().partition("\r\n")[0]

    assert [await ask(url) for url in (urls.mail, urls.traces)] == ["HTTP/1.1 200 OK"] * 2
