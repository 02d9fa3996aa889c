from collections.abc import Awaitable, Callable

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.operations import Operations
from chassis.db import create_engine
from chassis.idempotency import StoredAnswer
from chassis.keys import DataKey
from chassis.own_tables import create_idempotency_table, create_key_table
from chassis.testing import Database
from sqlalchemy import Connection, MetaData, Table, text

POLICIES = "select tablename, policyname from pg_policies order by 1"
FORCED = "select relname from pg_class where relforcerowsecurity order by 1"


def create_and_compare(connection: Connection) -> list[object]:
    context = MigrationContext.configure(connection)
    create_key_table(Operations(context))
    create_idempotency_table(Operations(context))
    wanted = MetaData(naming_convention=DataKey.metadata.naming_convention)
    for row in (DataKey, StoredAnswer):
        assert isinstance(row.__table__, Table)
        row.__table__.to_metadata(wanted)
    return list(compare_metadata(context, wanted))


async def test_the_frozen_tables_are_the_ones_that_the_code_uses(
    tables: Callable[..., Awaitable[Database]],
) -> None:
    database = await tables()
    engine = create_engine(database.owner_url, pool=2)
    async with engine.begin() as connection:
        assert await connection.run_sync(create_and_compare) == []
        assert (await connection.execute(text(POLICIES))).all() == [
            ("data_keys", "tenant"),
            ("idempotency_keys", "tenant"),
        ]
        assert (await connection.scalars(text(FORCED))).all() == ["data_keys", "idempotency_keys"]
    await engine.dispose()
