"""Topics, and what a mail about a poll says: pure."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from babel.lists import format_list
from chassis.local_time import LOCALES, moment
from chassis.refusals import Refused

from notifications.texts import TEXTS, Texts

ALL_POLLS = "polls"
POLL_TOPIC = re.compile(r"poll-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True)
class Letter:
    """A mail's words: plain text, one link to act and one to stop."""

    subject: str
    text: str


def check_topic(topic: str) -> None:
    """Refuse a topic that nothing is ever sent about."""
    if topic != ALL_POLLS and not POLL_TOPIC.fullmatch(topic):
        raise Refused("no_such_topic", status=404, topic=topic)


def topics_of(poll_id: UUID) -> tuple[str, str]:
    """The topics under which a poll's mails go out."""
    return ALL_POLLS, f"poll-{poll_id}"


def in_language(texts: Mapping[str, str], language: str, fallbacks: Sequence[str] = ()) -> str:
    """A text in a language, or in the first fallback that has it, or in any."""
    for wanted in (language, *fallbacks):
        if texts.get(wanted):
            return texts[wanted]
    return next(iter(texts.values()), "")


def letter(
    kind: str, poll: Mapping[str, Any], *, language: str, government: str, link: str, stop_link: str, now: datetime
) -> Letter:
    """The mail of a kind about a poll, as its event described it."""
    texts = TEXTS[language]
    title = in_language(poll["titles"], language)
    if kind == "poll_opened":
        closes = moment(datetime.fromisoformat(poll["closes_at"]), language, now=now)
        body = texts.opened.format(title=title, government=government, closes=closes)
        subject = texts.opened_subject.format(title=title)
    else:
        body = texts.published.format(title=title, government=government, outcome=outcome(poll, language, texts))
        subject = texts.published_subject.format(title=title)
    action = texts.vote_here if kind == "poll_opened" else texts.see_result
    return Letter(subject, f"{texts.greeting}\n\n{body}\n\n{action}\n{link}\n\n{texts.why}\n{stop_link}\n")


def is_stale(kind: str, poll: Mapping[str, Any], *, now: datetime) -> bool:
    """Whether a mail comes too late to be of use: that a poll is open, once it has closed."""
    return kind == "poll_opened" and datetime.fromisoformat(poll["closes_at"]) <= now


def outcome(poll: Mapping[str, Any], language: str, texts: Texts) -> str:
    """The result in one sentence: who or what won, or between which a tie stands, and how many took part."""
    labels = {option["number"]: in_language(option["labels"], language) for option in poll["options"]}
    winners = [labels[number] for number in poll["winners"]]
    named = format_list(winners, locale=LOCALES[language]) if winners else ""
    template = texts.nobody if not winners else texts.tie if poll["tied"] else texts.won
    return template.format(winners=named, ballots=poll.get("ballots") or 0)
