"""Instant-runoff voting, with ties decided by the ballots or declared, never by chance.

Each round counts every ballot for the best option on it that still stands; equal ranks share it exactly. An option with
more than half of the votes counted in that round wins; else the option with the fewest leaves.

Options that tie for the fewest votes:
1. leave together, where even all their votes together are fewer than those of the next option: in whatever order they
   left, none of them could stay, and the rounds after are the same;
2. else the latest earlier round that tells them apart decides: who had fewest then leaves (backward tie-breaking:
   Scottish Local Government Elections Order 2007, schedule 1, rule 51(2)(a));
3. else leave together with as few of the next options as make 1 true of them all ("batch elimination": Maine Revised
   Statutes, title 21-A, section 723-A; San Francisco Charter, section 13.102(e));
4. else each of them is tried. If the same options win whichever leaves, the tie has no effect; if not, all who could
   win are declared tied ("parallel universes": Conitzer, Rognlie and Xia, IJCAI 2009). After a first tie of this kind
   only the rounds before it serve for looking back, since those after it are suppositions. Where there is too much to
   try, the result says that it is undecided, and among whom.
Two last options with equal votes are declared tied.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from typing import Final

from voting.rules.profile import Profile
from voting.rules.result import Because, Fact, Ranking, Result, Round, rank
from voting.rules.terms import Rule

Standing = frozenset[int]
Totals = dict[int, Fraction]

MOST_POSSIBILITIES: Final = 4096
"""So many sets of options left are looked at after an undecided tie; beyond it the count ends undecided.

Deciding who could win is NP-complete in the number of options, so that some bound must be.
"""

MOST_READINGS: Final = 60_000_000
"""So many times a ballot is read for those sets: some 15 to 25 seconds of the 60 that a timer has to close a poll."""


@dataclass(frozen=True, slots=True)
class _Step:
    """What the totals of a round demand: `winners`, or that one of the groups in `leaving` leaves."""

    totals: Totals
    winners: tuple[int, ...] = ()
    leaving: tuple[tuple[int, ...], ...] = ()
    because: Because | None = None
    tied: tuple[int, ...] = ()
    earlier_round: int | None = None


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What may become of a count: who could win, and the order on which all possible counts agree."""

    winners: tuple[int, ...]
    ranking: Ranking


def irv(profile: Profile) -> Result:
    """Count by instant runoff: all rounds, the winner or the declared tie, and the order of the others.

    The order is the reverse of leaving; options that leave together, or whose order an undecided tie leaves open,
    share a place. Rounds after a tie without effect are shown as if the lowest number of the tied had left.
    """
    rounds, outcome = _count(profile) if profile.marked else ([], _Outcome((), (tuple(sorted(profile.options)),)))
    return Result(
        rule=Rule.IRV,
        ballots=profile.cast,
        blank=profile.blank,
        winners=outcome.winners,
        ranking=_winners_first(outcome),
        rounds=tuple(rounds),
        facts=(_why(outcome.winners, rounds),),
    )


def _count(profile: Profile) -> tuple[list[Round], _Outcome]:
    standing = frozenset(profile.options)
    earlier: list[Totals] = []
    rounds: list[Round] = []
    gone: list[tuple[int, ...]] = []
    while len((step := _step(profile, standing, earlier)).leaving) == 1:
        (leaving,) = step.leaving
        rounds.append(_round(profile, len(rounds) + 1, step, eliminated=leaving))
        earlier.append(step.totals)
        gone.append(leaving)
        standing = standing.difference(leaving)
    earlier.append(step.totals)
    steps = {standing: step}
    possible = _explore(profile, standing, earlier, steps)
    outcome = possible[standing]
    rounds += _show(profile, standing, steps, possible, first=len(rounds) + 1)
    return rounds, _Outcome(outcome.winners, (*outcome.ranking, *reversed(gone)))


def _step(profile: Profile, standing: Standing, earlier: Sequence[Totals]) -> _Step:
    """Count one round and decide what follows; `earlier` are the rounds that a tie may look back to, oldest first."""
    totals = profile.shares(standing)
    counted = sum(totals.values())
    majority = tuple(option for option, votes in totals.items() if 2 * votes > counted)
    if majority:
        return _Step(totals, winners=majority)
    if len(standing) == 2:  # noqa: PLR2004 - two without a majority have half each
        return _Step(totals, winners=tuple(sorted(standing)))
    fewest = min(totals.values())
    tied = tuple(sorted(option for option, votes in totals.items() if votes == fewest))
    if len(tied) == 1:
        return _Step(totals, leaving=(tied,), because=Because.FEWEST_VOTES)
    return _settle_tie(tied, totals, earlier)


def _settle_tie(tied: tuple[int, ...], totals: Totals, earlier: Sequence[Totals]) -> _Step:
    """Who of those that tie for the fewest votes leaves, or the groups to be tried."""
    batch = _batch(totals)
    if batch == tied:
        return _Step(totals, leaving=(tied,), because=Because.TIED_TOGETHER, tied=tied)
    lowest, number = _look_back(tied, earlier)
    if len(lowest) == 1:
        return _Step(totals, leaving=(lowest,), because=Because.TIED_FEWER_EARLIER, tied=tied, earlier_round=number)
    if batch:
        return _Step(totals, leaving=(batch,), because=Because.TIED_TOGETHER, tied=tied)
    return _Step(totals, leaving=tuple((option,) for option in lowest), tied=lowest)


