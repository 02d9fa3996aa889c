"""What a mail says, in four languages."""

from datetime import UTC, datetime

import pytest
from chassis.refusals import Refused
from notifications import rules
from notifications.texts import TEXTS

NOW = datetime(2026, 11, 23, tzinfo=UTC)
POLL = {
    "poll_id": "0198a1de-0000-7000-8000-000000000001",
    "titles": {"nl": "Een autovrij dorpsplein?", "fr": "Une place sans voitures ?"},
    "options": [
        {"number": 1, "labels": {"nl": "Ja", "fr": "Oui"}},
        {"number": 2, "labels": {"nl": "Nee", "fr": "Non"}},
    ],
    "closes_at": "2026-12-06T19:00:00+00:00",
    "winners": [1],
    "tied": False,
    "ballots": 1284,
}


def letter(kind, language, **changes):
    return rules.letter(
        kind,
        POLL | changes,
        language=language,
        government="Leuven",
        link="https://x.be/a",
        stop_link="https://x.be/b",
        now=NOW,
    )


def test_a_mail_about_an_open_poll_says_until_when_and_where():
    mail = letter("poll_opened", "nl")
    assert mail.subject == "U kunt stemmen: Een autovrij dorpsplein?"
    assert "U kunt stemmen tot zondag 6 december om 20.00 uur." in mail.text
    assert "https://x.be/a" in mail.text
    assert mail.text.rstrip().endswith("https://x.be/b")


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({}, "Le résultat : Oui. Nombre de votes exprimés : 1284."),
        ({"winners": [1, 2], "tied": True}, "Égalité entre Oui et Non. Nombre de votes exprimés : 1284."),
        ({"winners": [], "ballots": 0}, "Il n’y a pas de vainqueur. Nombre de votes exprimés : 0."),
    ],
)
def test_a_mail_about_a_result_names_the_winner_the_tie_or_nobody(changes, sentence):
    assert sentence in letter("result_published", "fr", **changes).text


@pytest.mark.parametrize("language", TEXTS)
@pytest.mark.parametrize("kind", ["poll_opened", "result_published"])
def test_no_brace_is_left_in_any_mail(kind, language):
    mail = letter(kind, language)
    assert not set("{}") & set(mail.subject + mail.text)


def test_a_title_that_is_not_translated_appears_in_a_language_that_it_has():
    assert "dorpsplein" in letter("poll_opened", "de").subject


@pytest.mark.parametrize("topic", ["", "poll-", "poll-1", "ideas", "poll-" + "0" * 36])
def test_there_are_no_other_topics(topic):
    with pytest.raises(Refused, match="no_such_topic"):
        rules.check_topic(topic)
