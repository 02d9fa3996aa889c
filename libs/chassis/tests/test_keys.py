import asyncio
import base64
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from uuid import UUID, uuid4

import pytest
from chassis.db import create_engine, session_maker, tenant_session
from chassis.keys import (
    DataKey,
    DestroyedKeyError,
    Keyring,
    MissingKeyError,
    MissingMasterKeyError,
    rewrap_keys,
)
from chassis.seals import BrokenSealError
from chassis.settings import ServiceSettings
from chassis.testing import Database
from hypothesis import given
from hypothesis import strategies as st
from pydantic import PostgresDsn, SecretStr
from sqlalchemy import select, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker

OLD, NEW = bytes(range(32)), bytes(range(32, 64))
LEUVEN, GENT = uuid4(), uuid4()


@dataclass
class Store:
    sessions: async_sessionmaker[AsyncSession]
    engine: AsyncEngine
    owner: AsyncEngine
    database: Database

    def of(self, tenant: UUID = LEUVEN) -> AbstractAsyncContextManager[AsyncSession]:
        return tenant_session(self.sessions, tenant)


@pytest.fixture
async def store(tables: Callable[..., Awaitable[Database]]) -> AsyncIterator[Store]:
    database = await tables(DataKey)
    engine, owner = create_engine(database.url, pool=5), create_engine(database.owner_url, pool=5)
    yield Store(session_maker(engine), engine, owner, database)
    await engine.dispose()
    await owner.dispose()


async def test_a_key_is_the_same_whenever_and_wherever_it_is_asked_for(store: Store) -> None:
    poll = uuid4()
    async with store.of() as session:
        key = await Keyring(OLD).create(session, "poll", poll)
        assert await Keyring(OLD).get(session, "poll", poll) == key
    async with store.of() as session:
        assert await Keyring(OLD).get(session, "poll", str(poll)) == key
        assert await Keyring(OLD).create(session, "poll", poll) == key
    assert len(key) == 32


async def test_keys_differ_by_purpose_subject_and_government(store: Store) -> None:
    keyring, keys = Keyring(OLD), []
    for tenant in (LEUVEN, GENT):
        async with store.of(tenant) as session:
            keys += [await keyring.create(session, *name) for name in (("poll", "1"), ("poll", "2"), ("codes", ""))]
    assert len(set(keys)) == 6


async def test_the_database_never_holds_a_key_as_it_is(store: Store) -> None:
    async with store.of() as session:
        key = await Keyring(OLD).create(session, "codes")
        row = (await session.scalars(select(DataKey))).one()
    assert row.wrapped is not None
    assert key not in row.wrapped
    assert row.kek_version == Keyring(OLD).version != Keyring(NEW).version


async def test_another_government_has_no_such_key(store: Store) -> None:
    keyring = Keyring(OLD)
    async with store.of() as session:
        await keyring.create(session, "codes")
    async with store.of() as session:
        await keyring.get(session, "codes")
    async with store.of(GENT) as session:
        with pytest.raises(MissingKeyError):
            await keyring.get(session, "codes")
    assert keyring.cached(GENT, "codes") is None
    assert keyring.cached(LEUVEN, "codes") is not None


async def test_a_row_copied_over_another_does_not_open(store: Store) -> None:
    async with store.of() as session:
        await Keyring(OLD).create(session, "poll", "1")
        await Keyring(OLD).create(session, "poll", "2")
        first = select(DataKey.wrapped).where(DataKey.subject == "1").scalar_subquery()
        await session.execute(update(DataKey).where(DataKey.subject == "2").values(wrapped=first))
    async with store.of() as session:
        with pytest.raises(BrokenSealError):
            await Keyring(OLD).get(session, "poll", "2")


async def test_living_keys_are_those_of_one_purpose_and_government_that_were_not_destroyed(store: Store) -> None:
    keyring, keys = Keyring(OLD), {}
    async with store.of() as session:
        for subject in ("1", "2", "3", "4"):
            keys[subject] = await keyring.create(session, "poll", subject)
        await keyring.create(session, "codes", "5")
        await keyring.destroy(session, "poll", "3")
    async with store.of(GENT) as session:
        await keyring.create(session, "poll", "6")
        assert set(await keyring.living(session, "poll", most=9)) == {"6"}
    for process in (keyring, Keyring(OLD)):
        async with store.of() as session:
            living = await process.living(session, "poll", most=9)
            assert list(living.items()) == [(subject, keys[subject]) for subject in ("4", "2", "1")]
            assert list(await process.living(session, "poll", most=2)) == ["4", "2"]