def _batch(totals: Totals) -> tuple[int, ...]:
    """The fewest options, from the lowest up, that together have fewer votes than each other one; empty: there is none.

    One of them leaves next as long as one of them stands: what they have together never grows, since what one that
    leaves passes on goes to another of them or out of the group, and what the others have never shrinks.
    """
    ascending = sorted(totals, key=totals.__getitem__)
    together = Fraction(0)
    for place, (option, next_one) in enumerate(pairwise(ascending), 1):
        together += totals[option]
        if together < totals[next_one]:
            return tuple(sorted(ascending[:place]))
    return ()


def _look_back(tied: tuple[int, ...], earlier: Sequence[Totals]) -> tuple[tuple[int, ...], int | None]:
    """Who of the tied had fewest votes in the latest rounds that tell them apart, and the round that settled it."""
    settled = None
    for number in range(len(earlier), 0, -1):
        totals = earlier[number - 1]
        fewest = min(totals[option] for option in tied)
        lowest = tuple(option for option in tied if totals[option] == fewest)
        if len(lowest) < len(tied):
            tied, settled = lowest, number
    return tied, settled


def _explore(
    profile: Profile, standing: Standing, earlier: Sequence[Totals], steps: dict[Standing, _Step]
) -> dict[Standing, _Outcome]:
    """The outcome from each set of options that may be left, if each of the tied is tried.

    `steps` has the step from `standing`; those from the other sets are added.
    """
    most = min(MOST_POSSIBILITIES, max(MOST_READINGS // max(len(profile.rankings), 1), 1))
    ahead = [standing.difference(group) for group in steps[standing].leaving]
    while ahead:
        here = ahead.pop()
        if here in steps:
            continue
        if len(steps) >= most:
            return {standing: _Outcome((), (tuple(sorted(standing)),))}
        steps[here] = _step(profile, here, earlier)
        ahead.extend(here.difference(group) for group in steps[here].leaving)
    outcomes: dict[Standing, _Outcome] = {}
    for here in sorted(steps, key=len):
        step = steps[here]
        if step.winners:
            outcomes[here] = _Outcome(step.winners, rank(step.totals))
            continue
        branches = [(outcomes[here.difference(group)], group) for group in step.leaving]
        winners = {option for outcome, _ in branches for option in outcome.winners}
        rankings = [(*outcome.ranking, group) for outcome, group in branches]
        outcomes[here] = _Outcome(tuple(sorted(winners)), _agreed(rankings))
    return outcomes


def _show(
    profile: Profile,
    standing: Standing,
    steps: Mapping[Standing, _Step],
    possible: Mapping[Standing, _Outcome],
    *,
    first: int,
) -> list[Round]:
    """The rounds to the end of the count, or to the tie that decides it; of tied options the lowest number leaves."""
    rounds: list[Round] = []
    while True:
        step = steps[standing]
        number = first + len(rounds)
        if step.winners:
            return [*rounds, _round(profile, number, step)]
        nexts = {group[0]: possible.get(standing.difference(group)) for group in step.leaving}
        outcomes = {option: outcome.winners for option, outcome in nexts.items() if outcome}
        if not outcomes:
            return [*rounds, _round(profile, number, replace(step, because=Because.TIED_UNDECIDED))]
        if len(set(outcomes.values())) != 1:
            decisive = replace(step, because=Because.TIED_DECISIVE)
            return [*rounds, _round(profile, number, decisive, outcomes=outcomes)]
        if len(step.leaving) > 1:
            step = replace(step, because=Because.TIED_WITHOUT_EFFECT)
        else:
            outcomes = {}
        rounds.append(_round(profile, number, step, eliminated=step.leaving[0], outcomes=outcomes))
        standing = standing.difference(step.leaving[0])


def _round(
    profile: Profile,
    number: int,
    step: _Step,
    *,
    eliminated: tuple[int, ...] = (),
    outcomes: dict[int, tuple[int, ...]] | None = None,
) -> Round:
    return Round(
        number=number,
        totals=step.totals,
        exhausted=int(profile.marked - sum(step.totals.values())),  # a ballot is counted whole or not at all
        eliminated=eliminated,
        because=step.because,
        tied=step.tied,
        earlier_round=step.earlier_round,
        outcomes=outcomes or {},
    )


def _agreed(rankings: Sequence[Ranking]) -> Ranking:
    """The order in which all rankings agree: where one of them draws no line between two options, they are tied."""
    common = set.intersection(*(_lines(ranking) for ranking in rankings))
    groups = pairwise([frozenset[int](), *sorted(common, key=len)])
    return tuple(tuple(sorted(upper - lower)) for lower, upper in groups)


def _lines(ranking: Ranking) -> set[frozenset[int]]:
    """The lines that a ranking draws, each as all options above it."""
    above: frozenset[int] = frozenset()
    lines = set()
    for group in ranking:
        above = above.union(group)
        lines.add(above)
    return lines


def _winners_first(outcome: _Outcome) -> Ranking:
    """Who could win stands before who could not, also where their order is otherwise open."""
    if not outcome.winners:
        return outcome.ranking
    best, *rest = outcome.ranking
    others = tuple(option for option in best if option not in outcome.winners)
    return (outcome.winners, *([others] if others else []), *rest)


def _why(winners: tuple[int, ...], rounds: Sequence[Round]) -> Fact:
    if not rounds:
        return Fact(code="no_votes")
    totals = rounds[-1].totals
    if not winners:
        return Fact(code="undecided", options=tuple(sorted(totals)))
    if len(winners) == 1:
        return Fact(code="majority", options=winners, votes=(totals[winners[0]], sum(totals.values(), Fraction(0))))
    if rounds[-1].because:
        return Fact(code="tie", options=winners)
    return Fact(code="tie", options=winners, votes=(totals[winners[0]],))
