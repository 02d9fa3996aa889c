"""Rows that are written in batches, as a service writes them: one upsert for many governments.

As a program it writes the same keys over and over, in ascending or descending order: `entries.py DATABASE ORDER`.
"""

import asyncio
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from chassis.batch import Batcher
from chassis.db import TenantRow, create_engine, session_maker, tenant_session
from chassis.refusals import Refused
from sqlalchemy import CheckConstraint, Integer, Text, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

LEUVEN, GENT = UUID(int=1), UUID(int=2)
KEYS, ROUNDS = 30, 6


class Tables(DeclarativeBase):
    """Apart from the services' tables, whose metadata other tests walk."""


class Entry(TenantRow, Tables):
    __tablename__ = "entries"
    __table_args__ = (CheckConstraint("value >= 0", name="ck_entries_value"),)

    number: Mapped[int] = mapped_column(Integer, primary_key=True)
    value: Mapped[int] = mapped_column(Integer)
    note: Mapped[str] = mapped_column(Text, default="")


class Seat(TenantRow, Tables):
    """Its constraint waits for the commit."""

    __tablename__ = "seats"
    __table_args__ = (UniqueConstraint("place", name="uq_seats_place", deferrable=True, initially="DEFERRED"),)

    number: Mapped[int] = mapped_column(Integer, primary_key=True)
    place: Mapped[int] = mapped_column(Integer)


@dataclass(frozen=True)
class Put:
    number: int
    value: int = 0
    note: str = ""
    tenant: UUID = LEUVEN

    @property
    def key(self) -> tuple[UUID, int]:
        return self.tenant, self.number

    @property
    def values(self) -> dict[str, object]:
        return {"tenant_id": self.tenant, "number": self.number, "value": self.value, "note": self.note}


@dataclass
class Writer:
    """Writes to the database, remembers what it was given, and can be made to wait."""

    sessions: async_sessionmaker[AsyncSession]
    batches: list[list[Put]] = field(default_factory=list)
    closed: set[int] = field(default_factory=set)  # numbers that are refused
    go_on: asyncio.Event = field(default_factory=asyncio.Event)
    writing: set[tuple[UUID, int]] = field(default_factory=set)

    async def __call__(self, rows: Sequence[Put]) -> list[Refused | None]:
        keys = {row.key for row in rows}
        assert not keys & self.writing, "two batches write the same key"
        self.batches.append(list(rows))
        self.writing |= keys
        try:
            await self.go_on.wait()
            await self._write([row for row in rows if row.number not in self.closed])
        finally:
            self.writing -= keys
        return [Refused("closed", number=row.number) if row.number in self.closed else None for row in rows]

    async def _write(self, rows: Sequence[Put]) -> None:
        if not rows:
            return
        async with tenant_session(self.sessions, *{row.tenant for row in rows}) as session:
            new = insert(Entry).values([row.values for row in rows])
            changed = {"value": new.excluded.value, "note": new.excluded.note}
            await session.execute(new.on_conflict_do_update(index_elements=["tenant_id", "number"], set_=changed))

    async def stored(self, *tenants: UUID) -> dict[int, int]:
        """What is committed: number -> value."""
        async with tenant_session(self.sessions, *(tenants or (LEUVEN,))) as session:
            rows = await session.execute(text("select number, value from entries"))
            return {row.number: row.value for row in rows}


async def write_over_and_over(url: str, order: str) -> None:
    """Two of these at once deadlock, unless each batch is sorted. They begin when they are told to."""
    engine = create_engine(url, pool=3)
    writer = Writer(session_maker(engine))
    writer.go_on.set()
    batcher = Batcher(order, writer)
    numbers = range(KEYS) if order == "ascending" else range(KEYS - 1, -1, -1)
    await writer.stored()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    for value in range(ROUNDS):
        async with asyncio.TaskGroup() as group:
            for number in numbers:
                group.create_task(batcher.put(Put(number, value)))
    await engine.dispose()
    sys.stdout.write(f"{KEYS * ROUNDS} written\n")


if __name__ == "__main__":
    asyncio.run(write_over_and_over(*sys.argv[1:]))
