"""Forms of officials' pages: what was typed, what it means, what is wrong with it and where that is put right.

A form is read field by field in the order of the page; each mistake gets a sentence and the id of its control:

    form = Form(visit.lang, await visit.form())
    titles = form.texts("titles", gettext("Title"), languages, most=300, required=True)
    closes_at = form.moment("closes_at", gettext("Closes"), required=True)
    if form.ok: ...

Controls are called as the API's JSON pointers say, with dashes: `/options/2/labels/fr` is `options-2-labels-fr`. So
what the API refuses leads to its control by itself (`refused`). Whatever was typed is shown again as it was typed.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Self
from uuid import uuid4

from web import refusals, wall_clock
from web.forms import Data, Mistake
from web.gateway import RefusedError
from web.i18n import Language

KEY = "key"  # the hidden field that makes a form sent twice create once
KEY_FORM = re.compile(r"[0-9a-f]{32}")
LONGEST_LINE, LONGEST_TEXT = 300, 10_000  # characters, as in the API
YEARS = range(2000, 2200)


class Form:
    """One form, sent or about to be filled in."""

    def __init__(self, lang: Language, values: Data | None = None) -> None:
        self.lang = lang
        self.mistakes: list[Mistake] = []
        self.twice: set[str] = set()  # moments of which the page must ask which of two is meant
        self._values = {name: [_lines(text) for text in texts] for name, texts in (values or {}).items()}

    @classmethod
    def filled(cls, lang: Language, *parts: Mapping[str, str]) -> Self:
        """A form with what is known so far; `texts_of` and `moment_of` make parts."""
        form = cls(lang, {name: [text] for part in parts for name, text in part.items()})
        form.twice = {name.removesuffix("-turn") for part in parts for name in part if name.endswith("-turn")}
        return form

    # What the page shows

    @property
    def ok(self) -> bool:
        return not self.mistakes

    def value(self, name: str) -> str:
        """What stands in a control, as it was typed."""
        return next(iter(self._values.get(name, ())), "")

    def values(self, name: str) -> Sequence[str]:
        """What was ticked under one name."""
        return self._values.get(name, [])

    def tick(self, name: str, values: Sequence[str]) -> None:
        """Tick these of several boxes."""
        self._values[name] = list(values)

    def put(self, name: str, value: str) -> None:
        """Let a control hold this instead."""
        self._values[name] = [value]

    def mistake(self, name: str) -> Mistake | None:
        """What is wrong with a control."""
        return next((mistake for mistake in self.mistakes if mistake.target == name), None)

    def wrong(self, target: str, message: str) -> None:
        """Note a mistake, once for each control."""
        if self.mistake(target) is None:
            self.mistakes.append(Mistake(message, target))

    @property
    def key(self) -> str:
        """The `Idempotency-Key` of this form, the same when it is shown again."""
        known = self.value(KEY)
        if not KEY_FORM.fullmatch(known):
            known = uuid4().hex
            self._values[KEY] = [known]
        return known

    def new_key(self) -> None:
        """Let the form create something more."""
        self._values.pop(KEY, None)

    # What was typed

    def text(self, name: str, label: str, *, most: int = LONGEST_LINE, required: bool = False) -> str:
        """One text without the space around it; empty where there is none or it is mistaken."""
        text = self.value(name).strip()
        if not text and required:
            self.wrong(name, self.lang.gettext("%(field)s: fill this in") % {"field": label})
        if len(text) > most:
            words = self.lang.gettext("%(field)s: use at most %(most)s characters; there are %(has)s now")
            self.wrong(name, words % {"field": label, "most": most, "has": len(text)})
        return text

    def texts(
        self, name: str, label: str, languages: Sequence[str], *, most: int = LONGEST_LINE, required: bool = False
    ) -> dict[str, str]:
        """A text by language, without those that are empty. `required`: in one of them at least."""
        found = {tag: self.text(f"{name}-{tag}", f"{label} ({self.lang.name_of(tag)})", most=most) for tag in languages}
        if required and not any(found.values()):
            self.wrong(f"{name}-{languages[0]}", self.lang.gettext("%(field)s: fill this in") % {"field": label})
        return {tag: text for tag, text in found.items() if text}

    def all_texts(self, name: str, label: str, languages: Sequence[str], *, most: int = LONGEST_LINE) -> dict[str, str]:
        """A text that has to be there in every language."""
        return {
            tag: self.text(f"{name}-{tag}", f"{label} ({self.lang.name_of(tag)})", most=most, required=True)
            for tag in languages
        }

    def choice(self, name: str, label: str, allowed: Collection[str]) -> str:
        """One of several; a mistake leads to the first of them."""
        chosen = self.value(name)
        if chosen in allowed:
            return chosen
        self.wrong(f"{name}-{next(iter(allowed))}", self.lang.gettext("%(field)s: choose one") % {"field": label})
        return ""

    def choices(self, name: str, allowed: Collection[str]) -> list[str]:
        """Those that were ticked, in the page's order."""
        ticked = set(self.values(name))
        return [value for value in allowed if value in ticked]

    def number(self, name: str, label: str, *, least: int, most: int) -> int | None:
        """A whole number, or nothing where nothing was typed."""
        text = self.value(name).strip()
        if not text:
            return None
        if text.isascii() and text.isdecimal() and len(text) <= len(str(most)) and least <= int(text) <= most:
            return int(text)
        words = self.lang.gettext("%(field)s: enter a whole number from %(least)s to %(most)s, or leave it empty")
        self.wrong(name, words % {"field": label, "least": least, "most": most})
        return None

    def moment(self, name: str, label: str, *, required: bool = False) -> datetime | None:
        """The instant of a day and a time on Belgian clocks; controls `-date`, `-time`, `-turn`."""
        day_text, hour_text = self.value(f"{name}-date").strip(), self.value(f"{name}-time").strip()
        if not day_text and not hour_text and not required:
            return None
        day, hour = wall_clock.day(day_text), wall_clock.hour(hour_text)
        if day is None or day.year not in YEARS:
            day = None
            self.wrong(f"{name}-date", self.lang.gettext("%(field)s: enter a day, like 27/6/2027") % {"field": label})
        if hour is None:
            self.wrong(f"{name}-time", self.lang.gettext("%(field)s: enter a time, like 20:00") % {"field": label})
        if day is None or hour is None:
            return None
        return self._instant(name, label, datetime.combine(day, hour))

    def _instant(self, name: str, label: str, local: datetime) -> datetime | None:
        """The instant, unless the change of the clocks leaves none or two."""
        found = wall_clock.instant(local)
        if isinstance(found, datetime):
            return found
        facts = {"field": label, "time": f"{local:%H:%M}"}
        if isinstance(found, wall_clock.Skipped):
            words = self.lang.gettext(
                "%(field)s: the clocks go forward on this day and never show %(time)s. You can use %(instead)s"
            )
            self.wrong(f"{name}-time", words % {**facts, "instead": f"{found.instead:%H:%M}"})
            return None
        self.twice.add(name)
        if (turn := self.value(f"{name}-turn")) in {"first", "second"}:
            return found.first if turn == "first" else found.second
        words = self.lang.gettext("%(field)s: the clocks show %(time)s twice on this day. Choose which one you mean")
        self.wrong(f"{name}-turn-first", words % facts)
        return None

    # What the API says of it

    def refused(self, refusal: RefusedError, controls: Mapping[str, str]) -> None:
        """Lead what the API refuses to its controls.

        `controls` names those that are not called as their field, by field ("closes_at": "closes_at-date"), and
        with "" the one for what belongs to no field.

        Raises:
            RefusedError: the same, where no sentence is known for it.
        """
        if refusal.status == 422 and refusal.code == "invalid":  # noqa: PLR2004 - RFC 9110
            for error in refusal.facts.get("errors", []):
                self.wrong(self._control(str(error.get("pointer", "")), controls), self._sentence(error))
            return
        told = refusals.told(refusal.code, refusal.facts, self.lang)
        if told is None:
            raise refusal
        self.wrong(controls.get(told.field, controls[""]), told.sentence)

    def _control(self, pointer: str, controls: Mapping[str, str]) -> str:
        parts = pointer.strip("/").split("/")
        name = "-".join(parts)
        if name in self._values:
            return name
        return controls.get(name) or controls.get(parts[0]) or controls[""]

    def _sentence(self, error: Mapping[str, Any]) -> str:
        gettext = self.lang.gettext
        kind = str(error.get("kind", ""))
        if kind == "string_too_long":
            return gettext("This text is too long. Make it shorter")
        if kind in {"string_too_short", "missing", "too_short"}:
            return gettext("Fill this in")
        if kind.startswith("datetime"):
            return gettext("This is no date and time")
        return gettext("This cannot be stored as it is. Write it differently")


def texts_of(name: str, texts: Mapping[str, str] | None) -> dict[str, str]:
    """A text by language as controls hold it."""
    return {f"{name}-{tag}": text for tag, text in (texts or {}).items()}


def moment_of(name: str, at: datetime | None) -> dict[str, str]:
    """An instant as controls hold it."""
    if at is None:
        return {}
    local = wall_clock.on_the_wall(at)
    held = {f"{name}-date": f"{local:%Y-%m-%d}", f"{name}-time": f"{local:%H:%M}"}
    turn = wall_clock.turn(at)
    return held | ({f"{name}-turn": turn} if turn else {})


def _lines(text: str) -> str:
    """Browsers send the ends of lines as CR LF (HTML §4.10.21.7)."""
    return text.replace("\r\n", "\n")
