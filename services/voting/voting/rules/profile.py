"""A profile: all ballots of a poll, checked once, in a form that counts fast."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from voting.rules.ballots import Ballot


@dataclass(frozen=True, slots=True)
class Profile:
    """How often each distinct ballot was cast.

    A rank is a set of options and stands as the bits of one integer (bit i for the i-th option), so that finding the
    options that still stand is one `&`, and a million distinct ballots are counted in seconds.
    """

    bit_of: Mapping[int, int]
    rankings: tuple[tuple[tuple[int, ...], int], ...]
    blank: int

    @classmethod
    def of(cls, ballots: Mapping[Ballot, int], options: Sequence[int]) -> "Profile":
        """Check and index ballots. ValueError: an unknown option, an option twice, an empty rank, a negative count."""
        bit_of = {option: 1 << place for place, option in enumerate(options)}
        if not bit_of or len(bit_of) < len(options):
            raise ValueError("options are distinct, and there is at least one")
        if any(count < 0 for count in ballots.values()):
            raise ValueError("a ballot is never cast a negative number of times")
        rankings = tuple((_ranks(ballot, bit_of), count) for ballot, count in ballots.items() if ballot and count)
        return cls(bit_of, rankings, blank=ballots.get((), 0))

    @property
    def options(self) -> tuple[int, ...]:
        """The options in the order in which they were given."""
        return tuple(self.bit_of)

    @property
    def marked(self) -> int:
        """Ballots that name an option."""
        return sum(count for _, count in self.rankings)

    @property
    def cast(self) -> int:
        """All ballots, blank ones included."""
        return self.marked + self.blank

    def bits(self, options: Iterable[int]) -> int:
        """A set of options as one integer."""
        return sum(self.bit_of[option] for option in options)

    def members(self, bits: int) -> tuple[int, ...]:
        """The options in a set."""
        return tuple(option for option, bit in self.bit_of.items() if bits & bit)

    def shares(self, standing: Collection[int]) -> dict[int, Fraction]:
        """The votes of each option that stands: a ballot goes to the best of them that it ranks, in equal parts."""
        among = self.bits(standing)
        piles: Counter[int] = Counter()
        for ranks, count in self.rankings:
            for each in ranks:
                if best := each & among:
                    piles[best] += count
                    break
        totals = {option: Fraction(0) for option in self.options if option in standing}
        for best, count in piles.items():
            holders = self.members(best)
            for option in holders:
                totals[option] += Fraction(count, len(holders))
        return totals


def _ranks(ballot: Ballot, bit_of: Mapping[int, int]) -> tuple[int, ...]:
    ranks, seen = [], 0
    for group in ballot:
        here = 0
        for option in group:
            bit = bit_of.get(option)
            if bit is None:
                raise ValueError(f"no option has the number {option}")
            if bit & (seen | here):
                raise ValueError(f"option {option} stands twice on one ballot")
            here |= bit
        if not here:
            raise ValueError("a rank without an option")
        seen |= here
        ranks.append(here)
    return tuple(ranks)
