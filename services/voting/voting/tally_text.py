"""The result of a count as text for people: a table of rounds or a matrix, and a sentence that names the winner."""

from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from typing import Final

from voting.rules.preflib import Election
from voting.rules.result import Because, Fact, Matrix, Result, Round
from voting.rules.terms import GRADES, Rule

RULES: Final = {
    Rule.YES_NO: "yes or no",
    Rule.SINGLE: "plurality, most first preferences",
    Rule.APPROVAL: "approval",
    Rule.IRV: "instant runoff",
    Rule.SCHULZE: "the Schulze method, winning votes",
    Rule.SCORE: "score, 0 to 5 points from each ballot",
    Rule.MAJORITY_JUDGMENT: "majority judgment, grades from 0 to 5",
}
LEAVING: Final = {
    Because.FEWEST_VOTES: "{leaving} has the fewest votes and leaves.",
    Because.TIED_TOGETHER: "{tied} tie for the fewest votes. {leaving} leave together: all their votes together are "
    "fewer than the next option has.",
    Because.TIED_FEWER_EARLIER: "{tied} tie for the fewest votes; {leaving} had the fewest in round {earlier} and "
    "leaves.",
    Because.TIED_WITHOUT_EFFECT: "{tied} tie for the fewest votes. It does not matter for the outcome which of them "
    "leaves; shown as if {leaving} left.",
    Because.TIED_DECISIVE: "{tied} tie for the fewest votes, and which of them leaves would decide who wins: {cases}.",
    Because.TIED_UNDECIDED: "{tied} tie for the fewest votes, and in too many orders could they leave to try them all.",
}
SENTENCES: Final = {
    "no_votes": "No ballot names an option, so that nobody wins.",
    "undecided": "The count is undecided: there are too many possibilities to know which of {who} wins.",
    "tie": "It is a tie: the ballots do not decide between {who}{each}.",
    "majority": "{who} wins with {votes} of {of} {things}{next}.",
    "most_votes": "{who} wins with {votes} votes, the most{next}.",
    "accepted": "Accepted, with {votes} for and {of} against.",
    "rejected": "Rejected, with {votes} for and {of} against.",
    "condorcet_winner": "{who} wins: preferred to each other option{closest}.",
    "no_condorcet_winner": "No option is preferred to each other one.",
    "strongest_paths": "{who} wins by the strongest paths.",
    "most_points": "{who} wins with {votes} points{next}.",
    "majority_grade": "{first} wins with the majority grade {grade}: {votes} of {of} ballots give it that or more.",
    "more_above": "The same majority grade: {others}. Grades above it: {votes} for {first}, {of} for {others}.",
    "fewer_below": "The same majority grade: {others}. Grades below it: {votes} for {first}, {of} for {others}.",
    "further_medians": "The same majority grade: {others}. As it is taken away from each, ballot by ballot, the next "
    "median that differs is {ahead} for {first}, and {behind} for {others}.",
}
WIDTH: Final = 6
"""Rounds or options beside each other, so that a table fits a terminal."""

Name = Callable[[int], str]


def render(election: Election, result: Result) -> str:
    """The whole answer: what was counted, the tables, why each option left, the ranking, and the winner."""
    names = {number: _printable(text) for number, text in election.names.items()}
    name = names.__getitem__
    blank = f", {result.blank:,} of them blank" if result.blank else ""
    parts = [f"{_printable(election.title) or 'Untitled'}\n{result.ballots:,} ballots{blank}; by {RULES[result.rule]}"]
    if result.grades is not None:
        parts.append("Ballots by grade\n" + _grades(result, name))
    elif result.rounds:
        parts.append(_rounds(result.rounds, name))
    if result.rule is Rule.IRV and result.rounds:
        parts.append("\n".join(filter(None, (_what_follows(each, name) for each in result.rounds))))
    if result.pairwise:
        parts.append("Ballots that prefer the row's option to the column's\n" + _matrix(result.pairwise, name))
    if result.strongest_paths:
        parts.append("Strength of the strongest path from row to column\n" + _matrix(result.strongest_paths, name))
    parts.append("\n".join(_ranking(result, name)))
    parts.append(" ".join(_sentence(fact, result, name) for fact in result.facts))
    return "\n\n".join(filter(None, parts))


def _rounds(rounds: Sequence[Round], name: Name) -> str:
    options = sorted(rounds[0].totals, key=lambda option: (-rounds[0].totals[option], option))
    tables = []
    for start in range(0, len(rounds), WIDTH):
        some = rounds[start : start + WIDTH]
        rows = [["", *(f"round {each.number}" if len(rounds) > 1 else "votes" for each in some)]]
        rows += [
            [name(option), *(_votes(each.totals[option]) if option in each.totals else "-" for each in some)]
            for option in options
        ]
        if any(each.exhausted for each in rounds):
            rows.append(["(exhausted)", *(f"{each.exhausted:,}" for each in some)])
        tables.append(_table(rows))
    return "\n\n".join(tables)


