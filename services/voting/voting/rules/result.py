"""What a count found, with exact numbers: votes are fractions, since equal ranks share a ballot."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction
from typing import Any

from voting.rules.terms import Rule

Ranking = tuple[tuple[int, ...], ...]
"""Options best first; options in one group are tied."""

Matrix = Mapping[int, Mapping[int, int]]
"""Ballots (or the strength of a path, also ballots) from one option over another."""

Name = Callable[[int], Any]
"""How an option is shown: by its number, or by its label."""


class Because(StrEnum):
    """Why an instant-runoff round took options out of the count, or why it could not."""

    FEWEST_VOTES = "fewest_votes"
    TIED_TOGETHER = "tied_together"
    """Some tied for the fewest votes, and even all votes of those who leave together stay below the next option."""
    TIED_FEWER_EARLIER = "tied_fewer_earlier"
    """Tied for the fewest votes, and in the latest earlier round that tells them apart this one had fewest."""
    TIED_WITHOUT_EFFECT = "tied_without_effect"
    """The ballots do not say which of the tied options leaves, but whichever it is, the same options win."""
    TIED_DECISIVE = "tied_decisive"
    """The ballots do not say which of the tied options leaves, and that decides who wins: the count ends here."""
    TIED_UNDECIDED = "tied_undecided"
    """The ballots do not say which of the tied options leaves, and there are too many possibilities to try them all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """One round: the votes of each option still standing, and what follows from them.

    `exhausted` counts the ballots that rank none of the options still standing. Where options tied for the fewest
    votes, `tied` names those between which the tie lay, `earlier_round` the round that told them apart, and
    `outcomes` who would win if the one or the other left.
    """

    number: int
    totals: Mapping[int, Fraction]
    exhausted: int = 0
    eliminated: tuple[int, ...] = ()
    because: Because | None = None
    tied: tuple[int, ...] = ()
    earlier_round: int | None = None
    outcomes: Mapping[int, tuple[int, ...]] = field(default_factory=dict)

    def as_json(self, name: Name) -> dict[str, Any]:
        """Votes as strings ("4314", "1/2"), ballots as integers."""
        shown: dict[str, Any] = {
            "round": self.number,
            "totals": {str(name(option)): str(votes) for option, votes in self.totals.items()},
            "exhausted": self.exhausted,
            "eliminated": [name(option) for option in self.eliminated],
        }
        if self.because:
            shown["because"] = self.because.value
        if self.tied:
            shown["tied"] = [name(option) for option in self.tied]
        if self.earlier_round is not None:
            shown["earlier_round"] = self.earlier_round
        if self.outcomes:
            shown["outcomes"] = {
                str(name(leaving)): [name(option) for option in winners] for leaving, winners in self.outcomes.items()
            }
        return shown


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One reason for the result, for a sentence in the reader's language.

    Codes: `no_votes` · `accepted`, `rejected` (yes/no; votes: yes, no) · `majority` (more than half; votes: the
    option's, all that were counted) · `most_votes` (votes: the option's) · `tie` (votes: of each) ·
    `undecided` (who wins is not known; options: those it lies between) ·
    `condorcet_winner` (preferred to each other option) · `no_condorcet_winner` · `strongest_paths` (who wins then).

    Of grades: `most_points` (votes: points, their mean; so also for a `tie` of points) · `majority_grade` (the
    winner's; votes: ballots that give it at least this, all that were counted). Where others share that grade, with
    options: the winner, then who comes next: `more_above` (votes: ballots above it, of the winner and of the next) ·
    `fewer_below` (likewise below it) · `further_medians` (grades: the shared one, then the first medians that differ).
    """

    code: str
    options: tuple[int, ...] = ()
    votes: tuple[Fraction, ...] = ()
    grades: tuple[int, ...] = ()

    def as_json(self, name: Name) -> dict[str, Any]:
        """The code, and what it is about."""
        shown: dict[str, Any] = {"code": self.code}
        if self.options:
            shown["options"] = [name(option) for option in self.options]
        if self.votes:
            shown["votes"] = [str(votes) for votes in self.votes]
        if self.grades:
            shown["grades"] = list(self.grades)
        return shown


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The result of a count.

    `ballots` counts all that were cast, blank ones included. More than one winner is a tie, declared and not broken;
    no winner means that no ballot named an option, or by instant runoff that the count is undecided: the facts say
    which. `ranking` begins with the winners, if there are any, or with those between whom it is undecided.

    Of rules that read grades, `grades` has how many ballots give each option each grade, the lowest grade first;
    `means` and `medians` (score) and `majority_grades` are empty where no ballot gives a grade.
    """

    rule: Rule
    ballots: int
    blank: int
    winners: tuple[int, ...]
    ranking: Ranking
    rounds: tuple[Round, ...] = ()
    pairwise: Matrix | None = None
    strongest_paths: Matrix | None = None
    grades: Mapping[int, tuple[int, ...]] | None = None
    means: Mapping[int, Fraction] | None = None
    medians: Mapping[int, Fraction] | None = None
    majority_grades: Mapping[int, int] | None = None
    facts: tuple[Fact, ...] = ()

    @property
    def tied(self) -> bool:
        """Whether several options won alike."""
        return len(self.winners) > 1

    def as_json(self, name: Name = lambda option: option) -> dict[str, Any]:
        """The result as JSON's types, nothing rounded: votes are strings ("4314", "1/2"), ballots are integers.

        `grades` has a list of six numbers of ballots by option, the lowest grade first; means and medians are strings
        too ("7/2"), majority grades are integers. Each stands there only by the rules that it belongs to.

        Options appear as `name(option)`: by default as their numbers, which as an object's keys are strings.
        """
        shown: dict[str, Any] = {
            "rule": self.rule.value,
            "ballots": self.ballots,
            "blank": self.blank,
            "winners": [name(option) for option in self.winners],
            "tied": self.tied,
            "ranking": [[name(option) for option in group] for group in self.ranking],
            "rounds": [each.as_json(name) for each in self.rounds],
        }
        for key, matrix in (("pairwise", self.pairwise), ("strongest_paths", self.strongest_paths)):
            if matrix is not None:
                shown[key] = {
                    str(name(one)): {str(name(other)): number for other, number in row.items()}
                    for one, row in matrix.items()
                }
        if self.grades is not None:
            shown["grades"] = {str(name(option)): list(counts) for option, counts in self.grades.items()}
        for key, middles in (("means", self.means), ("medians", self.medians)):
            if middles is not None:
                shown[key] = {str(name(option)): str(middle) for option, middle in middles.items()}
        if self.majority_grades is not None:
            shown["majority_grades"] = {str(name(option)): grade for option, grade in self.majority_grades.items()}
        shown["facts"] = [fact.as_json(name) for fact in self.facts]
        return shown


def rank(totals: Mapping[int, Fraction]) -> Ranking:
    """Options by votes, most first; equal votes share a place."""
    places: dict[Fraction, list[int]] = {}
    for option, votes in totals.items():
        places.setdefault(votes, []).append(option)
    return tuple(tuple(sorted(places[votes])) for votes in sorted(places, reverse=True))
