"""The commands, as their console script runs them."""

import asyncio
import contextlib
import io
import stat
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
from chassis.auth import PLATFORM
from identity.main import cli

PEOPLE = 500


@dataclass
class Ended:
    code: int
    out: str
    err: str


Identity = Callable[..., Awaitable[Ended]]


@pytest.fixture
def identity(world: Any, monkeypatch: pytest.MonkeyPatch) -> Identity:
    """Runs the console script's function in the settings of the service that is tested."""
    settings = world.client.settings
    monkeypatch.setenv("INSPRAAK_ENVIRONMENT", "test")
    monkeypatch.setenv("INSPRAAK_DATABASE_URL", str(settings.database_url))
    monkeypatch.setenv("INSPRAAK_INTERNAL_KEY", settings.internal_key.get_secret_value())

    def run(arguments: Sequence[str]) -> Ended:
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), pytest.raises(SystemExit) as ended:
            cli(arguments)
        code = ended.value.code
        return Ended(code, out.getvalue(), err.getvalue()) if isinstance(code, int) else Ended(1, "", str(code))

    async def command(*arguments: str) -> Ended:
        return await asyncio.to_thread(run, arguments)

    return command


async def test_a_command_makes_the_first_operator(world: Any, identity: Identity) -> None:
    made = [await identity("create-operator", "Olga@Example.com") for _ in range(2)]
    assert {one.code for one in made} == {0}, made
    assert UUID(made[0].out.strip()) == UUID(made[1].out.strip())
    tokens = await world.sign_in("olga@example.com", world.client.of(PLATFORM))
    actor = await world.actor(tokens["access_token"])
    assert (actor.tenant_id, actor.roles) == (PLATFORM, {"operator"})
    wrong = await identity("create-operator", "not an address")
    assert wrong.code == 2
    assert "not an e-mail address" in wrong.err


async def test_a_command_gives_a_role_at_a_government_by_name_or_id(world: Any, identity: Identity) -> None:
    for tenant in ("leuven", str(world.tenant)):
        role = ("--email", "an@example.com", "--role", "administrator")
        given = await identity("grant", "--tenant", tenant, *role)
        assert given.code == 0, given
    assert (await world.actor((await world.sign_in("an@example.com"))["access_token"])).roles == {"administrator"}
    wrong = await identity("grant", "--tenant", "nowhere", *role)
    assert wrong.code == 1
    assert "no_such_government" in wrong.err


async def test_a_short_name_of_two_governments_is_refused_with_their_ids(world: Any, identity: Identity) -> None:
    another = uuid4()
    await world.tell_of_government(another, "leuven")
    role = ("--email", "an@example.com", "--role", "administrator")
    refused = await identity("grant", "--tenant", "leuven", *role)
    assert refused.code == 1
    assert all(told in refused.err for told in ("short_name_of_several", str(another), str(world.tenant)))
    assert (await identity("grant", "--tenant", str(another), *role)).code == 0


async def test_a_command_makes_people_with_tokens_and_again_the_same(
    world: Any, identity: Identity, tmp_path: Path
) -> None:
    file = tmp_path / "tokens"
    file.touch(mode=0o644)
    asked = ("create-demo-people", "--tenant", "leuven", "--count", str(PEOPLE), "--tokens", str(file))
    people: list[set[UUID]] = []
    for _ in range(2):
        made = await identity(*asked, "--minutes", "5")
        assert made.code == 0, made
        tokens = file.read_text().splitlines()
        assert len(tokens) == PEOPLE
        actors = [await world.actor(token) for token in (tokens[0], tokens[-1])]
        assert {(actor.tenant_id, actor.level, actor.roles) for actor in actors} == {(world.tenant, 1, frozenset())}
        people.append({actor.person_id for actor in actors})
    assert people[0] == people[1]
    assert len(people[0]) == 2
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


async def test_demo_people_are_refused_outside_development(
    world: Any, identity: Identity, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "tokens"
    monkeypatch.setenv("INSPRAAK_ENVIRONMENT", "production")
    monkeypatch.setenv("INSPRAAK_MASTER_KEY", "c29tZS1zZWNyZXQtb2YtMzItYnl0ZXMtZm9yLXRlc3Q")
    asked = ("create-demo-people", "--tenant", "leuven", "--count", "1", "--tokens", str(file))
    refused = await identity(*asked)
    assert refused.code == 1
    assert "only where INSPRAAK_ENVIRONMENT is development or test" in refused.err
    assert not file.exists()
    owner = await asyncpg.connect(str(world.client.settings.migration_database_url))
    assert await owner.fetchval("SELECT count(*) FROM people") == 0
    await owner.close()


async def test_a_command_rotates_the_signing_key(world: Any, identity: Identity) -> None:
    await world.sign_in("an@example.com")
    rotated = await identity("rotate-signing-key")
    assert rotated.code == 0, rotated
    assert "is published and signs from" in rotated.out


async def test_a_command_checks_the_audit_trail(world: Any, identity: Identity, servers: Any) -> None:
    await world.sign_in("an@example.com")
    whole = await identity("verify-audit")
    assert (whole.code, whole.out) == (0, "2 chains checked, 0 faults\n"), whole
    database = world.client.settings.database_url.path.removeprefix("/")
    superuser = await asyncpg.connect(servers.postgres_url, database=database)
    await superuser.execute("ALTER TABLE audit_events DISABLE TRIGGER ALL")
    await superuser.execute("UPDATE audit_events SET at = at - interval '1 day'")
    await superuser.close()
    broken = await identity("verify-audit", "--tenant", "leuven")
    assert (broken.code, broken.out) == (1, f"{world.tenant}: event 1 was changed\n1 chains checked, 1 faults\n")
