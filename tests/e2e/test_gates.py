"""Every page of the table through every gate."""

import os
from dataclasses import dataclass, field

import aiohttp
import pytest
from playwright.async_api import Browser
from starlette.routing import Route
from web.routes import routes
from yarl import URL

from tests.e2e import table, world
from tests.e2e.checks import with_axe
from tests.e2e.gates import GATES, Traffic, fits

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
async def the_world(platform, browser):
    return await world.make(platform, browser, f"table-{os.urandom(4).hex()}@example.org")


@dataclass
class Windows:
    """Opens the pages of the table: one window for each person, new ones for what is patched or weighed."""

    world: world.World
    browser: Browser
    kept: dict = field(default_factory=dict)
    spent: list = field(default_factory=list)

    async def window(self, who):
        phone = {"width": GATES["phone"].width, "height": GATES["phone"].height}
        context = await self.browser.new_context(viewport=phone, locale="nl-BE", storage_state=self.world.people[who])
        traffic = Traffic(self.world.site)
        page = await (await with_axe(context)).new_page()
        traffic.listen(page)
        return page, traffic

    async def open(self, line, *, language="nl"):
        """The page of a line, and what is heard from then on."""
        if line.who not in self.kept:
            self.kept[line.who] = await self.window(line.who)
        page, traffic = self.kept[line.who]
        traffic.trouble.clear()
        await self.go(page, line, language)
        return page, traffic

    async def open_anew(self, line, *, patch=None, weigh=False):
        """The same in a window of its own; `patch` answers in the server's place."""
        page, traffic = await self.window(line.who)
        self.spent.append(page.context)
        if patch:
            await page.route("**/*", patch)
        scales = await traffic.weigh(page.context, page) if weigh else None
        await self.go(page, line)
        if scales:  # its answer comes after what it was told before
            await scales.send("Network.disable")
        return page, traffic

    async def go(self, page, line, language="nl"):
        answer = await page.goto(self.world.url(line, language))
        assert answer.status == line.status, f"{page.url}: {answer.status}"
        assert page.url == self.world.url(line, language), "it led elsewhere"


@pytest.fixture(scope="module")
async def all_windows(the_world, browser):
    made = Windows(the_world, browser)
    yield made
    for page, _ in made.kept.values():
        await page.context.close()


@pytest.fixture
async def windows(all_windows):
    yield all_windows
    while all_windows.spent:
        await all_windows.spent.pop().close()


@pytest.mark.parametrize("line", table.PAGES, ids=lambda line: line.name)
async def test_every_page_passes_every_gate(line, windows):
    page, traffic = await windows.open(line)
    found = {name: faults for name, gate in GATES.items() if (faults := await gate.faults(page, line))}
    assert found == {}, page.url
    assert traffic.trouble == []


@pytest.mark.parametrize("line", table.PAGES, ids=lambda line: line.name)
async def test_every_page_keeps_its_budget(line, windows):
    _, traffic = await windows.open_anew(line, weigh=True)
    assert traffic.over(line.budget) == []
    assert traffic.trouble == []


HARD_CODED = """() => {
  const found = [], own = (node) => node.closest('[lang]').lang === 'qps' &&
    !node.closest('time, code, .ds-sr-only[lang], textarea, dd, [aria-hidden] .name');
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node; (node = walker.nextNode());)
    if (own(node.parentElement) && !/@|^\\S+\\.[a-z]+$/.test(node.data.trim())) found.push(node.data);
  for (const name of ['aria-label', 'title', 'alt', 'placeholder'])
    for (const one of document.querySelectorAll(`[${name}]`)) if (own(one)) found.push(one.getAttribute(name));
  return found.map((text) => text.trim()).filter((text) =>
    (text.match(/[\\p{L}\\p{M}]+/gu) || []).some((word) => word.length > 2 && /^[a-z]*[aeiou][a-z]*$/i.test(word)));
}"""


@pytest.mark.parametrize("line", table.PAGES, ids=lambda line: line.name)
async def test_every_word_of_a_page_comes_from_the_catalogue_and_longer_words_fit(line, windows):
    page, _ = await windows.open(line, language="qps")
    assert await page.evaluate(HARD_CODED) == [], page.url
    assert await fits(page, line) == []


async def test_a_word_that_no_catalogue_has_is_found(windows):
    page, _ = await windows.open(CONTACT, language="qps")
    await page.evaluate("document.querySelector('main h1').insertAdjacentText('beforeend', ' Forgotten')")
    assert any("Forgotten" in text for text in await page.evaluate(HARD_CODED))


def test_every_page_of_the_route_table_is_in_the_table_of_pages():
    listed = {line.route for line in table.PAGES} | table.NO_PAGES
    assert {route.path for route in routes() if "GET" in route.methods} == listed
    forgotten = [*routes(), Route("/{locale:language}/new", lambda _: None)]
    assert {route.path for route in forgotten if "GET" in route.methods} != listed


