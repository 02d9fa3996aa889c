"""Plurality (`single`), yes/no and approval: the option with most votes wins."""

from collections import Counter
from collections.abc import Mapping
from fractions import Fraction

from voting.rules.profile import Profile
from voting.rules.result import Fact, Result, Round, rank
from voting.rules.terms import NO, YES, Rule


def single(profile: Profile) -> Result:
    """Plurality: a ballot is one vote for its first preference; equal first ranks share it exactly."""
    return _by_votes(Rule.SINGLE, profile, profile.shares(profile.options))


def yes_no(profile: Profile) -> Result:
    """Accepted if yes has more votes than no; equal is a tie. Blank ballots count for the turnout only."""
    if profile.options != (YES, NO):
        raise ValueError("a yes/no poll has the options 1 (yes) and 2 (no)")
    return _by_votes(Rule.YES_NO, profile, profile.shares(profile.options))


def approval(profile: Profile) -> Result:
    """Approval voting (Brams and Fishburn 1978): each option that a ballot names gets a whole vote."""
    approvals: Counter[int] = Counter()
    for ranks, count in profile.rankings:
        approvals[sum(ranks)] += count  # ranks share no option, so their sum is their union
    totals = dict.fromkeys(profile.options, Fraction(0))
    for approved, count in approvals.items():
        for option in profile.members(approved):
            totals[option] += count
    return _by_votes(Rule.APPROVAL, profile, totals)


def _by_votes(rule: Rule, profile: Profile, totals: Mapping[int, Fraction]) -> Result:
    ranking = rank(totals)
    winners = ranking[0] if profile.marked else ()
    return Result(
        rule=rule,
        ballots=profile.cast,
        blank=profile.blank,
        winners=winners,
        ranking=ranking,
        rounds=(Round(number=1, totals=totals),),
        facts=(_why(rule, profile, winners, totals),),
    )


def _why(rule: Rule, profile: Profile, winners: tuple[int, ...], totals: Mapping[int, Fraction]) -> Fact:
    if not winners:
        return Fact(code="no_votes")
    votes = totals[winners[0]]
    if len(winners) > 1:
        return Fact(code="tie", options=winners, votes=(votes,))
    if rule is Rule.YES_NO:
        code = "accepted" if winners == (YES,) else "rejected"
        return Fact(code=code, options=winners, votes=(totals[YES], totals[NO]))
    if 2 * votes > profile.marked:
        return Fact(code="majority", options=winners, votes=(votes, Fraction(profile.marked)))
    return Fact(code="most_votes", options=winners, votes=(votes,))
