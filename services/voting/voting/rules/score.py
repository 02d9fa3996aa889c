"""Score voting: grades are points, and the most points win (range voting; W. Smith, "Range Voting", 2000)."""

from fractions import Fraction

from voting.rules.grades import Grades, Histogram, highest, lowest
from voting.rules.result import Fact, Result, Round, rank
from voting.rules.terms import GRADES, Rule


def score(grades: Grades) -> Result:
    """Rank the options by their points; with as many grades for each, that is also the order of their means."""
    totals = {option: Fraction(points(histogram)) for option, histogram in grades.histograms.items()}
    ranking = rank(totals)
    winners = ranking[0] if grades.marked else ()
    counted = grades.histograms if grades.marked else {}
    means = {option: totals[option] / grades.marked for option in counted}
    return Result(
        rule=Rule.SCORE,
        ballots=grades.cast,
        blank=grades.blank,
        winners=winners,
        ranking=ranking,
        rounds=(Round(number=1, totals=totals),),
        grades=grades.histograms,
        means=means,
        medians={option: median(histogram) for option, histogram in counted.items()},
        facts=(_why(winners, totals, means),),
    )


def points(histogram: Histogram) -> int:
    """All grades of an option together."""
    return sum(grade * histogram[grade] for grade in GRADES)


def median(histogram: Histogram) -> Fraction:
    """The grade in the middle, or half the sum of the two in the middle of an even number."""
    upto_the_middle = sum(histogram) // 2 + 1
    below, above = lowest(histogram, upto_the_middle)[-1], highest(histogram, upto_the_middle)[-1]
    return Fraction(below[0] + above[0], 2)


def _why(winners: tuple[int, ...], totals: dict[int, Fraction], means: dict[int, Fraction]) -> Fact:
    if not winners:
        return Fact(code="no_votes")
    votes = totals[winners[0]], means[winners[0]]
    return Fact(code="tie" if len(winners) > 1 else "most_points", options=winners, votes=votes)
