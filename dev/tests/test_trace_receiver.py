import asyncio
import gzip
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import aiohttp
import pytest
from chassis import messaging_telemetry
from chassis.testing import serving
from hypothesis import given
from hypothesis import strategies as st
from inspraak_dev.trace_receiver import TraceStore, otlp, receiver, view
from inspraak_dev.trace_receiver.otlp import Link, Span
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.trace import SpanKind, Status, StatusCode, Tracer, set_span_in_context

POLL = str(uuid4())
PROTOBUF = {"content-type": "application/x-protobuf"}


@dataclass
class Receiver:
    url: str
    http: aiohttp.ClientSession
    store: TraceStore
    providers: dict[str, TracerProvider] = field(default_factory=dict)

    def tracer(self, service: str, compression: Compression = Compression.Gzip) -> Tracer:
        """A tracer of the real SDK, whose exporter sends each span over real HTTP as it ends."""
        if service not in self.providers:
            provider = TracerProvider(resource=Resource.create({"service.name": service}))
            exporter = OTLPSpanExporter(f"{self.url}/v1/traces", timeout=5, compression=compression)
            provider.add_span_processor(SimpleSpanProcessor(exporter))
            self.providers[service] = provider
        return self.providers[service].get_tracer("test")

    async def get(self, path: str, status: int = 200, **query: str) -> Any:
        async with self.http.get(self.url + path, params=query) as answer:
            assert answer.status == status, await answer.text()
            return await (answer.json() if path.startswith("/api") else answer.text())


@pytest.fixture
async def running() -> AsyncIterator[Receiver]:
    store = TraceStore()
    async with serving(receiver(store)) as url, aiohttp.ClientSession() as http:
        served = Receiver(url, http, store)
        yield served
        for provider in served.providers.values():
            await asyncio.to_thread(provider.shutdown)


def vote(running: Receiver) -> str:
    """gateway -> voting, about a poll; the trace's id."""
    gateway, voting = running.tracer("gateway"), running.tracer("voting", Compression.NoCompression)
    with gateway.start_as_current_span("PUT /api/v1/polls/{poll_id}/vote", Context(), SpanKind.SERVER) as outer:
        here = set_span_in_context(outer)
        with voting.start_as_current_span("PUT /api/v1/polls/{poll_id}/vote", here, SpanKind.SERVER) as inner:
            inner.set_attribute("inspraak.poll_id", POLL)
            inner.set_attribute("http.response.status_code", 200)
            inner.add_event("committed")
    return f"{outer.get_span_context().trace_id:032x}"


def close_and_notify(running: Receiver, monkeypatch: pytest.MonkeyPatch) -> str:
    """The chassis' own spans of a poll that closes, an event that is sent, handled and told on; the close's id."""

    def by(service: str) -> None:
        monkeypatch.setattr(messaging_telemetry, "_tracer", running.tracer(service))

    by("voting")
    closing = running.tracer("voting").start_span("timer close_poll", Context())
    closing.set_attribute("inspraak.poll_id", POLL)
    context = closing.get_span_context()
    traceparent = f"00-{context.trace_id:032x}-{context.span_id:016x}-01"
    closing.end()
    row = SimpleNamespace(type="voting.poll_closed.v1", event_id=uuid4(), traceparent=traceparent)
    with messaging_telemetry.send_spans("events", [row]):
        pass
    by("notifications")
    facts = {"message_id": str(row.event_id), "event_type": row.type, "traceparent": traceparent}
    with (
        pytest.raises(ConnectionError),
        messaging_telemetry.process_span("notifications", **facts),
    ):
        raise ConnectionError
    with messaging_telemetry.process_span("notifications", **facts):
        inside = messaging_telemetry.current_traceparent()
    mail = SimpleNamespace(type="notifications.mail_sent.v1", event_id=uuid4(), traceparent=inside)
    with messaging_telemetry.send_spans("events", [mail]):
        pass
    return f"{context.trace_id:032x}"


def names(segment: dict[str, Any]) -> Any:
    return [span["name"] for span in segment["spans"]], [names(below) for below in segment["linked"]]


async def test_spans_of_the_real_sdk_arrive_with_all_they_say(running: Receiver) -> None:
    trace_id = await asyncio.to_thread(vote, running)
    shown = await running.get(f"/api/traces/{trace_id}")
    [tree] = shown["trees"]
    outer, inner = tree["spans"]
    assert (outer["service"], outer["kind"], outer["depth"], outer["parent_id"]) == ("gateway", "server", 0, None)
    assert (inner["service"], inner["depth"], inner["parent_id"]) == ("voting", 1, outer["span_id"])
    assert inner["attributes"] == {"inspraak.poll_id": POLL, "http.response.status_code": 200}
    assert inner["events"] == ["committed"]
    assert inner["error"] is None
    assert 0 <= inner["milliseconds"] <= outer["milliseconds"] == tree["milliseconds"]


