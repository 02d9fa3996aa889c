"""The audit trail: whole, in order, and nobody rewrites it."""

import asyncio
from datetime import timedelta
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import asyncpg
import pytest
from chassis.clock import utc_now
from identity.actions import audit, people
from identity.actions.audit import record
from identity.models import AuditEvent
from sqlalchemy import delete, text, update
from sqlalchemy.exc import DBAPIError


async def faults(world: Any) -> list[str]:
    async with world.session() as session:
        return [fault async for fault in audit.faults(session)]


async def write(world: Any, count: int) -> None:
    async with world.session() as session:
        for number in range(count):
            await record(session, "tried", now=utc_now(), actor=uuid4(), subject=uuid4(), text=f"é {number}", n=number)


async def as_superuser(world: Any, servers: Any, *statements: str) -> None:
    """What only somebody who owns the server can do."""
    database = world.client.settings.database_url.path.removeprefix("/")
    connection = await asyncpg.connect(servers.postgres_url, database=database)
    try:
        await connection.execute("ALTER TABLE audit_events DISABLE TRIGGER ALL")
        for statement in statements:
            await connection.execute(statement)
        await connection.execute("ALTER TABLE audit_events ENABLE TRIGGER ALL")
    finally:
        await connection.close()


async def test_a_chain_of_many_writers_at_once_is_whole(world: Any) -> None:
    await asyncio.gather(*(write(world, 3) for _ in range(10)))
    assert await faults(world) == []
    async with world.session() as session:
        count = (await session.execute(text("select count(*), max(number) from audit_events"))).one()
    assert tuple(count) == (30, 30)


async def test_each_government_has_a_chain_of_its_own(world: Any) -> None:
    other = uuid4()
    await write(world, 2)
    async with world.session(other) as session:
        await record(session, "tried", now=utc_now())
        numbers = (await session.scalars(text("select number from audit_events"))).all()
    assert numbers == [1]
    assert await faults(world) == []


@pytest.mark.parametrize(
    "statement",
    [
        update(AuditEvent).values(action="nothing"),
        delete(AuditEvent),
        text("truncate audit_events"),
    ],
)
async def test_the_service_cannot_rewrite_its_audit_trail(world: Any, statement: Any) -> None:
    await write(world, 1)
    with pytest.raises(DBAPIError) as refused:
        async with world.session() as session:
            await session.execute(statement)
    assert getattr(refused.value.orig, "sqlstate", None) == "42501"
    assert await faults(world) == []


async def test_not_even_the_owner_of_the_tables_rewrites_it_by_a_plain_statement(world: Any) -> None:
    await write(world, 1)
    owner = await asyncpg.connect(str(world.client.settings.migration_database_url))
    try:
        for statement in ("UPDATE audit_events SET action = ''", "DELETE FROM audit_events", "TRUNCATE audit_events"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError, match="append-only"):
                await owner.execute(statement)
    finally:
        await owner.close()


@pytest.mark.parametrize(
    ("tampering", "fault"),
    [
        ("UPDATE audit_events SET action = 'other' WHERE number = 2", "event 2 was changed"),
        ("UPDATE audit_events SET facts = '{}' WHERE number = 3", "event 3 was changed"),
        ("DELETE FROM audit_events WHERE number = 2", "event 2 is missing before 3"),
        ("DELETE FROM audit_events WHERE number = 4", "the chain should end at event 4, it ends at 3"),
        ("DELETE FROM audit_events", "the chain should end at event 4, it ends at 0"),
        ("DELETE FROM audit_heads", "the chain should end at event 0, it ends at 4"),
    ],
)
async def test_whoever_rewrites_it_with_force_is_seen(world: Any, servers: Any, tampering: str, fault: str) -> None:
    await write(world, 4)
    await as_superuser(world, servers, tampering)
    assert fault in await faults(world)


async def test_administrators_read_it_newest_first_in_pages(world: Any) -> None:
    async with world.session() as session:
        await people.invite(
            session, "an@example.com", ["administrator"], language="nl", by=people.Grantor(None), now=utc_now()
        )
    boss = await world.signed_in("an@example.com")
    me = (await boss("GET", "/api/v1/me")).json["person_id"]
    page = (await boss("GET", "/api/v1/audit?limit=2")).json
    assert [(item["number"], item["action"]) for item in page["items"]] == [(3, "signed_in"), (2, "role_granted")]
    assert page["items"][0]["actor_id"] == me
    assert page["items"][1]["facts"] == {"role": "administrator"}
    rest = (await boss("GET", f"/api/v1/audit?limit=2&cursor={page['next']}")).json
    assert [item["action"] for item in rest["items"]] == ["person_invited"]
    assert rest["next"] is None


async def test_administrators_find_what_somebody_did_and_what_was_done_to_them(world: Any) -> None:
    async with world.session() as session:
        boss_id, _ = await people.invite(
            session, "an@example.com", ["administrator"], language="nl", by=people.Grantor(None), now=utc_now()
        )
        await record(session, "poll_created", now=utc_now() - timedelta(days=2), actor=boss_id.id, subject=uuid4())
    boss = await world.signed_in("an@example.com")
    me = (await boss("GET", "/api/v1/me")).json["person_id"]

    async def found(query: str) -> list[str]:
        answer = await boss("GET", f"/api/v1/audit?{query}")
        assert answer.status == 200, answer.body
        return [item["action"] for item in answer.json["items"]]

    assert await found("action=poll_created&action=role_granted") == ["poll_created", "role_granted"]
    assert await found(f"person_id={me}") == ["signed_in", "poll_created", "role_granted", "person_invited"]
    assert await found(f"person_id={uuid4()}") == []
    yesterday = quote((utc_now() - timedelta(days=1)).isoformat())
    assert await found(f"until={yesterday}") == ["poll_created"]
    assert "poll_created" not in await found(f"since={yesterday}")
    (entry,) = (await boss("GET", "/api/v1/audit?action=role_granted")).json["items"]
    assert (entry["actor_email"], entry["subject_email"]) == (None, "an@example.com")


@pytest.mark.parametrize("query", ["action=Poll", "person_id=an", "since=yesterday", "until=2026-11-24T00:00:00"])
async def test_a_filter_that_cannot_be_read_is_refused(world: Any, query: str) -> None:
    async with world.session() as session:
        await people.invite(
            session, "an@example.com", ["administrator"], language="nl", by=people.Grantor(None), now=utc_now()
        )
    boss = await world.signed_in("an@example.com")
    assert (await boss("GET", f"/api/v1/audit?{query}")).status == 422
