"""Keys at rest: envelope encryption, rotation of the master key, destruction of single keys (crypto-shredding).

Each data key is 32 random bytes for one purpose and one subject of one government. The database holds it only wrapped
by a key-encryption key that is derived from the master key, which the database never sees (NIST SP 800-57 part 1 §6).
Destroying a data key makes unreadable, or unlinkable, whatever was sealed or keyed with it.

A destroyed key lives on, wrapped, in backups and archived logs until those expire, and up to `CACHE_SECONDS` in the
memory of other processes.

To rotate the master key: (1) give every process the new one in `INSPRAAK_OLD_MASTER_KEYS`, so that all can read it;
(2) make it `INSPRAAK_MASTER_KEY` and move the old one to `INSPRAAK_OLD_MASTER_KEYS`; (3) run `<service> rewrap-keys`
for each service; (4) drop the old one.
"""

import os
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Protocol, Self
from uuid import UUID

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from pydantic import SecretStr
from sqlalchemy import CheckConstraint, bindparam, event, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from chassis.db import Base, TenantRow, create_engine, tenant_of
from chassis.seals import seal, unseal
from chassis.settings import ServiceSettings, key_bytes

KEY_BYTES = 32
CACHE_SIZE = 10_000
CACHE_SECONDS = 300.0
BATCH = 500
FRESH = "keys_created_here"
HAS_KEYS = text("select to_regclass('data_keys') is not null")  # not every service keeps keys

Name = tuple[UUID, str, str]  # tenant, purpose, subject


class KeyringError(Exception):
    """Something is wrong with a key or with what it should open."""


class MissingKeyError(KeyringError):
    """There is no such data key."""


class DestroyedKeyError(KeyringError):
    """The data key was destroyed; what it sealed is gone."""


class MissingMasterKeyError(KeyringError):
    """A data key is wrapped by a master key that this process was not given."""


class KeySettings(Protocol):
    """What a keyring reads of the settings."""

    @property
    def master_key(self) -> SecretStr: ...
    @property
    def old_master_keys(self) -> Sequence[SecretStr]: ...


