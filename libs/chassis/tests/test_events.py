import json
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import orjson
import pytest
from chassis.clock import uuid7
from chassis.events import Undecodable, UnknownType, decode, encode
from contracts.identity import SessionCompromised
from contracts.tenancy import GovernmentRegistered
from hypothesis import given
from hypothesis import strategies as some

EVENT = SessionCompromised(
    person_id=UUID("0192aa00-0000-7000-8000-000000000001"), session_id=UUID("0192aa00-0000-7000-8000-000000000002")
)
ID = UUID("0192aa00-0000-7000-8000-000000000003")
TENANT = UUID("0192aa00-0000-7000-8000-000000000004")
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def dumped(value: object) -> bytes:
    return json.dumps(value).encode()


def body(**changes: object) -> bytes:
    envelope = orjson.loads(encode(EVENT, event_id=ID, tenant=TENANT, sequence=3, time=NOON))
    return orjson.dumps({name: value for name, value in (envelope | changes).items() if value is not None})


def test_an_event_travels_as_a_cloud_event() -> None:
    assert orjson.loads(body()) == {
        "specversion": "1.0",
        "id": str(ID),
        "source": "/identity",
        "type": "identity.session_compromised.v1",
        "subject": str(EVENT.person_id),
        "time": "2026-11-23T12:00:00+00:00",
        "datacontenttype": "application/json",
        "tenant": str(TENANT),
        "sequence": 3,
        "data": {"person_id": str(EVENT.person_id), "session_id": str(EVENT.session_id)},
    }


@given(some.uuids(), some.integers(0, 2**31 - 1), some.datetimes(timezones=some.just(timezone(timedelta(hours=2)))))
def test_what_is_encoded_is_what_is_decoded(tenant: UUID, sequence: int, time: datetime) -> None:
    event_id = uuid7()
    received = decode(encode(EVENT, event_id=event_id, tenant=tenant, sequence=sequence, time=time))
    assert (received.event, received.id, received.tenant) == (EVENT, event_id, tenant)
    assert (received.sequence, received.time) == (sequence, time)


def test_attributes_and_fields_that_we_do_not_know_are_ignored() -> None:
    data = {"person_id": str(EVENT.person_id), "session_id": str(EVENT.session_id), "added_later": [1]}
    assert decode(body(extension="of another", data=data, datacontenttype=None)).event == EVENT


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"specversion": "0.3"}, "specversion: string_pattern_mismatch"),
        ({"id": "seven"}, "id: uuid_parsing"),
        ({"tenant": None}, "tenant: missing"),
        ({"sequence": -1}, "sequence: greater_than_equal"),
        ({"time": "2026-11-23T12:00:00"}, "time: timezone_aware"),
        ({"data": None}, "data: missing"),
        ({"data": {"person_id": "anna@example.org"}}, "person_id: uuid_parsing; session_id: missing"),
        ({"type": "../../etc"}, "type: not an event type of ours"),
    ],
)
def test_a_message_that_is_no_event_of_ours_says_where_without_saying_what_it_held(
    changes: dict[str, object], reason: str
) -> None:
    with pytest.raises(Undecodable) as raised:
        decode(body(**changes))
    assert str(raised.value) == reason


def test_an_event_about_a_government_comes_in_an_envelope_of_that_government() -> None:
    facts = {"kind": "municipality", "slug": "leuven", "names": {"nl": "Leuven"}, "hosts": ("leuven.localhost",)}
    facts |= {"languages": ("nl",), "colour": "#7a1f3d"}
    told = {
        government: encode(
            GovernmentRegistered.model_validate(facts | {"government_id": government}),
            event_id=ID,
            tenant=TENANT,
            sequence=1,
            time=NOON,
        )
        for government in (TENANT, ID)
    }
    assert decode(told[TENANT]).event.subject == str(TENANT)
    with pytest.raises(Undecodable, match=r"^government_id: not the tenant of the envelope$"):
        decode(told[ID])


def test_a_type_that_is_not_in_the_table_may_be_known_to_a_newer_process() -> None:
    with pytest.raises(UnknownType, match=r"voting\.poll_reopened\.v2"):
        decode(body(type="voting.poll_reopened.v2"))


@given(some.binary() | some.recursive(some.none() | some.integers() | some.text(), some.lists).map(dumped))
def test_no_bytes_can_do_more_than_be_undecodable(anything: bytes) -> None:
    with pytest.raises(Undecodable):
        decode(anything)