# Each gate finds what it is for


def style(css):
    return lambda kind, body: f"{body}\n{css}" if kind == "stylesheet" else body


def script(more):
    return lambda kind, body: f"{body}\n{more}" if kind == "script" else body


def markup(old, new):
    return lambda kind, body: body.replace(old, new, 1) if kind == "document" else body


LONG = "<p>" + "x" * 40_000 + "</p>"
SEEDS = [
    ("phone", markup("<main", "<img src='/static/x.png'><main"), "image-alt"),
    ("phone", markup("<h1", "<h1>Nog een</h1><h1"), "h1:"),
    ("phone", markup('lang="nl"', 'lang="fr"'), "lang: fr"),
    ("phone", markup("<title>", "<title>x</title><title>"), "title: 'x'"),
    ("phone", markup("<h1", "<p style='color:red'>x</p><h1"), "inline: <p style"),
    ("phone", style("h1{inline-size:600px}"), "px too wide for 360"),
    ("screen", style(".ds-paragraph{color:#ccc}"), "color-contrast"),
    ("reflow", style(".narrow{min-inline-size:330px}"), "px too wide for 320"),
    ("spacing", style("h1.ds-heading{block-size:1.2em;overflow:hidden}"), "cut off: h1"),
    ("dark", style("body{background:#fff!important}"), "the ground is bright"),
    ("dark", style(".ds-paragraph{color:#222!important}"), "color-contrast"),
    ("reduced motion", style("h1{transition:color 1s!important}"), "moves"),
    ("focus over a keyboard",
     style("main::before{content:'';position:fixed;inset:auto 0 0;block-size:60%;background:tan}"),
     "is under something else"),
    ("focus over a keyboard", style(".bottom{position:fixed;inset-inline-start:-9999px}"), "is not on the screen"),
    ("focus over a keyboard", style("*:focus-visible{outline:none!important;box-shadow:none!important}"),
     "its focus cannot be seen"),
    ("forced colours", style("*:focus-visible{outline:none!important;box-shadow:0 0 0 4px red!important}"),
     "its focus cannot be seen"),
]  # fmt: skip


def patched(change):
    """Answers in the server's place: with its answers, changed."""

    async def patch(route):
        request = route.request
        kind, address = request.resource_type, URL(request.url)
        if kind not in {"document", "stylesheet", "script"} or "/theme-" in request.url:
            return await route.continue_()
        async with aiohttp.ClientSession() as http:  # Chromium knows where *.localhost is, the system need not
            headers = {"host": address.authority, "accept-language": "nl"}
            async with http.get(address.with_host("127.0.0.1"), headers=headers) as answer:
                body = change(kind, await answer.text())
        kept = {key: value for key, value in answer.headers.items() if key.lower() not in {"content-length", "etag"}}
        return await route.fulfill(status=answer.status, headers=kept, body=body)

    return patch


CONTACT = next(line for line in table.PAGES if line.name == "contact")
TURNOUT = next(line for line in table.PAGES if line.name == "open poll")  # the one with a script


@pytest.mark.parametrize(("gate", "change", "named"), SEEDS, ids=lambda part: part if isinstance(part, str) else "")
async def test_a_gate_names_the_fault_that_it_is_for(gate, change, named, windows):
    page, _ = await windows.open_anew(CONTACT, patch=patched(change))
    assert named in "\n".join(await GATES[gate].faults(page, CONTACT))


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (markup("<h1", "<img alt='' src='https://elsewhere.example/x.png'><h1"), "asked another origin"),
        (markup("<h1", "<script>1</script><h1"), "Content Security Policy"),
        (markup("<h1", "<p style='color:red'>x</p><h1"), "Content Security Policy"),
        (markup("<h1", "<img alt='' src='/static/nothing.png'><h1"), "404"),
    ],
    ids=["origin", "script", "style", "missing file"],
)
async def test_what_the_browser_complains_of_is_heard(change, named, windows):
    _, traffic = await windows.open_anew(CONTACT, patch=patched(change))
    assert named in "\n".join(traffic.trouble)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (markup("<h1", f"{LONG}<h1"), "html: "),
        (style("/*" + "x" * 40_000 + "*/"), "css: "),
        (script("/*" + "x" * 40_000 + "*/"), "js: "),
        (
            markup("<h1", "".join(f"<img alt='' src='/robots.txt?{number}'>" for number in range(12)) + "<h1"),
            "requests:",
        ),
    ],
    ids=["html", "css", "js", "requests"],
)
async def test_a_page_over_its_budget_is_named(change, named, windows):
    _, traffic = await windows.open_anew(TURNOUT, patch=patched(change), weigh=True)
    assert named in "\n".join(traffic.over(TURNOUT.budget))


async def test_a_budget_of_nothing_weighed_is_no_pass(windows):
    _, traffic = await windows.open(CONTACT)
    assert traffic.over(CONTACT.budget) == ["nothing was weighed"]