class DataKey(TenantRow, Base):
    """A wrapped data key; `wrapped` is null once it was destroyed, and the row stays so that it never comes back."""

    __tablename__ = "data_keys"
    __table_args__ = (CheckConstraint("(wrapped is null) = (destroyed_at is not null)", name="destroyed"),)

    purpose: Mapped[str] = mapped_column(primary_key=True)
    subject: Mapped[str] = mapped_column(primary_key=True)
    kek_version: Mapped[str]
    wrapped: Mapped[bytes | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    destroyed_at: Mapped[datetime | None]


class Keyring:
    """Creates, finds and destroys data keys. One a process; safe to share between requests."""

    def __init__(
        self,
        master_key: bytes,
        *old_master_keys: bytes,
        cache_size: int = CACHE_SIZE,
        cache_seconds: float = CACHE_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`master_key` wraps; the old ones only unwrap. Each has 32 random bytes."""
        keks = [_key_encryption_key(key) for key in (master_key, *old_master_keys)]
        self.version = keks[0][0]
        self._keks = dict(keks)
        self._cache = _Cache(cache_size, cache_seconds, clock)

    @classmethod
    def from_settings(cls, settings: KeySettings) -> Self:
        """The keyring of a process."""
        return cls(key_bytes(settings.master_key), *map(key_bytes, settings.old_master_keys))

    async def create(self, session: AsyncSession, purpose: str, subject: str | UUID = "") -> bytes:
        """The data key for this purpose and subject of the session's government, made if there is none yet.

        Raises:
            DestroyedKeyError: it existed once; a destroyed key is never made anew.
        """
        name = _name(session, purpose, subject)
        known = self._cache.get(name)
        if known is not None:
            return known
        key = os.urandom(KEY_BYTES)
        row = dict(zip(("tenant_id", "purpose", "subject"), name, strict=True))
        row |= {"kek_version": self.version, "wrapped": self._wrap(key, name)}
        made = await session.execute(insert(DataKey).values(row).on_conflict_do_nothing().returning(DataKey.purpose))
        if made.first() is None:
            return await self.get(session, purpose, subject)
        # Not for the cache: if this transaction rolls back, another process may make another key of the same name.
        session.info.setdefault(FRESH, set()).add(name)
        return key

    async def get(self, session: AsyncSession, purpose: str, subject: str | UUID = "") -> bytes:
        """The data key for this purpose and subject of the session's government.

        Raises:
            MissingKeyError, DestroyedKeyError, MissingMasterKeyError: see there.
        """
        name = _name(session, purpose, subject)
        known = self._cache.get(name)
        if known is not None:
            return known
        epoch = self._cache.epoch
        found = (await session.execute(_row_of(name))).first()
        key = self._unwrap_row(found, name)
        if name not in session.info.get(FRESH, ()):
            self._cache.put(name, key, epoch)
        return key

    async def living(self, session: AsyncSession, purpose: str, *, most: int) -> dict[str, bytes]:
        """The data keys for a purpose that were not destroyed, by subject, the last subject first (of UUIDv7s: newest).

        One query, along the primary key, for at most so many keys.
        """
        live = (DataKey.tenant_id == tenant_of(session), DataKey.purpose == purpose, DataKey.wrapped.is_not(None))
        columns = (DataKey.subject, DataKey.kek_version, DataKey.wrapped, DataKey.destroyed_at)
        rows = await session.execute(select(*columns).where(*live).order_by(DataKey.subject.desc()).limit(most))
        found: dict[str, bytes] = {}
        for row in rows:
            name = _name(session, purpose, row.subject)
            found[row.subject] = self._cache.get(name) or self._unwrap_row(row, name)
        return found

    def cached(self, tenant_id: UUID, purpose: str, subject: str | UUID = "") -> bytes | None:
        """The data key if this process knows it already: a hot path that finds it so needs no session for it."""
        return self._cache.get((tenant_id, purpose, str(subject)))

    async def destroy(self, session: AsyncSession, purpose: str, subject: str | UUID = "") -> None:
        """Destroy a data key for good. Asking twice, or for a key that never was, changes nothing."""
        name = _name(session, purpose, subject)
        live = update(DataKey).where(*_is(name), DataKey.wrapped.is_not(None))
        await session.execute(
            live.values(wrapped=None, destroyed_at=func.now()), execution_options={"synchronize_session": False}
        )
        self._cache.forget(name)
        # A request beside this one may still read and keep the key until the commit: forget once more after it.
        event.listen(session.sync_session, "after_commit", lambda _: self._cache.forget(name), once=True)

    seal = staticmethod(seal)
    open = staticmethod(unseal)

    async def rewrap(self, engine: AsyncEngine, *, batch: int = BATCH) -> int:
        """Wrap every data key of a database with the current master key, in batches; returns how many.

        `engine` connects as the role that owns the tables: it must pass row-level security, which would hide all rows.
        Running it again, or twice at once, is safe.
        """
        total = 0
        while True:
            async with engine.begin() as connection:
                await _must_see_all_rows(connection)
                if not (await connection.execute(HAS_KEYS)).scalar_one():
                    return 0
                done = await self._rewrap_some(connection, batch)
            if done == 0:
                return total
            total += done

    async def _rewrap_some(self, connection: AsyncConnection, batch: int) -> int:
        table = DataKey.__table__.c
        stale = (
            select(table.tenant_id, table.purpose, table.subject, table.kek_version, table.wrapped, table.destroyed_at)
            .where(table.kek_version != self.version, table.wrapped.is_not(None))
            .order_by(table.tenant_id, table.purpose, table.subject)
            .limit(batch)
            .with_for_update()
        )
        rows = (await connection.execute(stale)).all()
        changes = []
        for row in rows:
            name = (row.tenant_id, row.purpose, row.subject)
            wrapped = self._wrap(self._unwrap_row(row, name), name)
            changes.append({"t": row.tenant_id, "p": row.purpose, "s": row.subject, "w": wrapped})
        if changes:
            this = (table.tenant_id == bindparam("t"), table.purpose == bindparam("p"), table.subject == bindparam("s"))
            values = {"wrapped": bindparam("w"), "kek_version": self.version}
            await connection.execute(update(DataKey.__table__).where(*this).values(values), changes)  # type: ignore[arg-type]
        return len(rows)

    def _wrap(self, key: bytes, name: Name) -> bytes:
        return seal(self._keks[self.version], key, _associated(name, self.version))

    def _unwrap_row(self, row: Any, name: Name) -> bytes:
        if row is None:
            raise MissingKeyError(f"no key for {name[1]} {name[2]}".rstrip())
        if row.wrapped is None:
            raise DestroyedKeyError(f"the key for {name[1]} {name[2]} was destroyed on {row.destroyed_at:%Y-%m-%d}")
        kek = self._keks.get(row.kek_version)
        if kek is None:
            raise MissingMasterKeyError(f"a key is wrapped by master key {row.kek_version}, which is not configured")
        return unseal(kek, row.wrapped, _associated(name, row.kek_version))


async def rewrap_keys(settings: ServiceSettings) -> int:
    """What `<service> rewrap-keys` does, as the role that owns the tables; returns how many keys it wrapped anew."""
    engine = create_engine(settings.required("migration_database_url"), pool=1)
    try:
        return await Keyring.from_settings(settings).rewrap(engine)
    finally:
        await engine.dispose()


class _Cache:
    """The data keys that this process used last, each for a bounded time."""

    def __init__(self, size: int, seconds: float, clock: Callable[[], float]) -> None:
        self._size, self._seconds, self._clock = size, seconds, clock
        self._entries: OrderedDict[Name, tuple[float, bytes]] = OrderedDict()
        self.epoch = 0  # changes whenever something is forgotten

    def get(self, name: Name) -> bytes | None:
        entry = self._entries.get(name)
        if entry is None:
            return None
        if entry[0] <= self._clock():
            del self._entries[name]
            return None
        self._entries.move_to_end(name)
        return entry[1]

    def put(self, name: Name, key: bytes, epoch: int) -> None:
        """Keep a key that was read when the cache was in `epoch`; not if something was destroyed since."""
        if epoch != self.epoch:
            return
        self._entries[name] = (self._clock() + self._seconds, key)
        if len(self._entries) > self._size:
            self._entries.popitem(last=False)

    def forget(self, name: Name) -> None:
        self.epoch += 1
        self._entries.pop(name, None)


def _key_encryption_key(master_key: bytes) -> tuple[str, bytes]:
    """The version of a master key and the key that wraps: both derived, so that no number can be given wrongly."""
    if len(master_key) != KEY_BYTES:
        raise ValueError(f"a master key has {KEY_BYTES} bytes, not {len(master_key)}")
    version, kek = (
        HKDF(SHA256(), length, salt=None, info=b"inspraak data keys: " + use).derive(master_key)
        for use, length in ((b"version", 8), (b"wrap", KEY_BYTES))
    )
    return version.hex(), kek


def _associated(name: Name, version: str) -> bytes:
    """Binds a wrapped key to its row, so that rows cannot be swapped; each part with its length before it."""
    parts = [name[0].bytes, name[1].encode(), name[2].encode(), version.encode()]
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)


def _name(session: AsyncSession, purpose: str, subject: str | UUID) -> Name:
    return tenant_of(session), purpose, str(subject)


def _is(name: Name) -> tuple[Any, ...]:
    return DataKey.tenant_id == name[0], DataKey.purpose == name[1], DataKey.subject == name[2]


def _row_of(name: Name) -> Any:
    return select(DataKey.kek_version, DataKey.wrapped, DataKey.destroyed_at).where(*_is(name))


async def _must_see_all_rows(connection: AsyncConnection) -> None:
    role = text("select rolbypassrls or rolsuper from pg_roles where rolname = current_user")
    if not (await connection.execute(role)).scalar_one():
        raise RuntimeError(
            "rewrapping needs the role that owns the tables: row-level security hides them from this one"
        )