def _grades(result: Result, name: Name) -> str:
    """How many ballots give each grade, the best one first, and what they come to."""
    columns: dict[str, dict[int, str]] = {}
    for grade in reversed(GRADES):
        columns[str(grade)] = {option: f"{counts[grade]:,}" for option, counts in (result.grades or {}).items()}
    if result.majority_grades is not None:
        columns["majority grade"] = {option: str(grade) for option, grade in result.majority_grades.items()}
    else:
        columns["points"] = {option: _votes(votes) for option, votes in result.rounds[0].totals.items()}
    for title, middles in (("mean", result.means), ("median", result.medians)):
        if middles is not None:
            columns[title] = {option: _votes(middle) for option, middle in middles.items()}
    options = [option for group in result.ranking for option in group]
    rows = [[name(option), *(column.get(option, "-") for column in columns.values())] for option in options]
    return _table([["", *columns], *rows])


def _matrix(matrix: Matrix, name: Name) -> str:
    options = sorted(matrix)
    tables = []
    for start in range(0, len(options), WIDTH):
        columns = options[start : start + WIDTH]
        rows = [["", *(f"[{option}]" for option in columns)]]
        rows += [
            [f"[{one}] {name(one)}", *("-" if one == other else f"{matrix[one][other]:,}" for other in columns)]
            for one in options
        ]
        tables.append(_table(rows))
    return "\n\n".join(tables)


def _table(rows: Sequence[Sequence[str]]) -> str:
    """The first column to the left, numbers to the right."""
    first, *others = (max(map(len, column)) for column in zip(*rows, strict=True))
    return "\n".join(
        "  ".join([row[0].ljust(first), *(cell.rjust(width) for cell, width in zip(row[1:], others, strict=True))])
        for row in rows
    )


def _what_follows(each: Round, name: Name) -> str:
    """Why options leave after a round; nothing after the last one."""
    if each.because is None:
        return ""
    cases = (f"without {name(gone)} {_and(winners, name)}" for gone, winners in each.outcomes.items())
    reason = LEAVING[each.because].format(
        leaving=_and(each.eliminated, name),
        tied=_and(each.tied, name),
        earlier=each.earlier_round,
        cases=", ".join(cases),
    )
    return f"Round {each.number}: {reason}"


def _ranking(result: Result, name: Name) -> Iterable[str]:
    place = 1
    for group in result.ranking:
        yield f"{place:>3}. {', '.join(name(option) for option in group)}"
        place += len(group)


def _sentence(fact: Fact, result: Result, name: Name) -> str:
    votes = [_votes(each) for each in fact.votes]
    grades = [str(grade) for grade in fact.grades]
    return SENTENCES[fact.code].format(
        who=_and(fact.options, name),
        first=_and(fact.options[:1], name),
        others=_and(fact.options[1:], name),
        grade=grades[0] if grades else "",
        ahead=grades[1] if len(grades) > 1 else "",
        behind=grades[-1] if grades else "",
        votes=votes[0] if votes else "",
        of=votes[-1] if votes else "",
        things="ballots" if result.rule is Rule.APPROVAL else "votes",
        each=_each(fact, result, votes),
        next=_runner_up(result, name),
        closest=_closest(fact.options, result, name),
    )


def _each(fact: Fact, result: Result, votes: Sequence[str]) -> str:
    """What those who are tied have in common."""
    if result.rule is Rule.MAJORITY_JUDGMENT:
        return ", with exactly the same grades" if fact.grades else ""
    things = "points" if result.rule is Rule.SCORE else "votes"
    return f", with {votes[0]} {things} each" if votes else ""


def _runner_up(result: Result, name: Name) -> str:
    totals = result.rounds[-1].totals if result.rounds else {}
    others = [votes for option, votes in totals.items() if option not in result.winners]
    if not others:
        return ""
    next_best = tuple(option for option, votes in totals.items() if votes == max(others))
    return f", before {_and(next_best, name)} with {_votes(max(others))}"


def _closest(winners: Sequence[int], result: Result, name: Name) -> str:
    pairs = result.pairwise
    if not pairs or len(winners) != 1 or len(pairs) == 1:
        return ""
    row = pairs[winners[0]]
    closest = min(row, key=lambda other: row[other] - pairs[other][winners[0]])
    return f", most narrowly to {name(closest)}, by {row[closest]:,} to {pairs[closest][winners[0]]:,}"


def _votes(votes: Fraction) -> str:
    """Exact: 2,585 1/2."""
    whole, rest = divmod(votes, 1)
    if not rest:
        return f"{whole:,}"
    return f"{whole:,} {rest}" if whole else str(rest)


def _and(options: Sequence[int], name: Name) -> str:
    *most, last = (name(option) for option in options) if options else ("nobody",)
    return f"{', '.join(most)} and {last}" if most else last


def _printable(text: str) -> str:
    """Text from a file, without what a terminal would obey."""
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in text)
