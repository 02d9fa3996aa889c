"""Traces by OpenTelemetry, metrics by prometheus_client, logs as one JSON object a line.

What a person wrote, chose or is called never becomes an attribute or a label.
"""

import contextlib
import json
import logging
import sys
from collections.abc import Iterator, MutableMapping, Sequence
from traceback import format_tb
from types import TracebackType
from typing import TYPE_CHECKING, Any

from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import Span, SpanKind, Status, StatusCode
from prometheus_client import Gauge, Histogram

from chassis.settings import Settings

if TYPE_CHECKING:
    from fastapi.telemetry import TelemetryConfig

REQUEST_SECONDS = Histogram(
    "http_server_request_duration_seconds",
    "Time from a request's arrival to the end of its answer",
    ("service", "method", "route", "code"),
    buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
ACTIVE_REQUESTS = Gauge("http_server_active_requests", "Requests that wait for their answer", ("service",))
SAMPLED = frozenset((b"1", b"3", b"5", b"7", b"9", b"b", b"d", b"f"))  # an odd hexadecimal digit
QUERY = "url.query"
ADDRESSES = frozenset({QUERY, "url.full", "url.path", "http.url", "http.target", "inspraak.path"})
tracer = trace.get_tracer("inspraak")


class JsonLines(logging.Formatter):
    """One JSON object a line, with the trace that the line belongs to.

    An exception is told by its type and its frames. Its text may hold what went wrong for whom: an address in a mail
    server's answer, a sentence in a row that a constraint refused.
    """

    def format(self, record: logging.LogRecord) -> str:
        message = record.getMessage()
        entry: dict[str, Any] = {
            "time": self.formatTime(record, "%Y-%m-%dT%H:%M:%S%z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            # asyncio writes the exception's text below its own first line
            "message": message.partition("\n")[0] if record.name == "asyncio" else message,
        }
        context = trace.get_current_span().get_span_context()
        if context.is_valid:
            entry["trace_id"] = f"{context.trace_id:032x}"
        if record.exc_info and record.exc_info[1]:
            entry["exception"] = "\n".join(frames(record.exc_info[1]))
        return json.dumps(entry, default=str)


def frames(error: BaseException, *, depth: int = 4) -> Iterator[str]:
    """What exceptions there were and where, outermost last, without a word of theirs; at most `depth` in a chain."""
    before = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if before and depth > 1:
        yield from frames(before, depth=depth - 1)
    if isinstance(error, BaseExceptionGroup) and depth > 1:
        for part in error.exceptions[:depth]:
            yield from frames(part, depth=depth - 1)
    yield "".join(format_tb(error.__traceback__)) + type(error).__qualname__


def set_up(service: str, settings: Settings) -> None:
    """Logs to standard error and, where a collector is named, spans to it. Call once, first thing in a process."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    sys.excepthook = _log_the_end
    if settings.otlp_url is None:
        return
    # Only here, since it brings protobuf and requests along
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415

    provider = TracerProvider(
        resource=Resource.create({"service.name": service, "deployment.environment.name": settings.environment}),
        sampler=ParentBased(TraceIdRatioBased(settings.trace_ratio)),
    )
    exporter = WithoutQueries(OTLPSpanExporter(endpoint=settings.otlp_url, timeout=5))
    provider.add_span_processor(BatchSpanProcessor(exporter))
    trace.set_tracer_provider(provider)


class WithoutQueries(SpanExporter):
    """Sends spans on by another exporter, without what stood behind the `?` of an address.

    There are e-mail addresses and tokens in queries, and whoever makes a span may put its request's address in it.
    """

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send them."""
        return self._exporter.export([without_query(each) for each in spans])

    def shutdown(self) -> None:
        """Send nothing more."""
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Send what waits."""
        return self._exporter.force_flush(timeout_millis)


def without_query(span: ReadableSpan) -> ReadableSpan:
    """The span, its addresses cut off before the query."""
    attributes = span.attributes or {}
    if attributes.keys().isdisjoint(ADDRESSES):
        return span
    kept = {
        name: value.partition("?")[0] if name in ADDRESSES and isinstance(value, str) else value
        for name, value in attributes.items()
        if name != QUERY
    }
    return ReadableSpan(
        name=span.name,
        context=span.context,
        parent=span.parent,
        resource=span.resource,
        attributes=kept,
        events=span.events,
        links=span.links,
        kind=span.kind,
        status=span.status,
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=span.instrumentation_scope,
    )


def _log_the_end(kind: type[BaseException], error: BaseException, where: TracebackType | None) -> None:
    logging.getLogger("chassis").critical("the process ends", exc_info=(kind, error, where))


def of_fastapi(settings: Settings) -> "TelemetryConfig":
    """FastAPI's own spans, for the requests that somebody traces: starting a span that nobody keeps costs 150 us.

    Validation errors and stack traces may hold what a person wrote, so its log records stay off.
    """
    traced = settings.otlp_url is not None
    return {"tracing": traced, "logs": False, "operation_spans": False, "metrics": False, "exclude": untraced}


def untraced(scope: MutableMapping[str, Any]) -> bool:
    """Whether the gateway, which decides, has not sampled this request (W3C Trace Context: the last bit of flags)."""
    for name, value in scope["headers"]:
        if name == b"traceparent":
            return value[-1:] not in SAMPLED
    return True


def shut_down() -> None:
    """Send the spans that still wait; a process calls it last."""
    provider = trace.get_tracer_provider()
    if isinstance(provider, TracerProvider):
        provider.shutdown()


@contextlib.contextmanager
def span(name: str, kind: SpanKind = SpanKind.INTERNAL, **attributes: str | int | bool) -> Iterator[Span]:
    """A span of our own; the attribute `poll_id` is written as `inspraak.poll_id`."""
    with tracer.start_as_current_span(
        name, kind=kind, record_exception=False, set_status_on_exception=False
    ) as current:
        for key, value in attributes.items():
            current.set_attribute(f"inspraak.{key}", value)
        try:
            yield current
        except BaseException as error:
            fail(current, error)
            raise


def fail(span: Span, error: BaseException) -> None:
    """Mark a span as failed. The exception is named, not recorded: its text may hold what a person wrote."""
    span.set_status(Status(StatusCode.ERROR))
    span.set_attribute("error.type", type(error).__name__)


def about(**attributes: object) -> None:
    """Say what the span that is under way is about, by ids: `about(poll_id=…)`; nothing outside a recorded trace."""
    current = trace.get_current_span()
    if current.is_recording():
        for key, value in attributes.items():
            current.set_attribute(f"inspraak.{key}", str(value))
