"""A poll's ballots as a PrefLib file: the way back from `preflib`, line by line, so that any number can be written.

Rankings become orders of the narrowest kind that they fit (.soc, .soi, .toc, .toi). Everything else becomes categories
(.cat): what was chosen and what was not, or the six grades, the best one first.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from voting.rules.ballots import Ballot
from voting.rules.preflib import BLANK, Kind
from voting.rules.terms import GRADES, Form

CATEGORIES: Final[Mapping[Form, tuple[str, ...]]] = {
    Form.ONE: ("Chosen", "Not chosen"),
    Form.SET: ("Approved", "Not approved"),
    Form.GRADES: tuple(map(str, reversed(GRADES))),
}
DESCRIPTIONS: Final[Mapping[Form, str]] = {
    Form.ONE: "Each voter chose one alternative; a blank ballot chose none.",
    Form.SET: "Each voter approved any number of alternatives; a blank ballot approved none.",
    Form.GRADES: "Each voter graded alternatives from 5 (best) to 0. On a ballot with any grade an alternative without "
    "one counts as graded 0; a blank ballot has no grade at all.",
    Form.RANKING: "Each voter ranked as many alternatives as they liked.",
}


@dataclass(slots=True)
class Contents:
    """What the header says of all ballots together: found in a first pass, before a line is written."""

    form: Form
    options: int
    voters: int = 0
    unique: int = 0
    blank: int = 0
    ties: bool = False
    complete: bool = True

    def add(self, ballot: Ballot, times: int) -> None:
        """One more distinct ballot, and how often it was cast. Blank ballots have no place among orders."""
        if self.form is Form.RANKING and not ballot:
            self.blank += times
            return
        self.voters += times
        self.unique += 1
        named = sum(map(len, ballot))
        self.ties = self.ties or len(ballot) < named
        self.complete = self.complete and named == self.options

    @property
    def kind(self) -> Kind:
        """The data type, which is also what the file's name ends in."""
        if self.form is not Form.RANKING:
            return Kind.CAT
        if self.ties:
            return Kind.TOC if self.complete else Kind.TOI
        return Kind.SOC if self.complete else Kind.SOI


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What else the header says. `names` are the options' labels, in the order of their numbers."""

    file_name: str
    title: str
    published_on: str
    names: Sequence[str]


def header(about: About, contents: Contents) -> Iterator[str]:
    """The lines before the ballots."""
    categories = CATEGORIES.get(contents.form, ())
    description = DESCRIPTIONS[contents.form]
    if contents.blank:
        description += f" {contents.blank} blank ballots are not among the orders."
    facts = {
        "FILE NAME": about.file_name,
        "TITLE": _line(about.title),
        "DESCRIPTION": description,
        "DATA TYPE": contents.kind,
        "MODIFICATION TYPE": "original",
        "RELATES TO": "",
        "RELATED FILES": "",
        "PUBLICATION DATE": about.published_on,
        "MODIFICATION DATE": about.published_on,
        "NUMBER ALTERNATIVES": len(about.names),
        "NUMBER VOTERS": contents.voters,
        "NUMBER UNIQUE PREFERENCES" if categories else "NUMBER UNIQUE ORDERS": contents.unique,
    }
    if contents.blank:
        facts[BLANK] = contents.blank
    if categories:
        facts["NUMBER CATEGORIES"] = len(categories)
        facts |= {f"CATEGORY NAME {number}": name for number, name in enumerate(categories, 1)}
    facts |= {f"ALTERNATIVE NAME {number}": name for number, name in enumerate(_distinct(about.names), 1)}
    return (f"# {key}: {value}".rstrip() for key, value in facts.items())


def line(ballot: Ballot, times: int, contents: Contents) -> str:
    """One distinct ballot; empty for what has no place in the file."""
    if contents.form is Form.RANKING:
        groups: Sequence[Sequence[int]] = ballot
    elif contents.form is Form.GRADES:
        groups = [[option for option, grade in ballot if grade == this] for this in reversed(GRADES)]
    else:
        chosen = [option for group in ballot for option in group]
        groups = [chosen, [option for option in range(1, contents.options + 1) if option not in chosen]]
    return f"{times}: {','.join(map(_group, groups))}" if groups else ""


def _group(options: Sequence[int]) -> str:
    text = ",".join(map(str, options))
    return text if len(options) == 1 else f"{{{text}}}"


def _line(text: str) -> str:
    """A text in one line: a label may have been written in several."""
    return " ".join(text.split())


def _distinct(names: Sequence[str]) -> list[str]:
    """A name of its own for each alternative; of two that are written alike the later one gets its number."""
    found: dict[str, None] = {}
    for number, name in enumerate(map(_line, names), 1):
        own = name
        while not own or own in found:
            own = f"{own} ({number})".strip()
        found[own] = None
    return list(found)
