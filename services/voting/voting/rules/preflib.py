"""Elections in PrefLib's files: orders (.soc, .soi, .toc, .toi) and categories (.cat).

Source: the format specification of PrefLib (Mattei and Walsh, "PrefLib: A Library of Preference Data", ADT 2013;
github.com/PrefLib/PrefLib-Data, FORMAT_SPECIFICATION.md; the format of September 2022).
"""

import re
from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import PurePath
from typing import Final

from voting.rules.ballots import Ballot
from voting.rules.terms import GRADES, NO, Rule


class Kind(StrEnum):
    """What an order in a file may look like."""

    SOC = "soc"
    SOI = "soi"
    TOC = "toc"
    TOI = "toi"
    CAT = "cat"

    @property
    def ties(self) -> bool:
        """Whether alternatives may share a rank."""
        return self in {Kind.TOC, Kind.TOI}

    @property
    def complete(self) -> bool:
        """Whether every order names every alternative."""
        return self in {Kind.SOC, Kind.TOC}


DESCRIPTIONS: Final = {
    Kind.SOC: "complete strict orders",
    Kind.SOI: "incomplete strict orders",
    Kind.TOC: "complete orders with ties",
    Kind.TOI: "incomplete orders with ties",
    Kind.CAT: "categories",
}
RANKED: Final = (Rule.SINGLE, Rule.IRV, Rule.SCHULZE)
GRADED: Final = (Rule.SCORE, Rule.MAJORITY_JUDGMENT)
RULES: Final = dict.fromkeys(Kind, RANKED) | {Kind.CAT: (Rule.YES_NO, Rule.SINGLE, Rule.APPROVAL, *GRADED)}
"""The rules that can count a kind of file."""

BLANK: Final = "NUMBER BLANK BALLOTS"
"""A header line of our own: an order names somebody, so that blank ballots cannot stand among the orders."""

# A file may be hostile: no expression here tries a character twice, and whatever else a line goes through is linear.
NAME: Final = re.compile(r"(ALTERNATIVE|CATEGORY) NAME ([1-9][0-9]{0,8})")
GROUP: Final = re.compile(r"\{([^{}]*)\}|([^{},]+)")
SHOWN: Final = 60  # characters of what is wrong
MOST_COMPARED: Final = 1000
"""So many alternatives Schulze's method compares, each with each: a file of some hundred kilobytes can name enough of
them to fill any memory. Elections of people have tens of candidates, and the sushi of PrefLib's survey are 100; what
has thousands of alternatives are charts and search results.
"""