async def test_links_are_followed_from_the_fact_to_its_consequences_and_back(
    running: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    closing = await asyncio.to_thread(close_and_notify, running, monkeypatch)
    shown = await running.get(f"/api/traces/{closing}", follow="links")
    [tree] = shown["trees"]
    send, failed, handled = tree["linked"]
    assert names(tree)[0] == ["timer close_poll"]
    assert names(send) == (["send events"], [])
    assert names(failed) == (["process notifications"], [])
    assert failed["spans"][0]["error"] == "ConnectionError"
    assert names(handled) == (["process notifications"], [(["send events"], [])])
    assert [send["spans"][0]["label"], failed["spans"][0]["label"]] == [
        "send events voting.poll_closed.v1",
        "process notifications voting.poll_closed.v1",
    ]
    assert {below["hangs_from"] for below in tree["linked"]} == {tree["spans"][0]["span_id"]}
    for start in (send, handled, handled["linked"][0]):
        again = await running.get(f"/api/traces/{start['trace_id']}", follow="links")
        assert again["trees"] == shown["trees"]
    alone = await running.get(f"/api/traces/{closing}")
    assert alone["trees"][0]["linked"] == []


async def test_what_is_about_the_same_poll_can_be_shown_together(
    running: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    voted = await asyncio.to_thread(vote, running)
    closing = await asyncio.to_thread(close_and_notify, running, monkeypatch)
    by_links = await running.get(f"/api/traces/{voted}", follow="links")
    assert [tree["trace_id"] for tree in by_links["trees"]] == [voted]
    by_subject = await running.get(f"/api/traces/{voted}", follow="links", also="inspraak.poll_id")
    assert [tree["trace_id"] for tree in by_subject["trees"]] == [voted, closing]
    assert len(by_subject["trees"][1]["linked"]) == 3
    listed = await running.get("/api/traces", attr=f"inspraak.poll_id={POLL}")
    assert [trace["trace_id"] for trace in listed["traces"]] == [closing, voted]
    spans = await running.get("/api/spans", attr=f"inspraak.poll_id={POLL}")
    assert [span["service"] for span in spans["spans"]] == ["voting", "voting"]
    assert (await running.get("/api/spans", attr="inspraak.poll_id=none"))["spans"] == []
    assert len((await running.get("/api/spans", name="send events", service="voting"))["spans"]) == 1
    assert len((await running.get("/api/traces", service="gateway"))["traces"]) == 1


async def test_a_test_waits_for_spans_and_not_for_a_while(running: Receiver) -> None:
    version = (await running.get("/api/traces"))["version"]
    waiting = asyncio.create_task(running.get("/api/spans", newer=str(version), wait="30"))
    await asyncio.to_thread(vote, running)
    async with asyncio.timeout(10):
        assert (await waiting)["version"] > version
    assert (await running.get("/api/spans", newer="1000000", wait="0.05"))["version"] > version


async def test_the_pages_show_the_traces_and_what_connects_them(
    running: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "No trace yet" in await running.get("/")
    voted = await asyncio.to_thread(vote, running)
    closing = await asyncio.to_thread(close_and_notify, running, monkeypatch)
    listed = await running.get("/")
    assert "PUT /api/v1/polls/{poll_id}/vote" in listed
    assert "failed" in listed
    assert "No trace fits" in await running.get("/", service="nobody")
    page = await running.get(f"/traces/{voted}")
    assert POLL in page
    assert "timer close_poll" not in page
    page = await running.get(f"/traces/{voted}", also="inspraak.poll_id")
    for shown in ("timer close_poll", "process notifications", "failed: ConnectionError", closing):
        assert shown in page


async def test_what_a_span_says_is_shown_and_never_run(running: Receiver) -> None:
    def hostile() -> str:
        tracer = running.tracer("<script>alert(1)</script>")
        with tracer.start_as_current_span("<script>alert(2)</script>", Context()) as span:
            span.set_attribute("inspraak.<b>", "<script>alert(3)</script>")
            span.set_status(Status(StatusCode.ERROR, "<script>alert(4)</script>"))
        return f"{span.get_span_context().trace_id:032x}"

    trace_id = await asyncio.to_thread(hostile)
    for path in ("/", f"/traces/{trace_id}"):
        assert "<script>" not in await running.get(path)


async def test_a_trace_that_is_not_there_is_a_404(running: Receiver) -> None:
    await running.get("/traces/" + "0" * 32, 404)
    assert (await running.get("/api/traces/" + "0" * 32, 404))["code"] == "not_found"


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"\xff\xff\xff", PROTOBUF, 400),
        (b"{}", {"content-type": "application/json"}, 415),
        (b"not gzip", PROTOBUF | {"content-encoding": "gzip"}, 400),
        (gzip.compress(b"x" * 100)[:-10], PROTOBUF | {"content-encoding": "gzip"}, 400),
        (gzip.compress(b"\0" * (otlp.LARGEST_BODY + 1)), PROTOBUF | {"content-encoding": "gzip"}, 400),
        (b"", PROTOBUF | {"content-encoding": "br"}, 400),
        (b"", PROTOBUF, 200),
    ],
    ids=["rubbish", "json", "not gzip", "cut off", "too large", "brotli", "empty"],
)
async def test_a_body_that_cannot_be_understood_is_refused(
    running: Receiver, body: bytes, headers: dict[str, str], status: int
) -> None:
    async with running.http.post(f"{running.url}/v1/traces", data=body, headers=headers) as answer:
        assert answer.status == status