async def test_two_requests_that_make_the_same_key_at_once_get_the_same_key(store: Store) -> None:
    async def make() -> bytes:
        async with store.of() as session:
            return await Keyring(OLD).create(session, "codes")

    assert len(set(await asyncio.gather(*(make() for _ in range(5))))) == 1


async def test_asking_again_for_a_key_that_is_there_asks_the_database_for_nothing(store: Store) -> None:
    keyring = Keyring(OLD)
    async with store.of() as session:
        await keyring.create(session, "codes")
    async with store.of() as session:
        key = await keyring.get(session, "codes")
    async with store.of() as session:
        assert await keyring.create(session, "codes") == key
        assert not session.in_transaction()


async def test_a_key_made_in_a_transaction_that_rolled_back_is_not_remembered(store: Store) -> None:
    keyring = Keyring(OLD)
    async with store.of() as session:
        lost = await keyring.create(session, "codes")
        assert await keyring.get(session, "codes") == lost
        await session.rollback()
    assert keyring.cached(LEUVEN, "codes") is None
    async with store.of() as session:
        assert await keyring.create(session, "codes") != lost


async def test_a_destroyed_key_is_gone_for_good(store: Store) -> None:
    keyring = Keyring(OLD)
    async with store.of() as session:
        await keyring.create(session, "poll", "1")
    async with store.of() as session:
        await keyring.get(session, "poll", "1")
        await keyring.destroy(session, "poll", "1")
    assert keyring.cached(LEUVEN, "poll", "1") is None
    async with store.of() as session:
        for asked in (keyring.get, keyring.create):
            with pytest.raises(DestroyedKeyError):
                await asked(session, "poll", "1")
        await keyring.destroy(session, "poll", "1")
        await keyring.destroy(session, "poll", "never was")
        row = (await session.scalars(select(DataKey))).one()
    assert row.wrapped is None
    assert row.destroyed_at is not None


async def test_a_key_read_beside_its_destruction_is_forgotten_after_the_commit(store: Store) -> None:
    keyring = Keyring(OLD)
    async with store.of() as session:
        await keyring.create(session, "poll", "1")
    async with store.of() as destroying:
        await keyring.destroy(destroying, "poll", "1")
        async with store.of() as reading:
            await keyring.get(reading, "poll", "1")
        assert keyring.cached(LEUVEN, "poll", "1") is not None  # not yet committed: still the truth
    assert keyring.cached(LEUVEN, "poll", "1") is None


async def test_a_destruction_that_rolled_back_destroyed_nothing(store: Store) -> None:
    keyring = Keyring(OLD)
    async with store.of() as session:
        key = await keyring.create(session, "poll", "1")
    async with store.of() as session:
        await keyring.destroy(session, "poll", "1")
        await session.rollback()
    async with store.of() as session:
        assert await keyring.get(session, "poll", "1") == key


async def test_the_memory_for_keys_is_bounded_in_number_and_time(store: Store) -> None:
    now = 0.0
    keyring = Keyring(OLD, cache_size=2, cache_seconds=10, clock=lambda: now)
    async with store.of() as session:
        for subject in "123":
            await keyring.create(session, "poll", subject)
    async with store.of() as session:
        for subject in "12":
            await keyring.get(session, "poll", subject)
        assert keyring.cached(LEUVEN, "poll", "1")  # used last, so number 2 is the one to go
        await keyring.get(session, "poll", "3")
    assert [bool(keyring.cached(LEUVEN, "poll", subject)) for subject in "123"] == [True, False, True]
    now = 10.0
    assert [bool(keyring.cached(LEUVEN, "poll", subject)) for subject in "123"] == [False, False, False]


