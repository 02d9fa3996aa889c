"""Three ways to use a page: with a mouse, by keyboard alone, and with a mouse where scripts are off."""

from typing import Any

from playwright.async_api import Locator

MOST_TABS = 60
HAS_FOCUS = "element => element === document.activeElement"


class Mouse:
    """Points and clicks."""

    async def press(self, target: Locator) -> None:
        """A link or button."""
        await target.click()

    async def tick(self, target: Locator) -> None:
        """A radio button or checkbox."""
        await target.check()

    async def write(self, target: Locator, text: str) -> None:
        """A text field."""
        await target.fill(text)

    async def pick(self, target: Locator, label: str) -> None:
        """A list of choices."""
        await target.select_option(label=label)


class Keyboard:
    """Only keys: Tab to come there, Enter, Space, arrows and letters to act."""

    def __init__(self, person: Any) -> None:
        self._keys = person.page.keyboard

    async def _come_to(self, target: Locator) -> None:
        for _ in range(MOST_TABS):
            if await target.evaluate(HAS_FOCUS):
                return
            await self._keys.press("Tab")
        raise AssertionError(f"the Tab key never came to {target}")

    async def press(self, target: Locator) -> None:
        """A link or button."""
        await self._come_to(target)
        await self._keys.press("Enter")

    async def tick(self, target: Locator) -> None:
        """A checkbox by Space; of radio buttons Tab reaches one, and arrows lead to the others."""
        if await target.get_attribute("type") != "radio":
            await self._come_to(target)
            await self._keys.press("Space")
            return
        for _ in range(MOST_TABS):
            if await target.evaluate("element => element.form.contains(document.activeElement) && "
                                     "document.activeElement.name === element.name"):  # fmt: skip
                break
            await self._keys.press("Tab")
        await self._keys.press("Space")
        for _ in range(MOST_TABS):
            if await target.is_checked():
                return
            await self._keys.press("ArrowDown")
        raise AssertionError(f"no key ticks {target}")

    async def write(self, target: Locator, text: str) -> None:
        """A text field."""
        await self._come_to(target)
        await self._keys.press("Control+A")
        await self._keys.type(text)

    async def pick(self, target: Locator, label: str) -> None:
        """A list: its first letters choose."""
        await self._come_to(target)
        await self._keys.type(label)


def hands_of(person: Any, way: str) -> Mouse | Keyboard:
    """The hands for a way."""
    return Keyboard(person) if way == "keyboard" else Mouse()
