"""The policy that keeps governments apart costs no query its index."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

POLLS_OF_A_BATCH = """
    select 1 from unnest(array[$1::uuid], array[$2::uuid]) as asked (t, p)
    join polls on polls.tenant_id = asked.t and polls.id = asked.p
    where status in ('scheduled', 'open') and opens_at <= clock_timestamp() order by 1 for share of polls
"""

MY_VOTES = """
    select votes.*, polls.* from unnest(array[$2::uuid], array['\\x00'::bytea]) as mine (poll_id, voter)
    join votes on votes.poll_id = mine.poll_id and votes.voter = mine.voter
    join polls on polls.tenant_id = votes.tenant_id and polls.id = votes.poll_id
    where votes.tenant_id = $1 order by polls.id desc limit 21
"""
LIVING_KEYS = """
    select subject, wrapped from data_keys where tenant_id = $1 and purpose = 'poll' and wrapped is not null
    and subject <> $2::uuid::text order by subject desc limit 500
"""


@pytest.fixture
async def login(town: Any) -> AsyncIterator[asyncpg.Connection]:
    """A connection as the service makes it."""
    connection = await asyncpg.connect(str(town.visitor.settings.database_url).replace("+asyncpg", ""))
    yield connection
    await connection.close()


@pytest.mark.parametrize(
    ("query", "index"),
    [
        ("select * from polls where tenant_id = $1 and id = $2", "pk_polls"),
        ("select * from polls where tenant_id = $1 and id < $2 order by id desc limit 20", "pk_polls"),
        ("select * from votes where tenant_id = $1 and poll_id = $2 and voter = '\\x00'", "pk_votes"),
        ("select choices, count(*) from votes where tenant_id = $1 and poll_id = $2 group by choices", "pk_votes"),
        (POLLS_OF_A_BATCH, "pk_polls"),
        ("select count(*) from votes where tenant_id = $1 and poll_id = $2", "pk_votes"),
        (MY_VOTES, "pk_votes"),
        (LIVING_KEYS, "pk_data_keys"),
    ],
)
async def test_under_the_policy_queries_still_find_their_rows_by_the_primary_key(
    town: Any, login: asyncpg.Connection, query: str, index: str
) -> None:
    tenants = [uuid4() for _ in range(64)]
    await town.owner.execute(
        "insert into polls (tenant_id, id, version, status, titles, descriptions, rule, compared_with, level,"
        " opens_at, closes_at, notices, created_by, changed_at)"
        " select tenant, gen_random_uuid(), 1, 'open', '{}', '{}', 'single', '{}', 1,"
        " now(), now() + interval '1 day', '[]', tenant, now()"
        " from unnest($1::uuid[]) as tenant, generate_series(1, 40)",
        tenants,
    )
    await town.owner.execute(
        "insert into votes select tenant_id, id, sha256(i::text::bytea), '[1]', now()"
        " from (select * from polls limit 60) as polls, generate_series(1, 100) as i"
    )
    await town.owner.execute(
        "insert into data_keys (tenant_id, purpose, subject, kek_version, wrapped)"
        " select tenant_id, 'poll', id::text, '1', '\\x00' from polls"
    )
    await town.owner.execute("analyze polls, votes, data_keys")
    poll_id = await town.owner.fetchval("select id from polls where tenant_id = $1 limit 1", tenants[0])
    async with login.transaction():
        await login.execute("select set_config('app.tenant_ids', $1, true)", ",".join(map(str, tenants)))
        plan = "\n".join(row[0] for row in await login.fetch(f"explain {query}", tenants[0], poll_id))
    conditions = [line for line in plan.splitlines() if "Index Cond" in line]
    assert index in plan
    assert any("tenant_id" in line for line in conditions), plan
    assert "Seq Scan" not in plan
    assert "InitPlan" in plan  # the setting is looked at once, not for each row
