"""Keyset pagination: a list is read in pages that neither skip nor repeat a row while others are added.

    @router.get("/polls", responses=problems("invalid"))
    async def get_polls(session: Session, paging: Paging) -> Page[PollOut]:
        query = select(Poll).where(Poll.status != "draft")
        order = (Poll.opens_at.desc(), Poll.id.asc())
        return await keyset(session, query, order=order, paging=paging, into=PollOut.model_validate)

A cursor holds the order columns of the last row that was seen, so these must be facts that the reader may see.
"""

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Annotated, Any, Generic, TypeVar
from uuid import UUID

import orjson
from fastapi import Depends, Query
from fastapi.exceptions import RequestValidationError
from pydantic import AwareDatetime, BaseModel, Field, TypeAdapter
from sqlalchemy import (
    BigInteger,
    Boolean,
    ColumnElement,
    Date,
    DateTime,
    Integer,
    Select,
    SmallInteger,
    String,
    Uuid,
    and_,
    literal,
    or_,
    tuple_,
)
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.sql.elements import UnaryExpression
from sqlalchemy.sql.operators import desc_op

from chassis import base64url

DEFAULT_LIMIT = 20
MOST = 100
LONGEST_CURSOR = 2000
T = TypeVar("T")


def _integers(bits: int) -> TypeAdapter[Any]:
    return TypeAdapter(Annotated[int, Field(strict=True, ge=-(1 << bits - 1), lt=1 << bits - 1)])


VALUES: tuple[tuple[type, TypeAdapter[Any]], ...] = (
    (BigInteger, _integers(64)),  # before Integer, whose subclass it is
    (SmallInteger, _integers(16)),
    (Integer, _integers(32)),
    (Boolean, TypeAdapter(Annotated[bool, Field(strict=True)])),
    (Uuid, TypeAdapter(UUID)),
    (DateTime, TypeAdapter(AwareDatetime)),
    (Date, TypeAdapter(date)),
    (String, TypeAdapter(Annotated[str, Field(strict=True)])),
)


class Page(BaseModel, Generic[T]):
    """Some of a list, in its order; `next` is the cursor of the page after it, or null on the last one."""

    items: list[T]
    next: str | None = None


@dataclass(frozen=True, slots=True)
class PageRequest:
    """Which page is asked for: what comes after `cursor`, at most `limit` items."""

    cursor: str | None = None
    limit: int = DEFAULT_LIMIT


async def _page_request(
    cursor: Annotated[str | None, Query(max_length=LONGEST_CURSOR, description="`next` of the page before")] = None,
    limit: Annotated[int, Query(ge=1, le=MOST)] = DEFAULT_LIMIT,
) -> PageRequest:
    return PageRequest(cursor, limit)


Paging = Annotated[PageRequest, Depends(_page_request)]


async def keyset(
    session: AsyncSession,
    query: Select[*tuple[Any, ...]],
    *,
    order: Sequence[Any],
    paging: PageRequest,
    into: Callable[[Any], T],
) -> Page[T]:
    """One page of a query that has no order of its own.

    `order` holds columns, each as it is, `.asc()` or `.desc()`: none may be null and together they must be unique. An
    index on (tenant_id, these columns) makes every page cost the same. `into` makes an item of a row: of the entity or
    column if the query selects one thing, else of the whole row.

    Raises:
        RequestValidationError: 422, a cursor that was not given for this list and order.
    """
    columns = [_column(element) for element in order]
    wanted = query.order_by(*order).limit(paging.limit + 1)
    if paging.cursor is not None:
        wanted = wanted.where(_after(columns, _read(paging.cursor, columns)))
    width = len(query.column_descriptions)
    wanted = wanted.add_columns(*(column.element.label(f"order_{i}") for i, column in enumerate(columns)))
    rows = (await session.execute(wanted)).all()
    shown = rows[: paging.limit]
    items = [into(row[0] if width == 1 else row[:width]) for row in shown]
    more = len(rows) > len(shown)
    return Page(items=items, next=_write(columns, tuple(shown[-1])[-len(columns) :]) if more else None)


@dataclass(frozen=True, slots=True)
class _Column:
    """A column of the order, and what its values may be."""

    element: ColumnElement[Any]
    descending: bool
    values: TypeAdapter[Any]

    def read(self, value: Any) -> Any:
        """A value of a cursor as the database takes it; `ValueError` for anything that it would refuse."""
        known = self.values.validate_python(value)
        if isinstance(known, str) and "\0" in known:
            raise ValueError("PostgreSQL's texts hold no zero character")
        return known.astimezone(UTC) if isinstance(known, datetime) else known

    def after(self, value: Any) -> ColumnElement[bool]:
        """Rows behind a value."""
        bound = literal(value, self.element.type)
        return self.element < bound if self.descending else self.element > bound

    def same(self, value: Any) -> ColumnElement[bool]:
        """Rows with a value."""
        return self.element == literal(value, self.element.type)


def _column(element: Any) -> _Column:
    descending = isinstance(element, UnaryExpression) and element.modifier is desc_op
    plain = element.element if isinstance(element, UnaryExpression) else element
    column = plain.__clause_element__() if hasattr(plain, "__clause_element__") else plain
    if getattr(column, "nullable", True):
        raise ValueError(f"{column} may be null or is no column, so it cannot order pages")
    return _Column(column, descending, _values_of(column.type))


def _values_of(kind: Any) -> TypeAdapter[Any]:
    """What a cursor may hold for a column; text is compared as the database's collation orders it."""
    for known, values in VALUES:
        if isinstance(kind, known):
            return values
    raise ValueError(f"{kind!r} cannot order pages")


def _after(columns: Sequence[_Column], values: Sequence[Any]) -> ColumnElement[bool]:
    """The rows behind these values: one row comparison where all columns run the same way, which an index answers."""
    if len({column.descending for column in columns}) == 1:
        left = tuple_(*(column.element for column in columns))
        right = tuple_(*(literal(value, column.element.type) for column, value in zip(columns, values, strict=True)))
        return left < right if columns[0].descending else left > right
    behind: ColumnElement[bool] = columns[-1].after(values[-1])
    for column, value in reversed(list(zip(columns[:-1], values[:-1], strict=True))):
        behind = or_(column.after(value), and_(column.same(value), behind))
    return behind


def _tag(columns: Sequence[_Column]) -> int:
    """Tells the cursors of two lists apart, so that one is refused by the other."""
    order = ",".join(f"{column.element} {column.descending}" for column in columns)
    return zlib.crc32(order.encode())


def _write(columns: Sequence[_Column], values: Sequence[Any]) -> str:
    # default=str: asyncpg's UUIDs are a subclass, which orjson does not take for what they are
    return base64url.encode(orjson.dumps([_tag(columns), *values], default=str))


def _read(cursor: str, columns: Sequence[_Column]) -> list[Any]:
    try:
        return _values(cursor, columns)
    except (ValueError, TypeError, OverflowError) as error:  # base64's, orjson's and pydantic's errors are ValueErrors
        wrong = {"type": "cursor", "loc": ("query", "cursor"), "msg": "not a cursor of this list"}
        raise RequestValidationError([wrong]) from error


def _values(cursor: str, columns: Sequence[_Column]) -> list[Any]:
    tag, *values = orjson.loads(base64url.decode(cursor))
    if tag != _tag(columns):
        raise ValueError("a cursor of another list")
    return [column.read(value) for column, value in zip(columns, values, strict=True)]
