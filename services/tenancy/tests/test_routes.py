"""The register over HTTP, and what it tells the other services."""

import asyncio
import json
import os
import subprocess
import sys
from uuid import UUID, uuid4

import pytest
from chassis.auth import PLATFORM
from chassis.clock import utc_now
from chassis.db import create_engine, session_maker, tenant_session
from chassis.refusals import Refused
from sqlalchemy import text
from tenancy import actions, queries
from tenancy.main import service

LEUVEN = {
    "kind": "municipality",
    "slug": "leuven",
    "names": {"nl": "Leuven", "fr": "Louvain"},
    "hosts": ("leuven.localhost",),
    "languages": ["nl", "fr"],
    "colour": "#7a1f3d",
}


@pytest.fixture
async def client(running):
    return await running(service)


@pytest.fixture
async def sessions(client):
    engine = create_engine(str(client.settings.database_url))
    yield session_maker(engine)
    await engine.dispose()


async def register(sessions, tenant, **facts):
    async with tenant_session(sessions, tenant) as session:
        await actions.register(session, tenant, LEUVEN | facts, now=utc_now())


async def told(sessions):
    async with tenant_session(sessions) as session:
        rows = await session.execute(text("select type, sequence, body from outbox order by id"))
        return [(type_, sequence, json.loads(body)["data"]) for type_, sequence, body in rows]


async def test_a_visitor_learns_which_government_this_host_is(client, sessions):
    await register(sessions, client.tenant)
    answer = await client("GET", "/api/v1/government")
    assert (answer.status, answer.json["names"]["nl"], answer.json["colour"]) == (200, "Leuven", "#7a1f3d")
    assert (await client.of(uuid4())("GET", "/api/v1/government")).status == 404


async def test_only_an_operator_of_the_platform_sees_every_government(client, sessions):
    await register(sessions, client.tenant)
    assert (await client("GET", "/api/v1/governments")).status == 401
    refused = await client.as_person(None, "administrator")("GET", "/api/v1/governments")
    assert (refused.status, refused.json["missing"]) == (403, [{"need": "role", "any_of": ["operator"]}])
    operator = await client.of(PLATFORM).as_person(None, "operator")("GET", "/api/v1/governments")
    assert [one["slug"] for one in operator.json["items"]] == ["leuven"]


async def test_a_role_named_operator_in_a_government_opens_nothing(client, sessions):
    await register(sessions, client.tenant)
    answer = await client.as_person(None, "operator")("GET", "/api/v1/governments")
    assert (answer.status, answer.json["code"]) == (403, "forbidden")


async def test_the_gateway_gets_the_list_again_only_when_something_changed(client, sessions):
    await register(sessions, client.tenant)
    first = await client("GET", "/internal/v1/governments")
    assert [one["hosts"] for one in first.json["items"]] == [["leuven.localhost"]]
    again = await client("GET", "/internal/v1/governments", **{"if-none-match": first.headers["etag"]})
    assert (again.status, again.body) == (304, b"")
    async with tenant_session(sessions, client.tenant) as session:
        government = await queries.by_slug(session, "leuven")
        await actions.change(session, government, {"hosts": ("leuven.localhost", "inspraak.leuven.be")})
    changed = await client("GET", "/internal/v1/governments", **{"if-none-match": first.headers["etag"]})
    assert changed.json["items"][0]["hosts"] == ["inspraak.leuven.be", "leuven.localhost"]


async def test_the_others_are_told_of_a_new_government_and_of_each_change_once(client, sessions):
    await register(sessions, client.tenant)
    for _ in range(2):
        async with tenant_session(sessions, client.tenant) as session:
            await actions.change(session, await queries.by_slug(session, "leuven"), {"colour": "#004b87"})
    events = await told(sessions)
    assert [(type_, sequence) for type_, sequence, _ in events] == [
        ("tenancy.government_registered.v1", 1),
        ("tenancy.government_changed.v1", 2),
    ]
    assert events[1][2]["colour"] == "#004b87"
    assert events[1][2]["names"] == {"nl": "Leuven", "fr": "Louvain"}


async def test_a_refused_change_leaves_everything_as_it_was(client, sessions):
    await register(sessions, client.tenant)
    with pytest.raises(Refused, match="bad_colour"):
        async with tenant_session(sessions, client.tenant) as session:
            await actions.change(session, await queries.by_slug(session, "leuven"), {"colour": "red"})
    assert (await client("GET", "/api/v1/government")).json["colour"] == "#7a1f3d"
    assert len(await told(sessions)) == 1


async def test_administrators_change_how_their_government_presents_itself(client, sessions):
    await register(sessions, client.tenant)
    person = uuid4()
    boss = client.as_person(person, "administrator")
    facts = {"colour": "#004B87", "languages": ["fr", "nl"], "contact_email": "inspraak@leuven.example"}
    changed = await boss("PATCH", "/api/v1/government", facts)
    assert (changed.status, changed.json["colour"], changed.json["languages"]) == (200, "#004b87", ["fr", "nl"])
    assert changed.json["names"] == LEUVEN["names"]
    assert (await client("GET", "/api/v1/government")).json == changed.json
    _, government, settings = await told(sessions)
    assert (government[0], government[2]["contact_email"]) == (
        "tenancy.government_changed.v1",
        "inspraak@leuven.example",
    )
    assert settings[0] == "tenancy.settings_changed.v1"
    assert (settings[2]["person_id"], sorted(settings[2]["settings"])) == (str(person), sorted(facts))
    await boss("PATCH", "/api/v1/government", facts)
    assert len(await told(sessions)) == 3, "what changes nothing is told to nobody"


