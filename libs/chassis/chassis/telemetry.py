"""Traces by OpenTelemetry, metrics by prometheus_client, logs as one JSON object a line.

What a person wrote, chose or is called never becomes an attribute or a label.
"""

import contextlib
import json
import logging
import sys
from collections.abc import Iterator, MutableMapping
from typing import Any

from fastapi.telemetry import TelemetryConfig
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import Span, SpanKind
from prometheus_client import Gauge, Histogram

from chassis.settings import Settings

REQUEST_SECONDS = Histogram(
    "http_server_request_duration_seconds",
    "Time from a request's arrival to the start of its answer",
    ("service", "method", "route", "code"),
    buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
ACTIVE_REQUESTS = Gauge("http_server_active_requests", "Requests that wait for their answer", ("service",))
SAMPLED = frozenset((b"1", b"3", b"5", b"7", b"9", b"b", b"d", b"f"))  # an odd hexadecimal digit
tracer = trace.get_tracer("inspraak")


class JsonLines(logging.Formatter):
    """One JSON object a line, with the trace that the line belongs to."""

    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, Any] = {
            "time": self.formatTime(record, "%Y-%m-%dT%H:%M:%S%z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        context = trace.get_current_span().get_span_context()
        if context.is_valid:
            entry["trace_id"] = f"{context.trace_id:032x}"
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return json.dumps(entry, default=str)


def set_up(service: str, settings: Settings) -> None:
    """Logs to standard error and, where a collector is named, spans to it. Call once, first thing in a process."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    if settings.otlp_url is None:
        return
    provider = TracerProvider(
        resource=Resource.create({"service.name": service, "deployment.environment.name": settings.environment}),
        sampler=ParentBased(TraceIdRatioBased(settings.trace_ratio)),
    )
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=settings.otlp_url, timeout=5)))
    trace.set_tracer_provider(provider)


def of_fastapi(settings: Settings) -> TelemetryConfig:
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
    with tracer.start_as_current_span(name, kind=kind) as current:
        for key, value in attributes.items():
            current.set_attribute(f"inspraak.{key}", value)
        yield current


def about(**attributes: object) -> None:
    """Say what the span that is under way is about, by ids: `about(poll_id=…)`; nothing outside a recorded trace."""
    current = trace.get_current_span()
    if current.is_recording():
        for key, value in attributes.items():
            current.set_attribute(f"inspraak.{key}", str(value))
