from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from chassis import messaging_telemetry
from chassis.db import create_engine, session_maker, tenant_session
from chassis.due import Due, Timers, at
from chassis.testing import Database
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from sqlalchemy.ext.asyncio import AsyncSession

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


async def test_a_timers_effect_links_to_where_the_timer_was_set_and_repeated_ones_to_nothing(
    tables: Callable[..., Awaitable[Database]], monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(ended))
    tracer = provider.get_tracer("test")
    monkeypatch.setattr(messaging_telemetry, "_tracer", tracer)
    timers = Timers()

    @timers("close_poll")
    async def close(_subject: UUID, _session: AsyncSession, _now: datetime) -> None: ...

    @timers.every("sweep", timedelta(hours=1))
    async def sweep(_session: AsyncSession, _now: datetime) -> None: ...

    database = await tables(Due)
    engine = create_engine(database.url, pool=2)
    sessions = session_maker(engine)
    with tracer.start_as_current_span("schedule") as planned:
        async with tenant_session(sessions, uuid4()) as session:
            await at(session, "close_poll", subject=uuid4(), when=NOW)
    await timers._seed(sessions)
    for hour in range(3):
        while await timers.run_next(sessions, datetime.now(UTC) + timedelta(hours=hour)):
            pass
    await engine.dispose()
    links = {span.name: [link.context for link in span.links] for span in ended.get_finished_spans()}
    made_in = planned.get_span_context()
    assert [(link.trace_id, link.span_id) for link in links["timer close_poll"]] == [
        (made_in.trace_id, made_in.span_id)
    ]
    assert links["timer sweep"] == []
    assert [span.name for span in ended.get_finished_spans()].count("timer sweep") == 3
