"""Ballot forms: what a poll asks for, what was filled in, which choices that makes, what is wrong with it.

`choices` are the API's: option numbers; for rankings best first, equals in a list of their own; for grades pairs of an
option and its grade; empty for a blank vote.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import orjson

from web.api import Choices, Poll
from web.grades import GRADED, HIGHEST, LOWEST, grades_in
from web.i18n import Language

Data = Mapping[str, Sequence[str]]
BLANK = "blank"
LONGEST_CHOICES = 4000  # characters of a form's hidden field
MOST_OPTIONS = 500


class Kind(StrEnum):
    """What a voter fills in."""

    ONE = "one"
    SET = "set"
    RANKING = "ranking"
    GRADES = "grades"


@dataclass(frozen=True, slots=True)
class Mistake:
    """What is wrong, in the reader's language, and the id of the control where it is put right."""

    message: str
    target: str


@dataclass(frozen=True, slots=True)
class Filled:
    """The form as it stands: what is shown again after a mistake, or when a choice is changed."""

    chosen: frozenset[int] = frozenset()
    blank: bool = False
    places: Mapping[int, int] = field(default_factory=dict)
    grades: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Outcome:
    """A form that was sent: its choices, or what keeps it from having any."""

    filled: Filled
    choices: Choices | None = None
    mistake: Mistake | None = None


def kind_of(poll: Poll) -> Kind:
    """The simplest form that the poll's rule and all those it is compared with can count."""
    rules = {poll.rule, *poll.compared_with}
    if rules & GRADED:
        return Kind.GRADES
    if rules & {"irv", "schulze"}:
        return Kind.RANKING
    return Kind.SET if "approval" in rules else Kind.ONE


def blank_offered(poll: Poll) -> bool:
    """Whether the form has a choice of its own for a blank vote."""
    return poll.rule == "yes_no"


def read(poll: Poll, data: Data, lang: Language) -> Outcome:
    """What a sent form says."""
    kind = kind_of(poll)
    numbers = {option.number for option in poll.options}
    if kind is Kind.RANKING:
        return _read_ranking(poll, data, numbers, lang)
    if kind is Kind.GRADES:
        return _read_grades(poll, data, numbers, lang)
    sent = data.get("choice", ())
    filled = Filled(frozenset(number for number in map(_number, sent) if number in numbers), BLANK in sent)
    if kind is Kind.ONE:
        return _read_one(poll, filled, lang)
    return _read_set(poll, filled, lang)


def fill(poll: Poll, choices: Choices) -> Filled:
    """The form as these choices would have it."""
    if kind_of(poll) is Kind.GRADES:
        return Filled(blank=not choices, grades=grades_in(choices))
    chosen: set[int] = set()
    places: dict[int, int] = {}
    for place, item in enumerate(choices, start=1):
        for number in [item] if isinstance(item, int) else item:
            chosen.add(number)
            places[number] = place
    return Filled(frozenset(chosen), blank=not choices, places=places)


def first_control(poll: Poll) -> str:
    """The id of the form's first control, where a mistake of the whole form leads."""
    if not poll.options:
        return "ballot"
    first, kind = poll.options[0].number, kind_of(poll)
    if kind is Kind.GRADES:
        return f"grade-{first}-{HIGHEST if poll.rule == 'majority_judgment' else LOWEST}"
    return f"rank-{first}" if kind is Kind.RANKING else f"choice-{first}"


def pack(choices: Choices) -> str:
    """Choices as a hidden field's text."""
    return orjson.dumps(choices).decode()


def unpack(text: str | None) -> Choices | None:
    """The choices in a hidden field, or nothing when they are no choices at all."""
    if not text or len(text) > LONGEST_CHOICES:
        return None
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    return value if are_choices(value) else None


def are_choices(value: Any) -> bool:
    """Whether a value has the form of choices; the voting service judges what they mean."""
    if not isinstance(value, list) or len(value) > MOST_OPTIONS:
        return False
    flat: list[Any] = []
    for item in value:
        flat.extend(item if isinstance(item, list) else [item])
    return all(isinstance(number, int) and not isinstance(number, bool) for number in flat)


def _read_one(poll: Poll, filled: Filled, lang: Language) -> Outcome:
    if filled.blank and blank_offered(poll):
        return Outcome(filled, [])
    if len(filled.chosen) != 1:
        with_blank = lang.gettext("Choose an answer, or choose “Blank”")
        message = with_blank if blank_offered(poll) else lang.gettext("Choose an answer")
        return Outcome(filled, mistake=Mistake(message, first_control(poll)))
    return Outcome(filled, list(filled.chosen))


def _read_set(poll: Poll, filled: Filled, lang: Language) -> Outcome:
    if not filled.chosen:
        return Outcome(filled, mistake=Mistake(lang.gettext("Choose at least one answer"), first_control(poll)))
    most = poll.max_choices
    if most is not None and len(filled.chosen) > most:
        message = lang.ngettext(
            "Choose at most %(n)s answer; you have chosen %(chosen)s",
            "Choose at most %(n)s answers; you have chosen %(chosen)s",
            most,
        ) % {"n": most, "chosen": len(filled.chosen)}
        return Outcome(filled, mistake=Mistake(message, first_control(poll)))
    return Outcome(filled, sorted(filled.chosen))


def _read_ranking(poll: Poll, data: Data, numbers: set[int], lang: Language) -> Outcome:
    places: dict[int, int] = {}
    for number in numbers:
        place = _number(next(iter(data.get(f"rank-{number}", ())), ""))
        if place is not None and 1 <= place <= len(numbers):
            places[number] = place
    filled = Filled(places=places)
    if not places:
        message = lang.gettext("Give at least one answer a place")
        return Outcome(filled, mistake=Mistake(message, first_control(poll)))
    return Outcome(filled, _ranked(places))


def _read_grades(poll: Poll, data: Data, numbers: set[int], lang: Language) -> Outcome:
    grades: dict[int, int] = {}
    for number in sorted(numbers):
        grade = _number(next(iter(data.get(f"grade-{number}", ())), ""))
        if grade is not None and LOWEST <= grade <= HIGHEST:
            grades[number] = grade
    filled = Filled(grades=grades)
    if not grades:
        judgment, points = (
            lang.gettext("Give at least one answer a grade"),
            lang.gettext("Give at least one answer points"),
        )
        message = judgment if poll.rule == "majority_judgment" else points
        return Outcome(filled, mistake=Mistake(message, first_control(poll)))
    return Outcome(filled, [[number, grade] for number, grade in grades.items()])


def _ranked(places: Mapping[int, int]) -> Choices:
    """Best first; a place that nobody has is no gap, equal places share one."""
    groups: dict[int, list[int]] = {}
    for number, place in places.items():
        groups.setdefault(place, []).append(number)
    ordered = [sorted(groups[place]) for place in sorted(groups)]
    return [group[0] if len(group) == 1 else group for group in ordered]


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 4 else None  # noqa: PLR2004 - MOST_OPTIONS
