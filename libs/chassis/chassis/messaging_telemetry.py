"""Spans and numbers of messages and timers.

Follows OpenTelemetry's semantic conventions for messaging 1.44. A message is made in one trace and handled in
others, so "send" and "process" spans begin traces of their own and link to the one that made the message: whoever shows
a trace follows the links. The outbox row and the message's header keep where it was made as a W3C `traceparent`.
"""

import contextlib
import time
from collections.abc import Iterator, Sequence
from typing import Any

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Link, Span, SpanKind
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from prometheus_client import Counter, Gauge, Histogram

from chassis.telemetry import fail

PENDING = Gauge("outbox_pending", "Events that wait in the outbox")
OLDEST = Gauge("outbox_oldest_unpublished_seconds", "Age of the oldest event in the outbox, 0 when it is empty")
PUBLISHED = Counter("events_published_total", "Events that the broker confirmed")
HANDLED = Counter("events_handled_total", "Deliveries by what became of them", ("outcome",))
LAG = Histogram(
    "consumer_lag_seconds",
    "Time from a fact to the end of its handling here; facts are stamped to the second",
    buckets=(2, 5, 15, 30, 60, 300, 900, 3600),
)
QUEUED = Gauge("queue_messages", "Messages that wait in a service's queue to be taken", ("queue",))
CONSUMERS_MISSING = Gauge("consumers_missing", "Consumers of a queue that a worker should have and has not", ("queue",))
PARKED = Gauge("parked_messages", "Messages that no retry could heal or nobody wanted", ("queue",))
OVERDUE = Gauge("due_overdue_seconds", "How late the latest waiting timer is, 0 when none is late")
PARKED_TIMERS = Gauge("due_parked", "Timers that failed too often")
RABBITMQ = {"messaging.system": "rabbitmq"}
_propagator = TraceContextTextMapPropagator()
_tracer = trace.get_tracer("inspraak.messaging")


def current_traceparent() -> str | None:
    """Where we are, as a W3C traceparent; None outside any trace."""
    carrier: dict[str, str] = {}
    _propagator.inject(carrier)
    return carrier.get("traceparent")


def _links(traceparent: str | None) -> list[Link]:
    if traceparent is None:
        return []
    made_in = trace.get_current_span(_propagator.extract({"traceparent": traceparent}, context=Context()))
    return [Link(made_in.get_span_context())] if made_in.get_span_context().is_valid else []


@contextlib.contextmanager
def send_spans(exchange: str, rows: Sequence[Any]) -> Iterator[None]:
    """One span "send" for each row of the outbox, for as long as the batch takes to be confirmed."""
    spans = [_start_send(exchange, row) for row in rows]
    try:
        yield
    except BaseException as error:
        for span in spans:
            fail(span, error)
        raise
    finally:
        for span in spans:
            span.end()


def _start_send(exchange: str, row: Any) -> Span:
    attributes = RABBITMQ | {
        "messaging.operation.type": "send",
        "messaging.operation.name": "send",
        "messaging.destination.name": exchange,
        "messaging.rabbitmq.destination.routing_key": row.type,
        "messaging.message.id": str(row.event_id),
    }
    name, links = f"send {exchange}", _links(row.traceparent)
    return _tracer.start_span(name, Context(), SpanKind.PRODUCER, attributes=attributes, links=links)


@contextlib.contextmanager
def process_span(queue: str, *, message_id: str | None, event_type: str | None, traceparent: Any) -> Iterator[None]:
    """The span "process" around a handler; what the handler emits belongs to it."""
    attributes = RABBITMQ | {
        "messaging.operation.type": "process",
        "messaging.operation.name": "process",
        "messaging.destination.name": queue,
        "messaging.rabbitmq.destination.routing_key": event_type or "",
        "messaging.message.id": message_id or "",
    }
    links = _links(traceparent if isinstance(traceparent, str) else None)
    with _root(f"process {queue}", SpanKind.CONSUMER, attributes, links):
        yield


@contextlib.contextmanager
def timer_span(kind: str, traceparent: str | None) -> Iterator[None]:
    """The span around a timer's effect, linked to where the timer was set."""
    with _root(f"timer {kind}", SpanKind.INTERNAL, {"inspraak.timer.kind": kind}, _links(traceparent)):
        yield


@contextlib.contextmanager
def _root(name: str, kind: SpanKind, attributes: dict[str, str], links: list[Link]) -> Iterator[None]:
    with _tracer.start_as_current_span(
        name, Context(), kind, attributes, links, record_exception=False, set_status_on_exception=False
    ) as span:
        try:
            yield
        except BaseException as error:
            fail(span, error)
            raise


def seconds_since(timestamp: float | None) -> float:
    """How long ago a moment was, in seconds since the epoch; 0 for none and for the future."""
    return max(0.0, time.time() - timestamp) if timestamp is not None else 0.0
