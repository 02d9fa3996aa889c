"""How fast pages are on a slow phone: `python -m bench.pages`, and a part of `make bench`.

Chromium is slowed down as the design of the pages asks (§5.1): Slow 4G (150 ms round trip, 1.6 Mbit/s down, 0.75 up),
a CPU six times slower, no cache, 360×740. What is told is the median of three visits, of five where they lie apart.

- LCP: milliseconds until the largest piece of the page is painted;
- TBT: milliseconds by which tasks of the main thread are longer than 50 each, until the page is at rest;
- CLS: how much moves by itself (layout shifts without input);
- KB: 1024 bytes over the wire, headers included.
"""

import asyncio
import json
import shutil
import statistics
import sys
from pathlib import Path
from typing import Any

from inspraak_dev.demo.main import Demo
from inspraak_dev.stack import lifecycle
from inspraak_dev.stack.stack import Stack
from playwright.async_api import Browser, Page, async_playwright

RESULTS = Path(__file__).parent / "results" / "latest.json"
VISITS, MORE_VISITS = 3, 5
APART = 0.2  # of the median, by which LCP may differ between visits before more are made
NETWORK = {
    "offline": False,
    "latency": 150,
    "downloadThroughput": 1.6e6 / 8,
    "uploadThroughput": 0.75e6 / 8,
}
SLOWER = 6
VIEWPORT = {"width": 360, "height": 740}
TARGETS = {"lcp_ms": 1200, "tbt_ms": 100, "cls": 0.02, "kb": 60}
AT_REST_MS = 1000  # after the load event: what is painted or moves later is somebody's doing
WATCH = """
window.seen = {lcp: 0, tbt: 0, cls: 0};
const watch = (type, note) => new PerformanceObserver((list) => list.getEntries().forEach(note))
  .observe({type, buffered: true});
watch('largest-contentful-paint', (entry) => { seen.lcp = entry.startTime; });
watch('longtask', (entry) => { seen.tbt += Math.max(0, entry.duration - 50); });
watch('layout-shift', (entry) => { if (!entry.hadRecentInput) seen.cls += entry.value; });
"""


async def measure(site: str, paths: dict[str, str]) -> dict[str, dict[str, float]]:
    """The figures of pages by name; `site` is the address of a government."""
    chromium = shutil.which("chromium")
    if chromium is None:
        raise RuntimeError("no Chromium: `make test` installs it")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        )
        try:
            return {name: await _median(browser, site, path, name) for name, path in paths.items()}
        finally:
            await browser.close()


async def _median(browser: Browser, site: str, path: str, name: str) -> dict[str, float]:
    await _visit(browser, site, path, name)  # what starts up at a first visit is not the page's
    visits = [await _visit(browser, site, path, name) for _ in range(VISITS)]
    if _apart([visit["lcp_ms"] for visit in visits]):
        visits += [await _visit(browser, site, path, name) for _ in range(MORE_VISITS - VISITS)]
    return {key: round(statistics.median(visit[key] for visit in visits), 4) for key in visits[0]} | {
        "visits": len(visits)
    }


def _apart(values: list[float]) -> bool:
    return max(values) - min(values) > APART * statistics.median(values)


async def _visit(browser: Browser, site: str, path: str, name: str) -> dict[str, float]:
    """One visit of somebody new: to the review they come by choosing first."""
    context = await browser.new_context(viewport=VIEWPORT, locale="nl-BE")  # type: ignore[arg-type] # a ViewportSize
    try:
        page = await context.new_page()
        if name == "review":
            await _choose(page, site + path.removesuffix("/review"))
        received = await _slow_down(page)
        await page.add_init_script(WATCH)
        answer = await page.goto(site + path, wait_until="load")
        if answer is None or answer.status != 200:
            raise RuntimeError(f"{path} was not shown")
        await page.wait_for_timeout(AT_REST_MS)
        seen = await page.evaluate("window.seen")
    finally:
        await context.close()
    return {
        "lcp_ms": round(seen["lcp"], 1),
        "tbt_ms": round(seen["tbt"], 1),
        "cls": round(seen["cls"], 4),
        "kb": round(sum(received) / 1024, 1),
    }


async def _choose(page: Page, address: str) -> None:
    await page.goto(address)
    await page.locator("main input[type=radio]").first.check()
    await page.locator("main form button[type=submit]").first.click()
    await page.wait_for_url("**/review")


async def _slow_down(page: Page) -> list[int]:
    """Slow the page down; gives the list to which the bytes of its answers are added."""
    received: list[int] = []
    session = await page.context.new_cdp_session(page)
    await session.send("Network.enable")
    await session.send("Network.setCacheDisabled", {"cacheDisabled": True})
    await session.send("Network.emulateNetworkConditions", NETWORK)
    await session.send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
    session.on("Network.loadingFinished", lambda told: received.append(int(told["encodedDataLength"])))
    return received


def missed(figures: dict[str, dict[str, float]]) -> list[str]:
    """The targets that pages miss, in words."""
    return [
        f"{name}: {key} {page[key]} > {most}"
        for name, page in figures.items()
        for key, most in TARGETS.items()
        if page[key] > most
    ]


def show_pages(figures: dict[str, dict[str, float]]) -> None:
    """A line for each page."""
    for name, page in figures.items():
        print(f"{name:10} " + "  ".join(f"{key} {value:g}" for key, value in page.items()))
    print("targets: " + ", ".join(f"{key} <= {most:g}" for key, most in TARGETS.items()))
    for line in missed(figures):
        print(f"MISSED {line}")


async def of_a_demo(stack: Stack) -> dict[str, dict[str, float]]:
    """The figures of the demonstration's pages on a stack that is up: real texts, a real election's result."""
    demo = Demo(stack)
    await demo.run()
    async with demo.client() as client:
        open_polls = (await client.ask("GET", "/api/v1/polls?status=open"))["items"]
        published = (await client.ask("GET", "/api/v1/polls?status=published"))["items"][0]["poll_id"]
    poll = next(poll["poll_id"] for poll in open_polls if poll["rule"] == "yes_no")
    site = f"http://{demo.host}:{demo.gateway.rpartition(':')[2]}"
    paths = {"home": "/nl/", "poll": f"/nl/polls/{poll}", "review": f"/nl/polls/{poll}/review"}
    return await measure(site, paths | {"result": f"/nl/polls/{published}/result"})


def main() -> int:
    """On a stack of its own; the figures join those of the last `make bench`."""
    stack = Stack("bench-pages")
    lifecycle.reset(stack)
    stack = Stack("bench-pages")
    try:
        lifecycle.up(stack)
        figures = asyncio.run(of_a_demo(stack))
    finally:
        lifecycle.reset(Stack("bench-pages"))
    known: dict[str, Any] = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    RESULTS.write_text(json.dumps(known | {"pages": figures}, indent=1) + "\n")
    show_pages(figures)
    return 0


if __name__ == "__main__":
    sys.exit(main())
