"""Counting ballots by any of the rules."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from voting.rules.ballots import Ballot
from voting.rules.grades import Grades
from voting.rules.irv import irv
from voting.rules.majority_judgment import majority_judgment
from voting.rules.plurality import approval, single, yes_no
from voting.rules.profile import Profile
from voting.rules.result import Result
from voting.rules.schulze import schulze
from voting.rules.score import score
from voting.rules.terms import Rule

COUNTS: Final[dict[Rule, Callable[[Profile], Result]]] = {
    Rule.YES_NO: yes_no,
    Rule.SINGLE: single,
    Rule.APPROVAL: approval,
    Rule.IRV: irv,
    Rule.SCHULZE: schulze,
}
COUNTS_GRADES: Final[dict[Rule, Callable[[Grades], Result]]] = {
    Rule.SCORE: score,
    Rule.MAJORITY_JUDGMENT: majority_judgment,
}


def tally(rule: Rule | str, ballots: Mapping[Ballot, int], options: Sequence[int]) -> Result:
    """The result of ballots, each with the number of times it was cast, over the options of a poll.

    The result depends on the ballots alone: neither their order nor the options' numbers decide anything, and nothing
    is left to chance. ValueError: an unknown rule, or a ballot that `check_choices` never lets through.
    """
    rule = Rule(rule)
    if rule in COUNTS_GRADES:
        return COUNTS_GRADES[rule](Grades.of(ballots, options))
    return COUNTS[rule](Profile.of(ballots, options))