async def test_keys_survive_the_rotation_of_the_master_key(store: Store) -> None:
    keys = {}
    for tenant in (LEUVEN, GENT):
        async with store.of(tenant) as session:
            for subject in map(str, range(7)):
                keys[tenant, subject] = await Keyring(OLD).create(session, "poll", subject)
    async with store.of() as session:
        await Keyring(OLD).destroy(session, "poll", "6")
        assert await Keyring(NEW, OLD).get(session, "poll", "0") == keys[LEUVEN, "0"]
        with pytest.raises(MissingMasterKeyError):
            await Keyring(NEW).get(session, "poll", "0")
    assert await Keyring(NEW, OLD).rewrap(store.owner, batch=4) == 13
    assert await Keyring(NEW, OLD).rewrap(store.owner, batch=4) == 0
    for (tenant, subject), key in keys.items():
        async with store.of(tenant) as session:
            if (tenant, subject) != (LEUVEN, "6"):
                assert await Keyring(NEW).get(session, "poll", subject) == key


async def test_the_command_rewraps_with_the_settings_keys_and_has_nothing_to_do_where_there_are_none(
    tables: Callable[..., Awaitable[Database]], store: Store
) -> None:
    async with store.of() as session:
        await Keyring(OLD).create(session, "codes")
    old, new = (SecretStr(base64.urlsafe_b64encode(key).decode()) for key in (OLD, NEW))
    for database, count in ((store.database, 1), (store.database, 0), (await tables(), 0)):
        url = PostgresDsn(database.owner_url)
        settings = ServiceSettings(
            environment="test", migration_database_url=url, master_key=new, old_master_keys=(old,)
        )
        assert await rewrap_keys(settings) == count


async def test_rewrapping_without_the_old_master_key_changes_nothing(store: Store) -> None:
    async with store.of() as session:
        key = await Keyring(OLD).create(session, "codes")
    with pytest.raises(MissingMasterKeyError):
        await Keyring(NEW).rewrap(store.owner)
    async with store.of() as session:
        assert await Keyring(OLD).get(session, "codes") == key


async def test_rewrapping_as_a_role_that_sees_no_rows_is_an_error_not_a_success(store: Store) -> None:
    with pytest.raises(RuntimeError, match="row-level security"):
        await Keyring(NEW, OLD).rewrap(store.engine)


async def test_the_database_keeps_destroyed_keys_consistent(store: Store) -> None:
    async with store.of() as session:
        await Keyring(OLD).create(session, "codes")
    with pytest.raises(IntegrityError, match="ck_data_keys_destroyed"):
        async with store.of() as session:
            await session.execute(text("update data_keys set wrapped = null"))


@given(plaintext=st.binary(max_size=100), aad=st.binary(max_size=50))
def test_what_is_sealed_opens_with_the_same_key_and_place(plaintext: bytes, aad: bytes) -> None:
    sealed = Keyring.seal(OLD, plaintext, aad)
    assert Keyring.open(OLD, sealed, aad) == plaintext
    assert len(sealed) == len(plaintext) + 29
    assert sealed != Keyring.seal(OLD, plaintext, aad)


@given(plaintext=st.binary(min_size=1, max_size=60), data=st.data())
def test_a_changed_seal_never_opens(plaintext: bytes, data: st.DataObject) -> None:
    sealed = bytearray(Keyring.seal(OLD, plaintext, b"here"))
    position = data.draw(st.integers(0, len(sealed) - 1))
    sealed[position] ^= data.draw(st.integers(1, 255))
    with pytest.raises(BrokenSealError):
        Keyring.open(OLD, bytes(sealed), b"here")


@pytest.mark.parametrize(
    ("key", "sealed", "aad"),
    [
        (NEW, Keyring.seal(OLD, b"x", b"here"), b"here"),
        (OLD, Keyring.seal(OLD, b"x", b"here"), b"there"),
        (OLD, b"", b"here"),
        (OLD, b"\x01short", b"here"),
        (OLD, b"\x02" + Keyring.seal(OLD, b"x", b"here")[1:], b"here"),
    ],
    ids=["another key", "another place", "nothing", "too short", "another format"],
)
def test_another_key_another_place_or_rubbish_does_not_open(key: bytes, sealed: bytes, aad: bytes) -> None:
    with pytest.raises(BrokenSealError):
        Keyring.open(key, sealed, aad)


def test_a_keyring_comes_from_the_settings() -> None:
    old, new = (SecretStr("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"), SecretStr("A" * 43))
    keyring = Keyring.from_settings(ServiceSettings(environment="test", master_key=new, old_master_keys=(old,)))
    assert keyring.version == Keyring(bytes(32)).version


def test_a_master_key_has_256_bits() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        Keyring(os.urandom(16))
