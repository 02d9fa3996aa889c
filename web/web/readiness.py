"""Whether a draft is ready to be announced: what is missing, what looks like a slip, and how complete each language is.

Errors keep a draft from being announced (the voting service would refuse it); warnings do not, and say why they matter.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from web import api
from web.i18n import Language
from web.wall_clock import on_the_wall

FEWEST = 2
SHORT, LONG = timedelta(days=7), timedelta(days=90)
SATURDAY, SUNDAY = 5, 6
MORNING, EVENING, NIGHT = 7, 18, 22  # hours on the wall
RANKED = frozenset({"irv", "schulze"})
Step = Literal["question", "answers", "when"]
Named = tuple[Step, str, api.Multiloc]  # where a text is written, what it is, and the text by language


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to look at, and the step where it is mended."""

    blocking: bool
    step: Step
    words: str


@dataclass(frozen=True, slots=True)
class Completeness:
    """How many of a draft's texts there are in one language, and which are missing."""

    tag: str
    have: int
    missing: Sequence[tuple[Step, str]]

    @property
    def complete(self) -> bool:
        return not self.missing

    @property
    def of(self) -> int:
        return self.have + len(self.missing)


def errors_in(poll: api.Poll, lang: Language, now: datetime) -> list[Finding]:
    """What keeps a draft from being announced."""
    return [Finding(blocking=True, step=step, words=words) for step, words in _errors(poll, lang, now)]


def warnings_in(poll: api.Poll, languages: Sequence[str], lang: Language, now: datetime) -> list[Finding]:
    """What is allowed and may be a slip."""
    found = [*_untranslated(poll, languages, lang), *_texts(poll, lang), *_times(poll, lang, now)]
    return [Finding(blocking=False, step=step, words=words) for step, words in found]


def completeness(poll: api.Poll, languages: Sequence[str], lang: Language) -> list[Completeness]:
    """For each language: the texts that the draft has in any language, and the answers that it needs and lacks."""
    return _completeness([*_written_texts(poll, lang), *_answers_to_come(poll, lang)], languages)


def _completeness(texts: Sequence[Named], languages: Sequence[str]) -> list[Completeness]:
    return [
        Completeness(
            tag,
            sum(1 for _, _, words in texts if words.get(tag)),
            [(step, name) for step, name, words in texts if not words.get(tag)],
        )
        for tag in languages
    ]


def _written_texts(poll: api.Poll, lang: Language) -> list[Named]:
    """A text that is in no language is not missing: it was left out."""
    return [text for text in _all_texts(poll, lang) if any(text[2].values())]


def _answers_to_come(poll: api.Poll, lang: Language) -> list[Named]:
    """The answers without which a poll cannot be announced."""
    if poll.rule == "yes_no":
        return []
    places = range(len(poll.options) + 1, FEWEST + 1)
    return [("answers", lang.gettext("answer %(n)s") % {"n": place}, {}) for place in places]


def _all_texts(poll: api.Poll, lang: Language) -> Iterator[Named]:
    gettext = lang.gettext
    yield "question", gettext("title"), poll.titles
    yield "question", gettext("question"), poll.questions or {}
    yield "question", gettext("explanation"), poll.descriptions
    if poll.rule == "yes_no":  # its answers are the platform's own
        return
    for place, option in enumerate(poll.options, start=1):
        yield "answers", gettext("answer %(n)s") % {"n": place}, option.labels
        yield "answers", gettext("explanation of answer %(n)s") % {"n": place}, option.descriptions


def _errors(poll: api.Poll, lang: Language, now: datetime) -> Iterator[tuple[Step, str]]:
    gettext = lang.gettext
    if len(poll.options) < FEWEST:
        yield "answers", gettext("There are fewer than two answers to choose from.")
    if not (poll.opens_at and poll.closes_at):
        yield "when", gettext("It is not said yet when the poll opens and closes.")
    elif poll.closes_at <= now:
        yield "when", gettext("The closing time has passed.")


def _untranslated(poll: api.Poll, languages: Sequence[str], lang: Language) -> Iterator[tuple[Step, str]]:
    words = lang.gettext("Not in %(language)s yet: %(texts)s. Citizens then read another language.")
    for one in _completeness(_written_texts(poll, lang), languages):  # that answers are missing is an error, said once
        steps: tuple[Step, ...] = ("question", "answers")
        for step in steps:
            names = [name for where, name in one.missing if where == step]
            if names:
                yield step, words % {"language": lang.name_of(one.tag), "texts": ", ".join(names)}


def _texts(poll: api.Poll, lang: Language) -> Iterator[tuple[Step, str]]:
    gettext = lang.gettext
    if not any(poll.descriptions.values()):
        yield "question", gettext("There is no explanation: citizens do not read why you ask and what happens with it.")
    labels = [text.casefold() for option in poll.options for text in set(option.labels.values())]
    if len(labels) > len(set(labels)):
        yield "answers", gettext("Two answers have the same text.")
    if poll.rule in RANKED and len(poll.options) == FEWEST:
        yield "question", gettext("With two answers nothing is gained by ranking: “Most votes” asks less of citizens.")


def _times(poll: api.Poll, lang: Language, now: datetime) -> Iterator[tuple[Step, str]]:
    gettext = lang.gettext
    if not (poll.opens_at and poll.closes_at) or poll.closes_at <= now:
        return
    length = poll.closes_at - max(poll.opens_at, now)
    if length < SHORT:
        yield "when", gettext("The poll is open for less than a week: people on holiday or ill cannot take part.")
    if length > LONG:
        yield "when", gettext("The poll is open for more than three months: many people forget it before it closes.")
    closes = on_the_wall(poll.closes_at)
    if closes.weekday() == SUNDAY and closes.hour >= EVENING:
        yield "when", gettext("The poll closes on a Sunday night: nobody is there to help people at the last moment.")
    elif closes.weekday() in {SATURDAY, SUNDAY}:
        yield "when", gettext("The poll closes at the weekend: make sure that somebody can help people then.")
    elif closes.hour >= NIGHT or closes.hour < MORNING:
        yield "when", gettext("The poll closes at night: make sure that somebody can help people until then.")
