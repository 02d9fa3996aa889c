"""Asking for mails and stopping them."""

from uuid import uuid4

import pytest
from chassis.clock import uuid7
from chassis.db import tenant_session
from notifications.main import service
from notifications.stop_links import stop_token


@pytest.fixture
async def client(running):
    return await running(service)


async def topics(person):
    return [one["topic"] for one in (await person("GET", "/api/v1/subscriptions")).json["items"]]


async def test_a_person_asks_for_mails_asks_again_and_stops_them(client):
    person, topic = client.as_person(), f"poll-{uuid7()}"
    assert (await person("PUT", "/api/v1/subscriptions/polls")).status == 204
    assert (await person("PUT", f"/api/v1/subscriptions/{topic}")).status == 204
    assert (await person("PUT", f"/api/v1/subscriptions/{topic}")).status == 204
    assert await topics(person) == [topic, "polls"]
    for _ in range(2):
        assert (await person("DELETE", f"/api/v1/subscriptions/{topic}")).status == 204
    assert await topics(person) == ["polls"]


async def test_each_person_and_each_government_has_its_own(client):
    person = client.as_person()
    await person("PUT", "/api/v1/subscriptions/polls")
    assert await topics(client.as_person()) == []
    refused = await person.of(uuid4())("GET", "/api/v1/subscriptions")
    assert (refused.status, refused.json["code"]) == (401, "wrong_government")


async def test_bad_input_gets_a_clear_answer(client):
    person = client.as_person()
    assert (await client("GET", "/api/v1/subscriptions")).json["code"] == "not_signed_in"
    assert (await person("PUT", "/api/v1/subscriptions/ideas")).json["code"] == "no_such_topic"


async def test_a_link_in_a_mail_stops_that_topic_without_signing_in_and_only_when_posted(client, resources):
    person_id = uuid7()
    person = client.as_person(person_id)
    await person("PUT", "/api/v1/subscriptions/polls")
    async with tenant_session(resources.sessions, client.tenant) as session:
        token = await stop_token(session, person_id, "polls")
    assert (await client("GET", f"/api/v1/unsubscribe?token={token}")).json == {"topic": "polls"}
    assert await topics(person) == ["polls"]
    assert (await client("POST", f"/api/v1/unsubscribe?token={token}")).json == {"topic": "polls"}
    assert await topics(person) == []


async def test_a_link_of_another_government_or_a_forged_one_opens_nothing(client, resources):
    async with tenant_session(resources.sessions, client.tenant) as session:
        token = await stop_token(session, uuid7(), "polls")
    for wrong in (token[:-4] + "AAAA", "x", "%00", "é"):
        assert (await client("POST", f"/api/v1/unsubscribe?token={wrong}")).json["code"] == "bad_link"
    assert (await client.of(uuid4())("POST", f"/api/v1/unsubscribe?token={token}")).json["code"] == "bad_link"
