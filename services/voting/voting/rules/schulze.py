"""The Schulze method with winning votes.

Source: Markus Schulze, "A new monotonic, clone-independent, reversal symmetric, and Condorcet-consistent single-winner
election method", Social Choice and Welfare 36 (2011), 267-303.
"""

from collections import Counter
from collections.abc import Iterator, Sequence

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
    """The strength of the strongest path from each option to each other; 0 where there is none.

    The links come one by one, strongest first: the one that first lets an option reach another is the weakest of their
    strongest path. Sets of options are the bits of integers, and each two options are looked at once, so that hundreds
    of options take seconds; the loops of Floyd and Warshall look at each three.
    """
    options = tuple(pairwise)
    bit_of = {option: 1 << place for place, option in enumerate(options)}
    paths = {one: dict.fromkeys(row, 0) for one, row in pairwise.items()}
    reached, reaching = dict(bit_of), dict(bit_of)  # whom each option reaches, and who reaches it
    for strength, one, other in _links(pairwise):
        for start in _members(reaching[one] & ~reaching[other], options):
            for end in _members(reached[other] & ~reached[start], options):
                paths[start][end] = strength
                reaching[end] |= bit_of[start]
            reached[start] |= reached[other]
    return paths


def _links(pairwise: Matrix) -> list[tuple[int, int, int]]:
    """(strength, from, to) of all links, strongest first."""
    return sorted(
        (
            (ahead, one, other)
            for one, row in pairwise.items()
            for other, ahead in row.items()
            if ahead > pairwise[other][one]
        ),
        reverse=True,
    )


def _members(bits: int, options: Sequence[int]) -> Iterator[int]:
    while bits:
        lowest = bits & -bits
        yield options[lowest.bit_length() - 1]
        bits ^= lowest


def _layers(paths: Matrix) -> Ranking:
    """Groups best first: those that nobody left beats, then those that nobody else left beats, and so on.

    "Beats" is transitive (Schulze, section 4.1), so that there is always somebody whom nobody beats.
    """
    beats = {one: [other for other, path in row.items() if path > paths[other][one]] for one, row in paths.items()}
    beaten = Counter(loser for losers in beats.values() for loser in losers)  # by how many of those that are left
    left = sorted(paths)
    ranking = []
    while left:
        best = tuple(one for one in left if not beaten[one])
        left = [one for one in left if beaten[one]]
        ranking.append(best)
        for one in best:
            beaten.subtract(beats[one])
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