async def test_a_setting_that_another_administrator_changed_meanwhile_is_not_undone_unknowingly(client, sessions):
    await register(sessions, client.tenant)
    boss = client.as_person(None, "administrator")
    seen = {"colour": "#7a1f3d", "languages": ["nl", "fr"], "names": LEUVEN["names"], "contact_email": None}
    first = await boss("PATCH", "/api/v1/government", {"colour": "#004b87", "seen": seen})
    assert first.status == 200
    refused = await boss("PATCH", "/api/v1/government", {"colour": "#ffcc00", "languages": ["nl"], "seen": seen})
    assert (refused.status, refused.json["code"]) == (409, "changed_meanwhile")
    assert refused.json["settings"] == {"colour": "#004b87"}
    assert (await client("GET", "/api/v1/government")).json == first.json
    others = await boss("PATCH", "/api/v1/government", {"languages": ["nl"], "contact_email": "a@b.be", "seen": seen})
    assert (others.status, others.json["colour"]) == (200, "#004b87"), "what one does not change is not compared"
    knowing = await boss("PATCH", "/api/v1/government", {"colour": "#ffcc00", "seen": refused.json["settings"]})
    assert (knowing.status, knowing.json["colour"]) == (200, "#ffcc00")


@pytest.mark.parametrize(
    ("facts", "code"),
    [
        ({"languages": ["en", "nl"]}, "name_missing"),
        ({"languages": ["nl", "nl"]}, "bad_languages"),
        ({"languages": []}, "invalid"),
        ({"languages": ["es"]}, "invalid"),
        ({"names": {}}, "invalid"),
        ({"names": {"nl": " "}}, "invalid"),
        ({"names": {"nl": "a\nb"}}, "invalid"),
        ({"names": {"fr": "Louvain"}}, "name_missing"),
        ({"colour": "red"}, "invalid"),
        ({"colour": None}, "invalid"),
        ({"contact_email": "nobody"}, "bad_contact_email"),
        ({"contact_email": "a b@example.org"}, "bad_contact_email"),
        ({"hosts": ["gent.localhost"]}, "invalid"),
        ({"slug": "gent"}, "invalid"),
        ({"active": False}, "invalid"),
        ({"colour": "#004b87", "seen": {"hosts": []}}, "invalid"),
    ],
)
async def test_a_setting_that_cannot_be_is_refused_and_changes_nothing(client, sessions, facts, code):
    await register(sessions, client.tenant)
    refused = await client.as_person(None, "administrator")("PATCH", "/api/v1/government", facts)
    assert (refused.status, refused.json["code"]) == (422, code)
    assert (await client("GET", "/api/v1/government")).json["names"] == LEUVEN["names"]
    assert len(await told(sessions)) == 1


async def test_only_administrators_change_their_government_and_no_other(client, sessions):
    await register(sessions, client.tenant)
    assert (await client("PATCH", "/api/v1/government", {"colour": "#004b87"})).status == 401
    for role in ("participant", "project_manager", "moderator", "operator"):
        assert (await client.as_person(None, role)("PATCH", "/api/v1/government", {"colour": "#004b87"})).status == 403
    nowhere = await client.of(uuid4()).as_person(None, "administrator")("PATCH", "/api/v1/government", {})
    assert (nowhere.status, nowhere.json["code"]) == (404, "no_such_government")


async def test_who_does_not_come_through_the_gateway_is_refused(client):
    answer = await client("GET", "/api/v1/government", **{"x-inspraak-key": "wrong"})
    assert (answer.status, answer.json["code"]) == (403, "not_through_the_gateway")


def environment(client):
    settings = client.settings
    return os.environ | {
        "INSPRAAK_ENVIRONMENT": "test",
        "INSPRAAK_DATABASE_URL": str(settings.database_url),
        "INSPRAAK_AMQP_URL": str(settings.amqp_url),
    }


async def tenancy(client, *arguments):
    command = [sys.executable, "-c", "from tenancy.main import cli; cli()", *arguments]
    return await asyncio.to_thread(
        subprocess.run, command, env=environment(client), capture_output=True, text=True, check=False, timeout=60
    )


async def test_governments_are_made_changed_and_listed_by_command(client):
    made = await tenancy(client, "register", "--slug", "gent", "--name-nl", "Gent", "--host", "gent.localhost")
    assert made.returncode == 0, made.stderr
    tenant = UUID(made.stdout.strip())
    changed = await tenancy(client, "change", "--slug", "gent", "--name-fr", "Gand", "--languages", "nl,fr")
    assert changed.returncode == 0, changed.stderr
    listed = await tenancy(client, "list")
    assert listed.stdout.split() == [str(tenant), "gent", "Gent"]
    answer = await client.of(tenant)("GET", "/api/v1/government")
    assert answer.json["names"] == {"nl": "Gent", "fr": "Gand"}


async def test_a_host_or_slug_that_is_taken_is_refused_with_its_reason(client):
    assert (await tenancy(client, "register", "--slug", "a", "--name-nl", "A", "--host", "a.be")).returncode == 0
    host = await tenancy(client, "register", "--slug", "b", "--name-nl", "B", "--host", "a.be")
    slug = await tenancy(client, "register", "--slug", "a", "--name-nl", "A", "--host", "c.be")
    assert (host.returncode, "host_taken" in host.stderr) == (1, True)
    assert (slug.returncode, "slug_taken" in slug.stderr) == (1, True)
