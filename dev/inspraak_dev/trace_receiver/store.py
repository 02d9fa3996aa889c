"""The spans that arrived, in memory: so many at the most, the oldest traces go first."""

import asyncio
from collections import OrderedDict, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TypeVar

from inspraak_dev.trace_receiver.otlp import Span

K = TypeVar("K")
MOST_SPANS = 30_000
INDEXED = "inspraak."  # our own attributes: what a span is about, never what somebody wrote


@dataclass
class Trace:
    """The spans of one trace so far, by id."""

    trace_id: str
    spans: dict[str, Span] = field(default_factory=dict)

    @property
    def start(self) -> int:
        """When the first span began, in nanoseconds since the epoch."""
        return min(span.start for span in self.spans.values())

    @property
    def end(self) -> int:
        """When the last span ended."""
        return max(span.end for span in self.spans.values())

    @property
    def milliseconds(self) -> float:
        """From the first beginning to the last end."""
        return (self.end - self.start) / 1e6

    @property
    def root(self) -> Span:
        """The span that has no parent here; the earliest if there are several."""
        roots = [span for span in self.spans.values() if span.parent_id not in self.spans]
        return min(roots or self.spans.values(), key=lambda span: span.start)

    @property
    def title(self) -> str:
        """What the trace is called: the gateway knows only where a request goes, the service it goes to knows what."""
        root = self.root
        inner = [span for span in self.spans.values() if span.parent_id == root.span_id and span.kind == "server"]
        return inner[0].name if root.kind == "server" and len(inner) == 1 else root.label

    @property
    def services(self) -> list[str]:
        """Who took part, in the order in which they did."""
        return list(dict.fromkeys(span.service for span in sorted(self.spans.values(), key=lambda span: span.start)))

    @property
    def failed(self) -> bool:
        """Whether any span says that it failed."""
        return any(span.error is not None for span in self.spans.values())


class TraceStore:
    """Keeps traces, knows who links to whom and what each is about, and wakes those who wait for more."""

    def __init__(self, *, spans: int = MOST_SPANS) -> None:
        """At most so many spans."""
        self._most = spans
        self._count = 0
        self._traces: OrderedDict[str, Trace] = OrderedDict()
        self._linking: defaultdict[str, dict[str, None]] = defaultdict(dict)  # a trace -> those that link to it
        self._about: defaultdict[tuple[str, str], dict[str, None]] = defaultdict(dict)  # an attribute -> traces
        self.version = 0
        self._news = asyncio.Condition()

    async def add(self, spans: Iterable[Span]) -> None:
        """Keep spans, and let the oldest traces go where they need the room."""
        for span in spans:
            self._keep(span)
        while self._count > self._most and len(self._traces) > 1:
            self._forget(next(iter(self._traces)))
        self.version += 1
        async with self._news:
            self._news.notify_all()

    async def newer(self, version: int, seconds: float) -> None:
        """Wait until something arrived after this version, or so many seconds."""
        try:
            async with asyncio.timeout(seconds), self._news:
                await self._news.wait_for(lambda: self.version > version)
        except TimeoutError:
            return

    def get(self, trace_id: str) -> Trace | None:
        """A trace by its id."""
        return self._traces.get(trace_id)

    def latest(self) -> Iterator[Trace]:
        """All traces, the one that began to arrive last first."""
        return reversed(self._traces.values())

    def linking_to(self, trace_id: str) -> list[str]:
        """The traces that have a span that links to this one, in the order in which they arrived."""
        return list(self._linking.get(trace_id, ()))

    def about(self, key: str, value: str) -> list[str]:
        """The traces that have a span with this attribute, in the order in which they arrived."""
        return list(self._about.get((key, value), ()))

    def __len__(self) -> int:
        return len(self._traces)

    def _keep(self, span: Span) -> None:
        trace = self._traces.setdefault(span.trace_id, Trace(span.trace_id))
        if len(trace.spans) >= self._most and span.span_id not in trace.spans:
            return  # one trace without end must not grow for ever
        self._count += span.span_id not in trace.spans
        trace.spans[span.span_id] = span
        for link in span.links:
            self._linking[link.trace_id][span.trace_id] = None
        for key in _indexed(span):
            self._about[key][span.trace_id] = None

    def _forget(self, trace_id: str) -> None:
        trace = self._traces.pop(trace_id)
        self._count -= len(trace.spans)
        for span in trace.spans.values():
            for link in span.links:
                _drop(self._linking, link.trace_id, trace_id)
            for key in _indexed(span):
                _drop(self._about, key, trace_id)


def _indexed(span: Span) -> Iterator[tuple[str, str]]:
    return ((key, str(value)) for key, value in span.attributes.items() if key.startswith(INDEXED))


def _drop(index: defaultdict[K, dict[str, None]], key: K, trace_id: str) -> None:
    index[key].pop(trace_id, None)
    if not index[key]:
        del index[key]
