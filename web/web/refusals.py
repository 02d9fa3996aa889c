"""What the API refuses officials, said in their language: the field that it is about, and a sentence.

Other codes have no sentence here: whoever gets one shows the page for that failure (web.failures).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from web.i18n import Language

Facts = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Told:
    """A refusal in words; `field` is empty where it is about no single one."""

    field: str
    sentence: str


def told(code: str, facts: Facts, lang: Language) -> Told | None:
    """A refused form in words, or nothing."""
    found = TERMS.get(code) or TIMES.get(code) or REASONS.get(code)
    return None if found is None else Told(found[0], found[1](lang, facts))


def overtaken(code: str, lang: Language) -> str | None:
    """Why something is no longer possible since somebody else, or the clock, was faster; nothing for other refusals."""
    gettext = lang.gettext
    return {
        "changed_meanwhile": gettext("Somebody else has changed this poll since you opened the page."),
        "poll_frozen": gettext("This poll has been announced meanwhile, so it can no longer be changed."),
        "not_a_draft": gettext("This poll has been announced meanwhile."),
        "poll_not_running": gettext("This poll has ended meanwhile."),
        "poll_not_open": gettext("This poll is not open, or has closed meanwhile."),
        "poll_not_closed": gettext("This poll is not closed, or its result has been published meanwhile."),
    }.get(code)


Words = Callable[[Language, Facts], str]


def _plain(mark: Callable[[Language], str]) -> Words:
    return lambda lang, _: mark(lang)


def _options(lang: Language, facts: Facts) -> str:
    words = lang.gettext("A poll needs from %(least)s to %(most)s answers")
    return words % {"least": facts.get("least", 2), "most": facts.get("most", 100)}


def _choices(lang: Language, facts: Facts) -> str:
    words = lang.gettext("Choose a number from 1 to %(most)s: there are no more answers")
    return words % {"most": facts.get("most", "?")}


def _reason(lang: Language, facts: Facts) -> str:
    missing = ", ".join(lang.name_of(str(tag)) for tag in facts.get("languages", []))
    words = lang.gettext("Give the reason in each language of the poll. Missing: %(languages)s")
    return words % {"languages": missing or "–"}


TERMS: Mapping[str, tuple[str, Words]] = {
    "options_are_fixed": ("rule", _plain(lambda lang: lang.gettext("A yes or no question has its own two answers"))),
    "wrong_number_of_options": ("options", _options),
    "max_choices_not_used": (
        "max_choices",
        _plain(lambda lang: lang.gettext("This method has no limit on the number of answers")),
    ),
    "wrong_max_choices": ("max_choices", _choices),
    "rules_read_different_ballots": (
        "compared_with",
        _plain(lambda lang: lang.gettext("These methods need different ballots, so they cannot be compared")),
    ),
    "rule_compared_twice": (
        "compared_with",
        _plain(lambda lang: lang.gettext("A method cannot be compared with itself")),
    ),
}
TIMES: Mapping[str, tuple[str, Words]] = {
    "opens_after_closing": (
        "closes_at",
        _plain(lambda lang: lang.gettext("The poll must close after it opens. Choose a later closing time")),
    ),
    "closes_in_the_past": (
        "closes_at",
        _plain(lambda lang: lang.gettext("This closing time has passed. Choose a later one")),
    ),
    "times_missing": ("opens_at", _plain(lambda lang: lang.gettext("Say when the poll opens and closes"))),
    "not_later": (
        "closes_at",
        _plain(lambda lang: lang.gettext("Choose a time later than the present closing time")),
    ),
    "local_time_does_not_exist": (
        "closes_at",
        _plain(lambda lang: lang.gettext("This time does not exist, since the clocks go forward. Choose another one")),
    ),
    "local_time_is_ambiguous": (
        "closes_at",
        _plain(lambda lang: lang.gettext("The clocks show this time twice. Choose another one")),
    ),
    "time_out_of_range": ("closes_at", _plain(lambda lang: lang.gettext("This is no date and time"))),
}
REASONS: Mapping[str, tuple[str, Words]] = {"reason_missing": ("reason", _reason)}