def span(trace: int, number: int, *, parent: int = 0, start: int = 0, links: tuple[int, ...] = ()) -> Span:
    parent_id = f"{parent:016x}" if parent else ""
    linked = tuple(Link(f"{target:032x}", f"{1:016x}") for target in links)
    about: dict[str, otlp.Value] = {"inspraak.poll_id": trace % 3}
    ids = (f"{trace:032x}", f"{number:016x}", parent_id)
    return Span(*ids, f"span {number}", "voting", "internal", start, start + 5, None, about, (), linked)


async def test_memory_is_bounded_and_the_oldest_traces_go_first() -> None:
    store = TraceStore(spans=4)
    for trace in range(1, 6):
        await store.add([span(trace, 1, links=(trace - 1,)), span(trace, 2, parent=1)])
    assert [trace.trace_id for trace in store.latest()] == [f"{trace:032x}" for trace in (5, 4)]
    assert store.linking_to(f"{3:032x}") == [f"{4:032x}"]
    assert store.linking_to(f"{1:032x}") == []
    assert store.about("inspraak.poll_id", "0") == []
    await store.add(span(9, number) for number in range(1, 50))
    assert [len(trace.spans) for trace in store.latest()] == [4]


Make = Callable[[list[Span]], TraceStore]
GRAPHS = st.lists(
    st.builds(
        span,
        st.integers(1, 6),
        st.integers(1, 5),
        parent=st.integers(0, 6),
        start=st.integers(0, 50),
        links=st.tuples(st.integers(1, 7)) | st.just(()),
    ),
    min_size=1,
    max_size=30,
)


@given(spans=GRAPHS)
async def test_any_spans_make_a_view_with_each_of_them_once(spans: list[Span]) -> None:
    store = TraceStore()
    await store.add(spans)
    first = next(iter(store.latest()))
    shown = view.connected(store, first)
    traces = [segment.trace.trace_id for segment, _ in shown]
    assert len(traces) == len(set(traces))
    assert first.trace_id in traces
    for segment, _ in shown:
        assert sorted(row.span.span_id for row in segment.rows) == sorted(segment.trace.spans)
        assert all(row.left >= 0 and 0 < row.width <= 1000 - row.left for row in segment.rows)
    everything = view.connected(store, first, also=["inspraak.poll_id"], most=2)
    assert len(list(everything)) <= 2


async def test_a_view_says_how_many_traces_it_leaves_out() -> None:
    store = TraceStore()
    await store.add(span(trace, 1) for trace in range(3, 33, 3))
    first = next(iter(store.latest()))
    shown = view.connected(store, first, also=["inspraak.poll_id"], most=4)
    assert (len(list(shown)), shown.left_out) == (4, 6)


async def test_the_parameters_of_a_route_are_attributes(running: Receiver) -> None:
    def request() -> None:
        with running.tracer("voting").start_as_current_span("GET", Context()) as span:
            span.set_attribute("http.route", "/api/v1/polls/{poll_id}/options/{number:int}")
            span.set_attribute("url.path", "/api/v1/polls/0198/options/3")

    await asyncio.to_thread(request)
    [found] = (await running.get("/api/spans", attr="inspraak.poll_id=0198"))["spans"]
    assert found["attributes"]["inspraak.number"] == "3"


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [(0.0004, "0 µs"), (0.25, "250 µs"), (1.234, "1.23 ms"), (999, "999 ms"), (1500, "1.5 s"), (90_000, "1.5 min")],
)
def test_durations_are_told_in_the_unit_that_fits(milliseconds: float, text: str) -> None:
    assert view.duration(milliseconds) == text
