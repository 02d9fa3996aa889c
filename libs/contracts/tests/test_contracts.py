from datetime import UTC, datetime
from uuid import UUID

import pytest
from contracts.base import TYPE, Event, event_types
from contracts.tenancy import GovernmentRegistered
from contracts.voting import PollOpened, PollOption
from pydantic import ValidationError

POLL = UUID("0192aa00-0000-7000-8000-000000000001")
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
OPENED = PollOpened(
    poll_id=POLL,
    status="open",
    titles={"nl": "Een park of een plein?", "fr": "Un parc ou une place ?"},
    rule="single",
    options=(PollOption(number=1, labels={"nl": "Park"}), PollOption(number=2, labels={"nl": "Plein"})),
    opens_at=NOON,
    closes_at=NOON.replace(day=30),
)


def test_every_type_is_found_by_its_name_and_comes_from_the_service_it_names() -> None:
    assert event_types()["voting.poll_opened.v1"] is PollOpened
    assert event_types()["tenancy.government_registered.v1"] is GovernmentRegistered
    assert PollOpened.service() == "voting"
    assert all(TYPE.fullmatch(name) and kind.type == name for name, kind in event_types().items())


def test_an_event_names_the_aggregate_it_is_about() -> None:
    assert OPENED.subject == str(POLL)


def test_an_event_survives_the_journey_as_json() -> None:
    assert PollOpened.model_validate_json(OPENED.model_dump_json()) == OPENED


def test_fields_that_a_newer_producer_adds_are_ignored() -> None:
    newer = OPENED.model_dump(mode="json") | {"turnout_of_the_district": 0.5}
    assert PollOpened.model_validate(newer) == OPENED


def test_an_event_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        OPENED.rule = "irv"  # type: ignore[misc]  # that is the point


@pytest.mark.parametrize("name", ["poll_opened", "voting.PollOpened.v1", "voting.poll_opened", "voting.poll_opened.v0"])
def test_a_type_that_is_not_service_fact_version_is_refused(name: str) -> None:
    with pytest.raises(TypeError, match="is no event type"):
        type("Odd", (Event,), {"__module__": __name__}, type=name)


def test_a_type_has_one_class() -> None:
    with pytest.raises(TypeError, match="already PollOpened"):
        type("Again", (Event,), {"__module__": __name__}, type="voting.poll_opened.v1")


@pytest.mark.parametrize("what", ["subject", "tenant"])
def test_a_subject_and_a_tenant_are_fields(what: str) -> None:
    with pytest.raises(TypeError, match="no field poll_id"):
        type("Lost", (Event,), {"__module__": __name__}, type="voting.poll_lost.v1", **{what: "poll_id"})


def test_what_tells_of_a_government_says_whose_it_is() -> None:
    assert {name for name, kind in event_types().items() if "government_id" in kind.model_fields} == {
        name for name, kind in event_types().items() if kind.tenant_field == "government_id"
    }


def test_times_without_a_zone_are_refused() -> None:
    with pytest.raises(ValidationError):
        PollOpened.model_validate(OPENED.model_dump(mode="json") | {"opens_at": "2026-11-23T12:00:00"})
