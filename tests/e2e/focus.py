"""Where the focus is: on the screen, under nothing, and to be seen. Forward through a page by Tab, and back again."""

from typing import Any
from weakref import WeakKeyDictionary

from playwright.async_api import Browser, BrowserContext, Page

from tests.e2e.pictures import differences
from tests.e2e.table import Line

MOST = 120
KINDS: WeakKeyDictionary[BrowserContext, set[tuple[str, str]]] = (
    WeakKeyDictionary()
)  # of controls that were looked at, by window
DESKS: WeakKeyDictionary[Browser, Page] = WeakKeyDictionary()  # an empty page to compare pictures on
SEEN = 3  # blocks of a picture that must change when a control gets the focus
AROUND = 8  # pixels around a control that its indicator may take
# What has the focus, if anything: where it is, whether something lies over it, and what kind of thing it is.
FOCUSED = """() => {
  const one = document.activeElement;
  if (!one || one === document.body || one === document.documentElement) return null;
  const boxes = [...one.getClientRects()].filter((box) => box.width > 0 && box.height > 0), box = boxes[0];
  const name = `${one.tagName.toLowerCase()}.${one.className} ${(one.id || one.textContent).trim().slice(0, 30)}`;
  if (!box) return {name, at: -1, fault: 'has no box'};
  const seen = {left: Math.max(box.left, 0), top: Math.max(box.top, 0),
    right: Math.min(box.right, innerWidth), bottom: Math.min(box.bottom, innerHeight)};
  const spots = seen.right - seen.left < 1 || seen.bottom - seen.top < 1 ? [] : [.1, .5, .9].flatMap((x) =>
    [.25, .75].map((y) => [seen.left + (seen.right - seen.left) * x, seen.top + (seen.bottom - seen.top) * y]));
  const free = spots.filter(([x, y]) => { const top = document.elementFromPoint(x, y);
    return top && (one === top || one.contains(top) || top.contains(one) || (one.labels && [...one.labels].some(
      (label) => label === top || label.contains(top)))); });
  const fault = !spots.length ? 'is not on the screen' : !free.length ? 'is under something else' : '';
  // A tick may show the focus around its whole answer.
  const shown = ['radio', 'checkbox'].includes(one.type) && one.closest('.ds-field');
  const {left, top, width, height} = shown ? shown.getBoundingClientRect() : box;
  const kind = [one.tagName, one.className, one.type, one.dataset.variant, one.closest('header,footer,main')?.tagName];
  const at = [...document.querySelectorAll('*')].indexOf(one);
  return {name, at, fault, kind: kind.join(' '), box: {x: left, y: top, width, height}};
}"""
LOOKS = "() => [innerWidth, matchMedia('(forced-colors: active)').matches].join()"
HIDE = "() => { window.focused = document.activeElement; document.activeElement.blur(); }"
SHOW = "() => window.focused.focus({preventScroll: true})"


async def focus_forward(page: Page, _: Line) -> list[str]:
    """What the focus does wrong on its way through this page."""
    faults: list[str] = []
    if not await _walk(page, "Tab", faults):
        faults.append("Tab comes to nothing")
    return faults


async def focus_both_ways(page: Page, _: Line) -> list[str]:
    """The same, and on its way back."""
    faults: list[str] = []
    forward = await _walk(page, "Tab", faults)
    back = await _walk(page, "Shift+Tab", faults)
    if not forward:
        faults.append("Tab comes to nothing")
    if len(back) < len(forward) // 2:
        faults.append(f"Tab comes to {len(forward)} controls, Shift+Tab to {len(back)}")
    return faults


async def _walk(page: Page, key: str, faults: list[str]) -> list[int]:
    """Press a key until the page is left or the walk begins anew."""
    seen: list[int] = []
    left = False
    looks: str = await page.evaluate(LOOKS)
    kinds = KINDS.setdefault(page.context, set())
    for _ in range(MOST):
        await page.keyboard.press(key)
        found: dict[str, Any] | None = await page.evaluate(FOCUSED)
        if found is None and not seen and not left:
            left = True  # from outside the page the first press may only come back to it
            continue
        if found is None or found["at"] in seen[:1]:
            return seen
        seen.append(found["at"])
        if found["fault"]:
            faults.append(f"{found['name']} {found['fault']}")
        elif (looks, found["kind"]) not in kinds:
            kinds.add((looks, found["kind"]))
            faults += await _unseen(page, found)
    return seen


async def _unseen(page: Page, found: dict[str, Any]) -> list[str]:
    """A fault unless the screen shows where the focus is: two pictures, with it and without it, must differ."""
    size = page.viewport_size
    assert size
    box = found["box"]
    left, top = max(0, box["x"] - AROUND), max(0, box["y"] - AROUND)
    clip = {
        "x": left,
        "y": top,
        "width": min(size["width"], box["x"] + box["width"] + AROUND) - left,
        "height": min(size["height"], box["y"] + box["height"] + AROUND) - top,
    }
    with_it = await page.screenshot(clip=clip, animations="disabled")  # type: ignore[arg-type] # a FloatRect
    await page.evaluate(HIDE)
    without = await page.screenshot(clip=clip, animations="disabled")  # type: ignore[arg-type]
    await page.evaluate(SHOW)
    changed = await differences(await _desk(page), with_it, without)
    return [] if len(changed) >= SEEN else [f"{found['name']}: its focus cannot be seen"]


async def _desk(page: Page) -> Page:
    browser = page.context.browser
    assert browser
    if browser not in DESKS:
        DESKS[browser] = await browser.new_page()
    return DESKS[browser]
