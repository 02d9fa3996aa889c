"""A ballot: what may stand on it under a poll's terms, and its one canonical form."""

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import TypeGuard

from chassis.refusals import Refused

from voting.rules.terms import HIGHEST_GRADE, LOWEST_GRADE, Form, Terms

MOST_NAMED = 10  # mistakes that a refusal names

Ballot = tuple[tuple[int, ...], ...]
"""Groups of option numbers, best first; options in one group rank equally. The empty tuple is a blank ballot.

On a ballot that names one option or a set of options each option is a group of its own. On a graded ballot each group
is a pair, an option and its grade, in the order of the options; an option that is left out has the lowest grade, unless
the ballot is blank.
"""

Choices = Sequence[int | Sequence[int]]
"""A ballot as JSON has it: `[3, [1, 2]]` is "3 first, then 1 and 2 equally", or `[[1, 5], [2, 0]]` in grades."""


def ballot_from_json(choices: Choices, form: Form) -> Ballot:
    """The canonical, hashable form of choices, so that equal ballots are equal.

    Equal ranks stand in ascending order, graded options too; a pair of option and grade stays as it is.
    """
    groups = ((item,) if isinstance(item, int) else tuple(item) for item in choices)
    return tuple(sorted(groups)) if form is Form.GRADES else tuple(tuple(sorted(group)) for group in groups)


def ballot_to_json(ballot: Ballot) -> list[int | list[int]]:
    """A ballot as JSON has it; the inverse of `ballot_from_json`. A graded option is always a pair."""
    return [group[0] if len(group) == 1 else list(group) for group in ballot]


def check_choices(terms: Terms, choices: object) -> Ballot:
    """The ballot that the choices of a voter make, if the poll's terms allow it.

    Refused with status 422: `malformed_choices` (not a list of numbers, or of numbers and lists of numbers; in grades
    not a list of pairs). Refused with status 409: `equal_ranks_not_allowed`, `unknown_option`, `unknown_grade`,
    `option_twice`, `wrong_number_of_choices`.
    """
    form = terms.form
    return _check_grades(terms, choices) if form is Form.GRADES else _check_named(terms, form, choices)


def _check_named(terms: Terms, form: Form, choices: object) -> Ballot:
    """A ballot that names options, one, some or in ranks."""
    ballot = tuple(_parse_item(item, position) for position, item in enumerate(_list(choices)))
    named = list(chain.from_iterable(ballot))
    if form is not Form.RANKING and len(ballot) < len(named):
        raise Refused("equal_ranks_not_allowed", rule=terms.rule)
    _check_options(terms, named)
    most = _most_choices(terms, form)
    if len(named) > most:
        raise Refused("wrong_number_of_choices", chosen=len(named), allowed=most)
    return tuple(sorted(ballot)) if form is Form.SET else ballot


def _check_grades(terms: Terms, choices: object) -> Ballot:
    """A ballot of options and their grades."""
    pairs = [_parse_pair(item, position) for position, item in enumerate(_list(choices))]
    _check_options(terms, [option for option, _ in pairs])
    wrong = [(option, grade) for option, grade in pairs if not LOWEST_GRADE <= grade <= HIGHEST_GRADE]
    if wrong:
        options, grades = zip(*wrong[:MOST_NAMED], strict=True)
        raise Refused(
            "unknown_grade", options=list(options), grades=list(grades), lowest=LOWEST_GRADE, highest=HIGHEST_GRADE
        )
    return tuple(sorted(pairs))


def _check_options(terms: Terms, named: Iterable[int]) -> None:
    times = Counter(named)
    unknown = sorted(option for option in times if not 1 <= option <= terms.options)
    if unknown:
        raise Refused("unknown_option", options=unknown[:MOST_NAMED], highest=terms.options)
    twice = sorted(option for option in times if times[option] > 1)
    if twice:
        raise Refused("option_twice", options=twice[:MOST_NAMED])


def _most_choices(terms: Terms, form: Form) -> int:
    if form is Form.ONE:
        return 1
    if form is Form.SET and terms.max_choices is not None:
        return terms.max_choices
    return terms.options


def _list(choices: object) -> Sequence[object]:
    if not isinstance(choices, list | tuple):
        raise Refused("malformed_choices", status=422, reason="not_a_list")
    return choices


def _parse_item(item: object, position: int) -> tuple[int, ...]:
    if _is_number(item):
        return (item,)
    group = _numbers(item)
    if group is None:
        raise Refused("malformed_choices", status=422, reason="not_a_number", position=position)
    if not group:
        raise Refused("malformed_choices", status=422, reason="empty_rank", position=position)
    return tuple(sorted(group))


def _parse_pair(item: object, position: int) -> tuple[int, int]:
    match _numbers(item):
        case [option, grade]:
            return option, grade
        case _:
            raise Refused("malformed_choices", status=422, reason="not_an_option_and_a_grade", position=position)


def _numbers(item: object) -> list[int] | None:
    """A list of nothing but numbers."""
    if not isinstance(item, list | tuple):
        return None
    numbers = [number for number in item if _is_number(number)]
    return numbers if len(numbers) == len(item) else None


def _is_number(item: object) -> TypeGuard[int]:
    # JSON's true is Python's 1
    return isinstance(item, int) and not isinstance(item, bool)