class PrefLibError(ValueError):
    """A file that is not what it says; `line` counts from 1 (None: the file as a whole)."""

    def __init__(self, reason: str, line: int | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.line = line


@dataclass(frozen=True, slots=True)
class Election:
    """What a file holds. `names` are the alternatives; `orders` the distinct preferences and how often each stands.

    In a file of categories an order has one group per category, which may be empty; `blank` ballots are those that
    stand in the header and not among the orders.
    """

    kind: Kind
    title: str
    names: dict[int, str]
    categories: tuple[str, ...]
    orders: Counter[Ballot]
    kind_line: int | None = None
    alternatives_line: int | None = None
    blank: int = 0

    def ballots(self, rule: Rule) -> Counter[Ballot]:
        """The ballots as a rule reads them.

        Of categories the first one approves, or is what a voter chose. Six categories are grades, the best first,
        unless they are called 0 to 5: then they are the grades that they are called.

        PrefLibError: the rule cannot count this kind of file, or so many alternatives, or these categories.
        """
        if rule not in RULES[self.kind]:
            fits = " or ".join(f".{kind}" for kind in Kind if rule in RULES[kind])
            reason = f"the rule {rule} cannot count {DESCRIPTIONS[self.kind]} (.{self.kind})"
            raise PrefLibError(f"{reason}; it needs {fits}" if fits else reason, self.kind_line)
        if rule is Rule.SCHULZE and len(self.names) > MOST_COMPARED:
            reason = f"the rule {rule} compares each with each, and at most {MOST_COMPARED}"
            raise PrefLibError(f"{len(self.names)} alternatives; {reason}", self.alternatives_line)
        if rule is Rule.YES_NO and len(self.names) != NO:
            reason = f"{len(self.names)} alternatives; the rule {rule} asks for two, yes and no"
            raise PrefLibError(reason, self.alternatives_line)
        found = self._ballots(rule)
        if self.blank:
            found[()] += self.blank
        return found

    def _ballots(self, rule: Rule) -> Counter[Ballot]:
        if self.kind is not Kind.CAT:
            return self.orders.copy()
        found: Counter[Ballot] = Counter()
        grades = self._grades(rule) if rule in GRADED else ()
        for order, count in self.orders.items():
            found[_graded(order, grades) if grades else self._chosen(order, rule)] += count
        return found

    def _chosen(self, order: Ballot, rule: Rule) -> Ballot:
        """What stands in the first category; where a voter has one vote, one alternative at most."""
        if rule is not Rule.APPROVAL and len(order[0]) > 1:
            reason = f"{len(order[0])} alternatives stand in the first category of one voter, and by the rule {rule}"
            raise PrefLibError(f"{reason} a voter has one", self.kind_line)
        return tuple((option,) for option in order[0])

    def _grades(self, rule: Rule) -> tuple[int, ...]:
        """The grade that each category is."""
        if len(self.categories) != len(GRADES):
            reason = f"{len(self.categories)} categories; the rule {rule} asks for {len(GRADES)}, a grade each"
            raise PrefLibError(reason, self.kind_line)
        numbers = tuple(number for name in self.categories if (number := _number(name)) is not None)
        if len(numbers) < len(self.categories):
            return tuple(reversed(GRADES))
        if sorted(numbers) != list(GRADES):
            reason = f"the categories are numbers, and not the grades {GRADES[0]} to {GRADES[-1]}"
            raise PrefLibError(f"{reason}: which is the best cannot be known", self.kind_line)
        return numbers


def _graded(order: Ballot, grades: tuple[int, ...]) -> Ballot:
    """Pairs of alternative and grade; an alternative that stands in no category has none."""
    return tuple(sorted((option, grade) for group, grade in zip(order, grades, strict=True) for option in group))


def parse(content: bytes, file_name: str) -> Election:
    """Read a file completely and check it against its own header. PrefLibError: the first thing that is wrong."""
    suffix = PurePath(file_name).suffix.lower().removeprefix(".")
    if suffix not in set(Kind):
        raise PrefLibError(f"not a kind of file that can be counted: it must end in {', '.join(f'.{k}' for k in Kind)}")
    if not content.strip():
        raise PrefLibError("the file is empty")
    lines = _decode(content)
    first = next((number for number, line in lines if not line.startswith("#")), len(lines) + 1)
    header = _Header.of(lines[: first - 1], Kind(suffix))
    if first > len(lines) and header.text("NUMBER VOTERS") != "0":
        raise PrefLibError("the file ends after its header: it has no orders", lines[-1][0])
    return header.election(lines[first - 1 :])


def _decode(content: bytes) -> list[tuple[int, str]]:
    """The lines with their numbers, without trailing blank ones."""
    lines = []
    for number, line in enumerate(content.removeprefix(b"\xef\xbb\xbf").rstrip().split(b"\n"), 1):
        try:
            lines.append((number, line.decode().strip()))
        except UnicodeDecodeError as error:
            raise PrefLibError(f"byte {error.start + 1} of the line is not UTF-8", number) from error
    return lines


@dataclass(slots=True)
class _Header:
    """The lines that begin with `#`: key -> (line, value)."""

    kind: Kind
    values: dict[str, tuple[int, str]] = field(default_factory=dict)

    @classmethod
    def of(cls, lines: list[tuple[int, str]], kind: Kind) -> "_Header":
        header = cls(kind)
        for number, line in lines:
            key, colon, value = (part.strip() for part in line.removeprefix("#").partition(":"))
            if not key or not colon:
                raise PrefLibError("a header line reads `# KEY: value`", number)
            key = key.upper()
            if key in header.values:
                raise PrefLibError(f"{_shown(key)} stands already on line {header.values[key][0]}", number)
            header.values[key] = number, value
        if not header.values:
            raise PrefLibError("no header: a PrefLib file begins with lines like `# TITLE: …`", 1)
        if (stated := header.text("DATA TYPE", kind)).lower() != kind:
            raise PrefLibError(
                f"DATA TYPE is {_shown(stated)}, but the file's name ends in .{kind}", header.line("DATA TYPE")
            )
        return header

    def text(self, key: str, otherwise: str = "") -> str:
        """A value of the header."""
        return self.values[key][1] if key in self.values else otherwise

    def line(self, key: str) -> int | None:
        """Where a value stands."""
        return self.values[key][0] if key in self.values else None

    def number(self, key: str) -> tuple[int, int]:
        """A count in the header, with its line."""
        if key not in self.values:
            raise PrefLibError(f"the header has no {key}")
        line, value = self.values[key]
        number = _number(value)
        if number is None:
            raise PrefLibError(f"{key} is not a number: {_shown(value)}", line)
        return line, number

    def names(self, what: str) -> dict[int, str]:
        """The names of the alternatives or categories, by number."""
        named: dict[int, str] = {}
        seen: dict[str, int] = {}
        for key, (line, name) in self.values.items():
            match = NAME.fullmatch(key)
            if not match or match[1] != what:
                continue
            if not name:
                raise PrefLibError(f"{key} is empty", line)
            if name in seen:
                raise PrefLibError(f"{what.lower()} {seen[name]} has the same name: {_shown(name)}", line)
            seen[name] = named_number = int(match[2])
            named[named_number] = name
        return dict(sorted(named.items()))

    def check_names(self, what: str, named: dict[int, str]) -> None:
        """Numbered from 1 without a gap, as many as the header says."""
        key = f"NUMBER {what}S" if what == "ALTERNATIVE" else "NUMBER CATEGORIES"
        if what == "ALTERNATIVE" or key in self.values:
            line, number = self.number(key)
            if number != len(named):
                raise PrefLibError(f"{key} is {number}, but {len(named)} have a name", line)
        for expected, number in enumerate(named, 1):
            if number != expected:
                raise PrefLibError(
                    f"no {what} NAME {expected}, but a {number}", self.values[f"{what} NAME {number}"][0]
                )

    def election(self, lines: list[tuple[int, str]]) -> Election:
        """The whole file, given the lines after the header."""
        names, categories = self.names("ALTERNATIVE"), self.names("CATEGORY")
        self.check_names("ALTERNATIVE", names)
        self.check_names("CATEGORY", categories)
        if not names:
            raise PrefLibError("the file names no alternative", self.number("NUMBER ALTERNATIVES")[0])
        if self.kind is Kind.CAT and not categories:
            raise PrefLibError("the file names no category")
        orders = _orders(lines, self.kind, alternatives=len(names), categories=len(categories))
        self._check_counts(orders)
        return Election(
            self.kind,
            self.text("TITLE"),
            names,
            tuple(categories.values()),
            orders,
            self.line("DATA TYPE"),
            self.line("NUMBER ALTERNATIVES"),
            self.number(BLANK)[1] if BLANK in self.values else 0,
        )

    def _check_counts(self, orders: Counter[Ballot]) -> None:
        unique = "NUMBER UNIQUE PREFERENCES" if self.kind is Kind.CAT else "NUMBER UNIQUE ORDERS"
        for key, found in (("NUMBER VOTERS", orders.total()), (unique, len(orders))):
            line, stated = self.number(key)
            if stated != found:
                raise PrefLibError(f"{key} is {stated}, but the lines below add up to {found}", line)


def _orders(lines: list[tuple[int, str]], kind: Kind, *, alternatives: int, categories: int) -> Counter[Ballot]:
    orders: Counter[Ballot] = Counter()
    line_of: dict[Ballot, int] = {}
    for number, line in lines:
        try:
            count, order = _preference(line, kind)
            _check_order(order, kind, alternatives=alternatives, categories=categories)
        except ValueError as error:
            raise PrefLibError(str(error), number) from error
        if order in orders:
            raise PrefLibError(f"the same preference stands already on line {line_of[order]}", number)
        orders[order] = count
        line_of[order] = number
    return orders


def _preference(line: str, kind: Kind) -> tuple[int, Ballot]:
    """One line: `13: 1,{2,3}`."""
    if line.startswith("#"):
        raise ValueError("a header line among the orders")
    voters, colon, written = (part.strip() for part in line.partition(":"))
    if not colon:
        raise ValueError("not `count: order`")
    count = _number(voters)
    if not count:
        raise ValueError(f"not a number of voters (1 or more): {_shown(voters)}")
    text = written
    for mark in ",{}":
        text = mark.join(part.strip() for part in text.split(mark))
    order: list[tuple[int, ...]] = []
    position = 0
    while True:
        group = GROUP.match(text, position)
        if not group:
            raise ValueError(f"not an order: {_shown(written)}")
        braced, alone = group.groups()
        if braced is not None and not kind.ties and kind is not Kind.CAT:
            raise ValueError(f"a tie, in a file of {DESCRIPTIONS[kind]} (.{kind})")
        items = ([] if braced == "" else braced.split(",")) if braced is not None else [alone]
        order.append(tuple(sorted(_alternative(item) for item in items)))
        position = group.end()
        if position == len(text):
            return count, tuple(order)
        if text[position] != ",":
            raise ValueError(f"not an order: {_shown(written)}")
        position += 1


def _check_order(order: Ballot, kind: Kind, *, alternatives: int, categories: int) -> None:
    named = [alternative for group in order for alternative in group]
    for alternative in named:
        if not 1 <= alternative <= alternatives:
            raise ValueError(f"no alternative has the number {alternative}")
    if len(set(named)) < len(named):
        twice = min(alternative for alternative, times in Counter(named).items() if times > 1)
        raise ValueError(f"alternative {twice} stands twice in one order")
    if kind is Kind.CAT:
        if len(order) != categories:
            raise ValueError(f"{len(order)} groups for {categories} categories")
    elif not all(order):
        raise ValueError("an empty rank: {}")
    if kind.complete and len(named) < alternatives:
        raise ValueError(f"{len(named)} of {alternatives} alternatives, in a file of {DESCRIPTIONS[kind]} (.{kind})")


def _alternative(text: str) -> int:
    number = _number(text)
    if number is None:
        raise ValueError(f"not the number of an alternative: {_shown(text)}")
    return number


def _shown(text: str) -> str:
    """What stands in a file, no longer than a message can be."""
    return f"{text[:SHOWN]}…" if len(text) > SHOWN else text or "empty"


def _number(text: str) -> int | None:
    """A plain number; Python's own reading would also take `1_000`, `+1` and digits of other scripts."""
    return int(text) if re.fullmatch("[0-9]{1,18}", text) else None
