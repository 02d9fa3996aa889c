"""A ballot: what may stand on it under a poll's terms, and its one canonical form."""

from collections import Counter
from collections.abc import Sequence
from itertools import chain
from typing import TypeGuard

from chassis.refusals import Refused

from voting.rules.terms import Form, Terms

MOST_NAMED = 10  # mistakes that a refusal names

Ballot = tuple[tuple[int, ...], ...]
"""Groups of option numbers, best first; options in one group rank equally. The empty tuple is a blank ballot.

On a ballot that names one option or a set of options each option is a group of its own.
"""

Choices = Sequence[int | Sequence[int]]
"""A ballot as JSON has it: `[3, [1, 2]]` is "3 first, then 1 and 2 equally"."""


def ballot_from_json(choices: Choices) -> Ballot:
    """The canonical, hashable form of choices: equal ranks in ascending order, so that equal ballots are equal."""
    return tuple((item,) if isinstance(item, int) else tuple(sorted(item)) for item in choices)


def ballot_to_json(ballot: Ballot) -> list[int | list[int]]:
    """A ballot as JSON has it; the inverse of `ballot_from_json`."""
    return [group[0] if len(group) == 1 else list(group) for group in ballot]


def check_choices(terms: Terms, choices: object) -> Ballot:
    """The ballot that the choices of a voter make, if the poll's terms allow it.

    Refused with status 422: `malformed_choices` (not a list of numbers, or of numbers and lists of numbers).
    Refused with status 409: `equal_ranks_not_allowed`, `unknown_option`, `option_twice`, `wrong_number_of_choices`.
    """
    form = terms.form
    ballot = _parse(choices)
    named = list(chain.from_iterable(ballot))
    if form is not Form.RANKING and len(ballot) < len(named):
        raise Refused("equal_ranks_not_allowed", rule=terms.rule)
    unknown = sorted({option for option in named if not 1 <= option <= terms.options})
    if unknown:
        raise Refused("unknown_option", options=unknown[:MOST_NAMED], highest=terms.options)
    twice = sorted(option for option, times in Counter(named).items() if times > 1)
    if twice:
        raise Refused("option_twice", options=twice[:MOST_NAMED])
    most = _most_choices(terms, form)
    if len(named) > most:
        raise Refused("wrong_number_of_choices", chosen=len(named), allowed=most)
    return tuple(sorted(ballot)) if form is Form.SET else ballot


def _most_choices(terms: Terms, form: Form) -> int:
    if form is Form.ONE:
        return 1
    if form is Form.SET and terms.max_choices is not None:
        return terms.max_choices
    return terms.options


def _parse(choices: object) -> Ballot:
    if not isinstance(choices, list | tuple):
        raise Refused("malformed_choices", status=422, reason="not_a_list")
    return tuple(_parse_item(item, position) for position, item in enumerate(choices))


def _parse_item(item: object, position: int) -> tuple[int, ...]:
    if _is_number(item):
        return (item,)
    if not isinstance(item, list | tuple):
        raise Refused("malformed_choices", status=422, reason="not_a_number", position=position)
    group = [number for number in item if _is_number(number)]
    if len(group) < len(item):
        raise Refused("malformed_choices", status=422, reason="not_a_number", position=position)
    if not group:
        raise Refused("malformed_choices", status=422, reason="empty_rank", position=position)
    return tuple(sorted(group))


def _is_number(item: object) -> TypeGuard[int]:
    # JSON's true is Python's 1
    return isinstance(item, int) and not isinstance(item, bool)
