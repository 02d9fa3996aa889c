"""The Schulze method with winning votes.

Source: Markus Schulze, "A new monotonic, clone-independent, reversal symmetric, and Condorcet-consistent single-winner
election method", Social Choice and Welfare 36 (2011), 267-303.
"""

from collections import Counter

from voting.rules.profile import Profile
from voting.rules.result import Fact, Matrix, Ranking, Result
from voting.rules.terms import Rule


def schulze(profile: Profile) -> Result:
    """Rank the options by the strongest paths between them.

    Options that a ballot does not name are together its last rank. A link from one option to another exists if more
    ballots prefer the first, and is as strong as those ballots are many; a path is as strong as its weakest link.
    An option whose strongest path to another is stronger than the one back ranks above it.
    """
    pairwise = count_pairs(profile)
    paths = strongest_paths(pairwise)
    ranking = _layers(paths)
    winners = ranking[0] if profile.marked else ()
    return Result(
        rule=Rule.SCHULZE,
        ballots=profile.cast,
        blank=profile.blank,
        winners=winners,
        ranking=ranking,
        pairwise=pairwise,
        strongest_paths=paths,
        facts=_why(winners, pairwise),
    )


def count_pairs(profile: Profile) -> dict[int, dict[int, int]]:
    """For each two options, how many ballots prefer the one to the other: `pairs[one][other]`."""
    everybody = profile.bits(profile.options)
    above: Counter[tuple[int, int]] = (
        Counter()
    )  # (a rank, everything below it): few distinct ones, even of many ballots
    for ranks, count in profile.rankings:
        below = everybody
        for each in ranks:
            below ^= each
            above[each, below] += count
    pairs = {one: {other: 0 for other in profile.options if other != one} for one in profile.options}
    for (preferred, rest), count in above.items():
        losers = profile.members(rest)
        for one in profile.members(preferred):
            row = pairs[one]
            for other in losers:
                row[other] += count
    return pairs


def strongest_paths(pairwise: Matrix) -> dict[int, dict[int, int]]:
    """The strength of the strongest path from each option to each other (Floyd-Warshall); 0 where there is none."""
    paths = {
        one: {other: ahead if ahead > pairwise[other][one] else 0 for other, ahead in row.items()}
        for one, row in pairwise.items()
    }
    for through, onward in paths.items():
        for start, row in paths.items():
            if start == through or not row[through]:
                continue
            reach = row[through]
            for end, rest in onward.items():
                if end != start and (strength := min(reach, rest)) > row[end]:
                    row[end] = strength
    return paths


def _layers(paths: Matrix) -> Ranking:
    """Groups best first: those that nobody left beats, then those that nobody else left beats, and so on.

    "Beats" is transitive (Schulze, section 4.1), so that there is always somebody whom nobody beats.
    """
    left = sorted(paths)
    ranking = []
    while left:
        best = tuple(
            one for one in left if all(one == other or paths[one][other] >= paths[other][one] for other in left)
        )
        ranking.append(best)
        left = [one for one in left if one not in best]
    return tuple(ranking)


def _why(winners: tuple[int, ...], pairwise: Matrix) -> tuple[Fact, ...]:
    if not winners:
        return (Fact(code="no_votes"),)
    if len(winners) == 1 and all(ahead > pairwise[other][winners[0]] for other, ahead in pairwise[winners[0]].items()):
        return (Fact(code="condorcet_winner", options=winners),)
    return (
        Fact(code="no_condorcet_winner"),
        Fact(code="tie" if len(winners) > 1 else "strongest_paths", options=winners),
    )
