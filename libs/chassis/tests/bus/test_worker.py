"""The whole worker: what a service's process runs, and its numbers and traces."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from chassis import messaging_telemetry as telemetry
from chassis.db import Base, tenant_tables
from chassis.due import Timers, at
from chassis.events import decode
from chassis.handlers import Handlers
from chassis.outbox import emit
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncSession


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> InMemorySpanExporter:
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(telemetry, "_tracer", provider.get_tracer("test"))
    return exporter


async def test_the_current_state_is_sent_again_to_one_queue_with_its_own_sequence(rig: Any) -> None:
    states = [(rig.make(), sequence, uuid4()) for sequence in range(1, 1203)]

    async def source(_: Any) -> AsyncIterator[Any]:
        for state in states:
            yield state

    await rig.publisher().ready()
    assert await rig.worker().republish(source, rig.service) == [f"sent 1202 events to {rig.service}"]
    messages = [decode(message.body) for message in await rig.take(rig.service)]
    assert [(got.event, got.sequence, got.tenant) for got in messages] == states
    assert len({got.id for got in messages}) == 1202
    assert await rig.worker().republish(None, rig.service) == [f"{rig.service} has no state to send"]


async def test_the_worker_tells_how_much_waits_and_how_late_it_is(rig: Any) -> None:
    hour_ago = datetime.now(UTC) - timedelta(hours=1)
    async with rig.session() as session:
        emit(session, rig.make(), sequence=1, now=hour_ago)
        emit(session, rig.make(), sequence=2)
        await at(session, "unknown", subject=uuid4(), when=hour_ago)
    await rig.worker()._measure()
    assert telemetry.PENDING._value.get() == 2
    assert 3600 <= telemetry.OLDEST._value.get() < 3700
    assert 3600 <= telemetry.OVERDUE._value.get() < 3700
    before = telemetry.PUBLISHED._value.get()
    assert await rig.relay().send_batch() == 2
    assert telemetry.PUBLISHED._value.get() == before + 2
    await rig.worker()._measure()
    assert (telemetry.PENDING._value.get(), telemetry.OLDEST._value.get()) == (0, 0)


async def test_the_number_of_parked_messages_is_told(rig: Any, eventually: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr("chassis.consumer.WATCHED_EVERY", 0.1)

    async def told() -> bool:
        return bool(telemetry.PARKED.labels(rig.topology.parked)._value.get() == 2)

    async with rig.worker():
        await rig.publish(b"1", b"2")
        await eventually(told)


async def test_a_consumer_that_is_not_registered_is_told_as_missing(rig: Any, eventually: Any) -> None:
    missing = telemetry.CONSUMERS_MISSING.labels(rig.service)
    async with rig.worker(amqp_url="amqp://127.0.0.1:1/none"):
        await eventually(lambda: is_now(missing, 1))
    async with rig.worker():
        await eventually(lambda: is_now(missing, 0))


async def test_what_waits_in_a_queue_and_how_late_it_was_handled_is_told(
    rig: Any, eventually: Any, monkeypatch: Any
) -> None:
    monkeypatch.setattr("chassis.consumer.WATCHED_EVERY", 0.1)
    on, go_on, before = Handlers(), asyncio.Event(), telemetry.LAG._sum.get()

    @on(rig.thing)
    async def handle(event: Any, session: AsyncSession, _now: datetime) -> None:
        await go_on.wait()
        await rig.record(session, event.thing_id)

    await rig.publisher().ready()  # the queue is there before its consumer
    async with rig.session() as session:
        for sequence in (1, 2, 3):
            emit(session, rig.make(), sequence=sequence, now=datetime.now(UTC) - timedelta(minutes=10))
    await rig.relay().send_batch()
    async with rig.worker(on):
        await eventually(lambda: is_now(telemetry.QUEUED.labels(rig.service), 2))  # a new consumer takes one at a time
        go_on.set()
        await eventually(lambda: has_effects(rig, 3))
    assert telemetry.LAG._sum.get() - before >= 3 * 600


async def test_links_lead_from_a_request_over_its_event_to_what_its_handler_does(
    rig: Any, eventually: Any, spans: InMemorySpanExporter
) -> None:
    on = Handlers()

    @on(rig.thing)
    async def handle(event: Any, session: AsyncSession, _now: datetime) -> None:
        await rig.record(session, event.thing_id)
        with telemetry._tracer.start_as_current_span("inside"):
            pass

    with telemetry._tracer.start_as_current_span("request") as request:
        [event_id] = await rig.emit()
    async with rig.worker(on):
        await eventually(lambda: has_effect(rig))
    found = {span.name: span for span in spans.get_finished_spans()}
    send, process = found["send events"], found[f"process {rig.service}"]
    made_in = request.get_span_context()
    for span in (send, process):
        assert [(link.context.trace_id, link.context.span_id) for link in span.links] == [
            (made_in.trace_id, made_in.span_id)
        ]
        assert span.parent is None
        assert trace_of(span) != made_in.trace_id
    assert (send.kind, process.kind) == (SpanKind.PRODUCER, SpanKind.CONSUMER)
    assert trace_of(found["inside"]) == trace_of(process)
    common = {
        "messaging.system": "rabbitmq",
        "messaging.rabbitmq.destination.routing_key": rig.thing.type,
        "messaging.message.id": str(event_id),
    }
    for span, name, destination in ((send, "send", "events"), (process, "process", rig.service)):
        operation = {"messaging.operation.type": name, "messaging.operation.name": name}
        assert span.attributes == common | operation | {"messaging.destination.name": destination}


async def test_a_failing_effect_names_its_error_in_its_span_and_nothing_that_a_person_wrote(
    rig: Any, spans: InMemorySpanExporter
) -> None:
    timers = Timers()

    @timers("close")
    async def close(_subject: UUID, _session: AsyncSession, _now: datetime) -> None:
        raise ValueError("what a person wrote")

    async with rig.session() as session:
        await at(session, "close", subject=uuid4(), when=datetime.now(UTC))
    assert await timers.run_next(rig.sessions, datetime.now(UTC))
    [span] = spans.get_finished_spans()
    assert span.name == "timer close"
    assert span.attributes == {"inspraak.timer.kind": "close", "error.type": "ValueError"}
    assert (span.events, span.status.description) == ((), None)


async def test_without_a_trace_no_traceparent_is_kept(rig: Any) -> None:
    assert not trace.get_current_span().get_span_context().is_valid
    await rig.emit()
    assert [row[0] for row in await rig.rows("select traceparent from outbox")] == [None]


async def test_the_migration_makes_what_the_classes_describe(rig: Any) -> None:
    ours = {"outbox", "inbox", "due"}

    def differences(connection: Connection) -> list[Any]:
        def only_ours(entity: Any, name: str | None, kind: str, *_: Any) -> bool:
            return name in ours if kind == "table" else entity.table.name in ours

        context = MigrationContext.configure(connection, opts={"include_object": only_ours})
        return list(compare_metadata(context, Base.metadata))

    async with rig.engine.connect() as connection:
        assert await connection.run_sync(differences) == []


def test_the_tables_without_a_government_are_not_taken_for_tables_of_governments() -> None:
    assert not {"outbox", "inbox", "due"} & set(tenant_tables(Base.metadata))


async def test_a_worker_that_is_left_stops_everything_it_started(rig: Any) -> None:
    before = asyncio.all_tasks()
    async with rig.worker() as worker:
        await worker.consumer._publisher.ready()
    await asyncio.sleep(0.1)
    assert {task.get_name() for task in asyncio.all_tasks() - before} == set()


async def has_effect(rig: Any) -> bool:
    return bool(await rig.effects())


async def has_effects(rig: Any, number: int) -> bool:
    return len(await rig.effects()) == number


async def is_now(gauge: Any, value: float) -> bool:
    [sample] = next(iter(gauge.collect())).samples
    return bool(sample.value == value)


def trace_of(span: ReadableSpan) -> int:
    context = span.get_span_context()
    assert context is not None
    return context.trace_id
