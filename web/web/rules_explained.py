"""Each rule in plain words: to citizens what becomes of their ballot, to officials what it does to outcomes.

People read of methods, never of rules: that is the word of the code and of the theory of voting. Citizens read two
sentences on the ballot and on the result; officials choose by one sentence, and unfold the longer text.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from web.i18n import Language


@dataclass(frozen=True, slots=True)
class Explained:
    """One rule: its name, and three texts in the reader's language; the `essence` is one sentence."""

    name: str
    essence: str
    citizens: str
    officials: str


def explain(rule: str, lang: Language) -> Explained:
    """One rule; a rule that these pages do not know yet has its own name and no texts."""
    return explain_all(lang).get(rule) or Explained(rule, "", "", "")


def explain_all(lang: Language) -> Mapping[str, Explained]:
    """All rules, the simplest first."""
    return _named(lang) | _ranked(lang) | _graded(lang)


def _named(lang: Language) -> dict[str, Explained]:
    """Rules by which a ballot names answers."""
    gettext = lang.gettext
    return {
        "yes_no": Explained(
            gettext("Yes or no"),
            gettext("People vote yes, no or blank, and the larger of yes and no decides."),
            gettext("Yes wins with more votes than no. Blank votes count as participation only."),
            gettext(
                "For one question that can be accepted or rejected. It punishes questions that hold two things at "
                "once: who wants only half of it has no answer to give. Use another method as soon as there are three "
                "ways out."
            ),
        ),
        "single": Explained(
            gettext("Most votes"),
            gettext("People choose one answer, and the one with the most votes wins."),
            gettext("Each ballot counts for its first choice. The answer with the most votes wins."),
            gettext(
                "It rewards answers that stand alone and punishes those that resemble each other: they share their "
                "voters. With three answers or more, one that most people reject can win. Use it for two answers, or "
                "where little depends on it."
            ),
        ),
        "approval": Explained(
            gettext("Approval voting"),
            gettext("People tick every answer that they agree with, and the one with the most ticks wins."),
            gettext("Each ballot counts once for every answer on it. The answer with the most votes wins."),
            gettext(
                "It rewards answers that many people can live with, and similar answers take nothing from each other. "
                "It does not show whom somebody likes best. A good choice for three answers or more, and the easiest "
                "one to explain."
            ),
        ),
    }


def _ranked(lang: Language) -> dict[str, Explained]:
    """Rules by which a ballot ranks answers."""
    gettext = lang.gettext
    return {
        "irv": Explained(
            gettext("Instant-runoff voting"),
            gettext("People rank the answers, and the weakest one drops out round by round until one has a majority."),
            gettext(
                "Each ballot counts for its best answer that is still in the race. Round by round the answer with the "
                "fewest votes drops out, until one has more than half."
            ),
            gettext(
                "It rewards answers with many first places and punishes compromises that few people put first: those "
                "drop out early, even if a majority prefers them to every other answer. Ranking an answer higher can, "
                "in rare cases, make it lose. Use it where people know this way of counting."
            ),
        ),
        "schulze": Explained(
            gettext("Schulze method"),
            gettext("People rank the answers, and the one that beats each other one in a duel wins."),
            gettext(
                "Every two answers are compared: how many voters place the one above the other? Who beats each other "
                "answer wins; else the strongest chains of comparisons decide."
            ),
            gettext(
                "It rewards the answer that majorities prefer to each other one, often a compromise, and gives a whole "
                "order of answers. Similar answers do each other no harm. The count is hard to redo by hand, so "
                "plan to explain the table of comparisons."
            ),
        ),
    }


def _graded(lang: Language) -> dict[str, Explained]:
    """Rules by which a ballot grades answers."""
    gettext = lang.gettext
    return {
        "score": Explained(
            gettext("Score voting"),
            gettext("People give each answer 0 to 5 points, and the one with the most points wins."),
            gettext("Each ballot gives every answer 0 to 5 points. The answer with the most points wins."),
            gettext(
                "It rewards answers that people feel strongly about: one 5 counts as much as five times 1. Whoever "
                "gives only 0 and 5 has more influence than who uses the points in between. Use it to see how much "
                "support each of many ideas has."
            ),
        ),
        "majority_judgment": Explained(
            gettext("Majority judgment"),
            gettext("People judge each answer in words, and the one with the best middle grade wins."),
            gettext(
                "All grades of an answer are put in order and the one in the middle counts: more than half of the "
                "voters find the answer at least that good. The answer with the best middle grade wins; where two "
                "answers share it, the better and worse grades around it decide."
            ),
            gettext(
                "It rewards answers that most people find good, and extreme grades of a small group hardly move the "
                "middle. It punishes answers that divide people into two camps. An answer that most voters grade "
                "above another can still lose to it. Use it to judge ideas or names in words, each by itself."
            ),
        ),
    }
