"""Spans as they arrive by OTLP/HTTP (opentelemetry-proto 1.x), as plain values."""

import zlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span as ProtoSpan
from opentelemetry.proto.trace.v1.trace_pb2 import Status

MEDIA_TYPE = "application/x-protobuf"
LARGEST_BODY = 32 * 1024 * 1024
ROUTING_KEY = "messaging.rabbitmq.destination.routing_key"
KINDS = {0: "unspecified", 1: "internal", 2: "server", 3: "client", 4: "producer", 5: "consumer"}
ACCEPTED = ExportTraceServiceResponse().SerializeToString()

Value = str | bool | int | float | list[Any] | dict[str, Any] | None


class NotUnderstoodError(Exception):
    """A body that is no export request, or one that is too large."""


@dataclass(frozen=True, slots=True)
class Link:
    """What a span points at: a span of another trace."""

    trace_id: str
    span_id: str


@dataclass(frozen=True, slots=True)
class Span:
    """A finished piece of work. Ids are lower-case hexadecimal, times are nanoseconds since the epoch."""

    trace_id: str
    span_id: str
    parent_id: str
    name: str
    service: str
    kind: str
    start: int
    end: int
    error: str | None
    """What went wrong, an empty text for a failure that says nothing more, None for no failure."""
    attributes: dict[str, Value]
    events: tuple[tuple[str, int], ...]
    links: tuple[Link, ...]

    @property
    def label(self) -> str:
        """The name, and for a message the event that it carries: semantic conventions keep it out of the name."""
        return f"{self.name} {self.attributes.get(ROUTING_KEY) or ''}".rstrip()

    @property
    def milliseconds(self) -> float:
        """How long it took."""
        return max(0, self.end - self.start) / 1e6

    @property
    def started(self) -> datetime:
        """When it began, to the microsecond."""
        return datetime.fromtimestamp(self.start // 1000 / 1e6, UTC)


def unpacked(body: bytes, encoding: str) -> bytes:
    """The body without its content encoding; never more than 32 MB of it."""
    if encoding in ("", "identity"):
        return body
    if encoding != "gzip":
        raise NotUnderstoodError(f"content encoding {encoding} is not known")
    unzip = zlib.decompressobj(wbits=31)
    try:
        plain = unzip.decompress(body, LARGEST_BODY)
    except zlib.error as error:
        raise NotUnderstoodError("not gzip") from error
    if unzip.unconsumed_tail or not unzip.eof:
        raise NotUnderstoodError("too large or cut off")
    return plain


def spans_of(body: bytes) -> list[Span]:
    """The spans of an export request; those without ids are left out."""
    try:
        request: Any = ExportTraceServiceRequest.FromString(body)
    except DecodeError as error:
        raise NotUnderstoodError("not an export request") from error
    return [
        _span(span, str(_attributes(resource.resource.attributes).get("service.name", "unknown")))
        for resource in request.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
        if len(span.trace_id) == 16 and len(span.span_id) == 8  # noqa: PLR2004 - W3C Trace Context
    ]


def _span(span: ProtoSpan, service: str) -> Span:
    attributes = _attributes(span.attributes)
    attributes |= _parameters(str(attributes.get("http.route", "")), str(attributes.get("url.path", "")))
    failed = span.status.code == Status.STATUS_CODE_ERROR
    return Span(
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_id=span.parent_span_id.hex(),
        name=span.name,
        service=service,
        kind=KINDS.get(span.kind, "unspecified"),
        start=span.start_time_unix_nano,
        end=span.end_time_unix_nano,
        error=str(span.status.message or attributes.get("error.type", "")) if failed else None,
        attributes=attributes,
        events=tuple((event.name, event.time_unix_nano) for event in span.events),
        links=tuple(Link(link.trace_id.hex(), link.span_id.hex()) for link in span.links),
    )


def _parameters(route: str, path: str) -> dict[str, Value]:
    """A route's parameters as attributes: the route /polls/{poll_id} makes the path's part `inspraak.poll_id`."""
    names, values = route.split("/"), path.split("/")
    if len(names) != len(values):
        return {}
    pairs = zip(names, values, strict=True)
    return {f"inspraak.{name[1:-1].partition(':')[0]}": value for name, value in pairs if name[:1] + name[-1:] == "{}"}


def _attributes(pairs: Any) -> dict[str, Value]:
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(value: AnyValue) -> Value:
    kind = value.WhichOneof("value")
    match kind:
        case None:
            return None
        case "array_value":
            return [_value(item) for item in value.array_value.values]
        case "kvlist_value":
            return _attributes(value.kvlist_value.values)
        case "bytes_value":
            return value.bytes_value.hex()
        case _:
            plain: Value = getattr(value, kind)
            return plain
