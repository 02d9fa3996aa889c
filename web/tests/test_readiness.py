"""What is said of a draft before it is announced."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

from hypothesis import given
from hypothesis import strategies as st
from web.i18n import LANGUAGES, language

from web import api, readiness

NL = language("nl")
NOW = datetime(2027, 6, 1, 10, tzinfo=UTC)
TEXTS = st.dictionaries(st.sampled_from(LANGUAGES), st.text(min_size=1, max_size=5))
MOMENTS = st.none() | st.datetimes(datetime(2027, 1, 1), datetime(2028, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
OPTIONS = st.lists(st.tuples(TEXTS, TEXTS), max_size=4)
DRAFTS = st.builds(
    lambda titles, texts, options, times, rule: api.Poll(
        poll_id=uuid4(),
        status="draft",
        titles=titles,
        descriptions=texts,
        rule=rule,
        options=[api.Option(number=n, labels=one, descriptions=two) for n, (one, two) in enumerate(options, 1)],
        opens_at=times[0],
        closes_at=times[1],
    ),
    TEXTS,
    TEXTS,
    OPTIONS,
    st.tuples(MOMENTS, MOMENTS),
    st.sampled_from(["single", "approval", "irv", "schulze"]),
)


def draft(**facts):
    given_facts = {
        "poll_id": uuid4(),
        "status": "draft",
        "titles": {"nl": "Plein", "fr": "Place"},
        "descriptions": {"nl": "Uitleg", "fr": "Explication"},
        "rule": "single",
        "options": [{"number": n, "labels": {"nl": f"a{n}", "fr": f"b{n}"}, "descriptions": {}} for n in (1, 2, 3)],
        "opens_at": NOW + timedelta(days=1),
        "closes_at": NOW + timedelta(days=20),  # a Monday at noon
    }
    return api.Poll.model_validate(given_facts | facts)


def words(poll, *, languages=("nl", "fr")):
    found = [*readiness.errors_in(poll, NL, NOW), *readiness.warnings_in(poll, languages, NL, NOW)]
    return " ".join(finding.words for finding in found)


def test_a_complete_draft_has_nothing_to_look_at():
    assert words(draft()) == ""


@given(DRAFTS)
def test_what_keeps_a_draft_from_being_announced_is_found_and_nothing_else_blocks(poll):
    errors = readiness.errors_in(poll, NL, NOW)
    fit = len(poll.options) >= 2 and poll.opens_at and poll.closes_at and poll.closes_at > NOW
    assert bool(errors) == (not fit)
    assert all(finding.blocking and finding.words for finding in errors)
    assert not any(finding.blocking for finding in readiness.warnings_in(poll, LANGUAGES, NL, NOW))


@given(DRAFTS)
def test_every_text_is_there_or_missing_in_each_language(poll):
    for one in readiness.completeness(poll, LANGUAGES, NL):
        texts = [poll.titles, poll.descriptions, *(t for o in poll.options for t in (o.labels, o.descriptions))]
        lacking = 0 if poll.rule == "yes_no" else max(0, 2 - len(poll.options))
        assert one.of == sum(1 for text in texts if any(text.values())) + lacking
        assert one.have == sum(1 for text in texts if text.get(one.tag))


def test_a_draft_without_its_answers_is_complete_in_no_language_and_says_so_once():
    poll = draft(titles={"nl": "Plein", "fr": "Place"}, options=[])
    assert [(one.have, one.of) for one in readiness.completeness(poll, ["nl", "fr"], NL)] == [(2, 4), (2, 4)]
    assert "antwoord" not in words(poll).replace("minder dan twee antwoorden", "")


def test_a_missing_translation_says_which_texts_and_what_citizens_read_then():
    found = words(draft(titles={"nl": "Plein"}))
    assert "Nog niet in het Frans: titel." in found
    assert "Burgers lezen dan een andere taal." in found


def test_slips_in_the_times_are_named():
    sunday_night = datetime(2027, 6, 20, 20, tzinfo=UTC)
    assert "zondagavond" in words(draft(closes_at=sunday_night))
    assert "weekend" in words(draft(closes_at=datetime(2027, 6, 19, 10, tzinfo=UTC)))
    assert "’s nachts" in words(draft(closes_at=datetime(2027, 6, 16, 21, tzinfo=UTC)))
    assert "minder dan een week" in words(draft(closes_at=NOW + timedelta(days=6)))
    assert "drie maanden" in words(draft(closes_at=NOW + timedelta(days=98)))


def test_slips_in_the_texts_are_named():
    assert "geen uitleg" in words(draft(descriptions={}))
    same = [{"number": n, "labels": {"nl": "Ja", "fr": "Oui"}, "descriptions": {}} for n in (1, 2)]
    assert "dezelfde tekst" in words(draft(options=same))
    assert "rangschikken" in words(draft(rule="irv", options=draft().model_dump()["options"][:2]))
