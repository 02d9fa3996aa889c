"""The six grades of a graded ballot: words for majority judgment, points for score voting."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from web.api import Choices
from web.i18n import Language

GRADED: Final = frozenset({"score", "majority_judgment"})
LOWEST, HIGHEST = 0, 5


@dataclass(frozen=True, slots=True)
class Grade:
    """One grade. `more` is what a number means, where that has to be said."""

    number: int
    label: str
    more: str = ""


def scale(rule: str, lang: Language) -> Sequence[Grade]:
    """The grades in the order in which a ballot by this rule shows them: points rise, words begin with the best."""
    gettext = lang.gettext
    if rule == "majority_judgment":
        words = (
            gettext("Excellent"),
            gettext("Very good"),
            gettext("Good"),
            gettext("Acceptable"),
            gettext("Poor"),
            gettext("Reject"),
        )
        return [Grade(HIGHEST - place, label) for place, label in enumerate(words)]
    ends = {LOWEST: gettext("very bad"), HIGHEST: gettext("very good")}
    return [Grade(number, str(number), ends.get(number, "")) for number in range(LOWEST, HIGHEST + 1)]


def grades_in(choices: Choices) -> Mapping[int, int]:
    """The grade of each option in a graded ballot's choices; what is no pair of option and grade is left out."""
    pairs = [item for item in choices if isinstance(item, list)]
    return {pair[0]: pair[1] for pair in pairs if len(pair) == 2 and LOWEST <= pair[1] <= HIGHEST}  # noqa: PLR2004
