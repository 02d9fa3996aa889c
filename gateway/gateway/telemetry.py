"""What the gateway measures. No label and no attribute holds a token, an address or a person."""

import random
from collections.abc import Iterable

from chassis.telemetry import ACTIVE_REQUESTS, REQUEST_SECONDS
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import Span, SpanKind, StatusCode, TraceFlags
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from prometheus_client import Counter, Gauge, Histogram

SERVICE = "gateway"
SHED = Counter("load_shed_total", "Requests sent away with 503 before they reached a service", ("service", "class"))
LIMITED = Counter("gateway_limited_total", "Requests sent away with 429", ("limit",))
LIMITS_ASKED = Counter("gateway_limits_asked_total", "Requests whose limit Redis was asked for", ("limit",))
LIMITS_ALONE = Gauge("gateway_limits_alone", "1 while Redis does not answer and this process limits alone")
CACHE = Counter("gateway_cache_total", "Anonymous GETs by what the cache did", ("outcome",))
CACHE_BYTES = Gauge("gateway_cache_bytes", "Bytes that the cache holds")
UPSTREAM_FAILURES = Counter("gateway_upstream_failures_total", "Requests that a service failed", ("service", "reason"))
GOVERNMENTS = Gauge("gateway_governments", "Governments in the routing table")
GOVERNMENTS_AGE = Gauge("gateway_governments_age_seconds", "Time since tenancy last answered for the table")
GONE = Counter("gateway_clients_gone_total", "Clients that left while their request waited")
ACTIVE = ACTIVE_REQUESTS.labels(SERVICE)
ERROR = 500

_observers: dict[tuple[str, str, int], Histogram] = {}
_propagator = TraceContextTextMapPropagator()


def observe(method: str, route: str, status: int, seconds: float) -> None:
    """One answered request."""
    key = (method, route, status)
    observer = _observers.get(key)
    if observer is None:
        observer = _observers[key] = REQUEST_SECONDS.labels(SERVICE, method, route, str(status))
    observer.observe(seconds)


class Tracer:
    """Begins a request's trace. Only web, by the internal listener, goes on with a trace of its own."""

    def __init__(self) -> None:
        self._tracer = trace.get_tracer(SERVICE) if isinstance(trace.get_tracer_provider(), TracerProvider) else None

    def begin(self, method: str, headers: Iterable[tuple[bytes, bytes]] | None) -> tuple[Span | None, bytes]:
        """A server span, None when nobody collects any, and the value of `traceparent` to send on.

        `headers`: the request's, when its caller is one of us.
        """
        if self._tracer is None:
            return None, _passed_on(headers) or b"00-%032x-%016x-00" % (random.getrandbits(128), random.getrandbits(64))
        context = None
        if headers is not None:
            carrier = {
                name.decode("latin-1"): value.decode("latin-1")
                for name, value in headers
                if name in {b"traceparent", b"tracestate"}
            }
            context = _propagator.extract(carrier)
        span = self._tracer.start_span(method, context=context or Context(), kind=SpanKind.SERVER)
        ours = span.get_span_context()
        flags = ours.trace_flags & TraceFlags.SAMPLED
        return span, b"00-%032x-%016x-%02x" % (ours.trace_id, ours.span_id, flags)


def _passed_on(headers: Iterable[tuple[bytes, bytes]] | None) -> bytes | None:
    return next((value for name, value in headers or () if name == b"traceparent"), None)


def end(span: Span, method: str, route: str, status: int, tenant: str | None) -> None:
    """Complete a span by the semantic conventions for HTTP servers."""
    if span.is_recording():
        span.update_name(f"{method} {route}")
        span.set_attributes({"http.request.method": method, "http.route": route, "http.response.status_code": status})
        if tenant is not None:
            span.set_attribute("inspraak.tenant", tenant)
        if status >= ERROR:
            span.set_status(StatusCode.ERROR)
    span.end()
