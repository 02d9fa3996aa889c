"""Numbers and traces."""

import contextlib
import re
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased

from gateway import telemetry

PARENT = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"


@contextlib.contextmanager
def collecting(world: Any, ratio: float) -> Iterator[InMemorySpanExporter]:
    """Let the gateway's fronts make spans into memory."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider(sampler=ParentBased(TraceIdRatioBased(ratio)))
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    for front in (world.gateway.public, world.gateway.internal):
        front._tracer._tracer = provider.get_tracer("gateway")
    yield exporter
    provider.shutdown()


async def test_a_request_is_counted_by_route_and_not_by_path(world: Any) -> None:
    labels = '{code="200",method="GET",route="/api/v1/polls",service="gateway"}'
    before = await world.metric(f"http_server_request_duration_seconds_count{labels}")
    for number in range(3):
        await world.ask("GET", f"/api/v1/polls/{number}", headers=world.bearer())
    assert await world.metric(f"http_server_request_duration_seconds_count{labels}") - before == 3
    assert await world.metric('http_server_active_requests{service="gateway"}') == 0


async def test_a_request_is_a_span_and_the_service_goes_on_with_it(world: Any) -> None:
    with collecting(world, 1.0) as exporter:
        await world.ask("GET", "/api/v1/polls?secret=1", headers=world.bearer() | {"traceparent": PARENT})
        (span,) = exporter.get_finished_spans()
    assert span.name == "GET /api/v1/polls"
    assert span.parent is None  # a stranger's trace is not ours
    assert dict(span.attributes or {}) == {
        "http.request.method": "GET",
        "http.route": "/api/v1/polls",
        "http.response.status_code": 200,
        "inspraak.tenant": str(world.leuven.id),
    }
    sent = world.peers["voting"].got[-1].header("traceparent")
    assert sent == f"00-{span.context.trace_id:032x}-{span.context.span_id:016x}-01"


async def test_web_goes_on_with_its_own_trace(world: Any) -> None:
    with collecting(world, 0.0) as exporter:
        await world.ask_within("GET", "/api/v1/polls", headers=world.bearer() | {"traceparent": PARENT})
        (span,) = exporter.get_finished_spans()
    assert span.context.trace_id == int("a" * 32, 16)
    assert span.parent is not None
    assert span.parent.span_id == int("b" * 16, 16)


@pytest.mark.parametrize("ratio", [None, 0.0])
async def test_a_request_that_is_not_sampled_tells_services_not_to_sample(world: Any, ratio: float | None) -> None:
    with contextlib.nullcontext() if ratio is None else collecting(world, ratio):
        await world.ask("GET", "/api/v1/polls", headers=world.bearer())
    sent = str(world.peers["voting"].got[-1].header("traceparent"))
    assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-00", sent)


async def test_a_failure_is_an_error_of_the_span(start: Any, nobody: str) -> None:
    world = await start(urls={"voting": nobody})
    with collecting(world, 1.0) as exporter:
        await world.ask("GET", "/api/v1/polls", headers=world.bearer())
        (span,) = exporter.get_finished_spans()
    assert span.status.status_code.name == "ERROR"
    assert telemetry.SERVICE == "gateway"


async def test_neither_tokens_nor_addresses_are_logged(world: Any, caplog: pytest.LogCaptureFixture) -> None:
    headers = world.bearer() | {"cookie": "__Host-session=cookiesecret"}
    for path in ("/api/v1/polls?q=querysecret", "/api/v1/me", "/nl/"):
        await world.ask("GET", path, headers=headers)
        await world.ask("GET", path, headers=headers, host="gent.localhost")
    written = caplog.text
    for secret in (headers["authorization"][10:40], "cookiesecret", "querysecret", "127.0.0.1:"):
        assert secret not in written
