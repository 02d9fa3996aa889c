"""What belongs together: a trace, the traces that it links to and those that link to it, as one tree.

A message is made in one trace, sent in a second and handled in a third; the second and the third link to the first.
"""

import zlib
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from inspraak_dev.trace_receiver.otlp import Span
from inspraak_dev.trace_receiver.store import Trace, TraceStore

MOST_TRACES = 100
SERVICES = ("gateway", "web", "identity", "voting", "tenancy", "notifications")
COLOURS = 8


@dataclass(frozen=True)
class Row:
    """A span of a waterfall: how deep in its tree, and where its bar is, in thousandths of the trace's time."""

    span: Span
    depth: int
    left: int
    width: int


@dataclass
class Segment:
    """One trace of a connected view."""

    trace: Trace
    hangs_from: Span | None = None
    """The span of the segment above that this trace links to; None for one that begins a tree."""
    below: "list[Segment]" = field(default_factory=list)

    @property
    def rows(self) -> list[Row]:
        """The spans, each after its parent, those of one parent in the order in which they began."""
        start, length = self.trace.start, max(1, self.trace.end - self.trace.start)

        def row(span: Span, depth: int) -> Row:
            left = min(994, (span.start - start) * 1000 // length)
            return Row(span, depth, left, min(1000 - left, max(6, (span.end - span.start) * 1000 // length)))

        return [row(span, depth) for span, depth in in_tree_order(self.trace)]

    @property
    def later(self) -> float:
        """Milliseconds from the beginning of the span that it hangs from to its own."""
        return (self.trace.start - self.hangs_from.start) / 1e6 if self.hangs_from else 0.0

    def __iter__(self) -> "Iterator[tuple[Segment, int]]":
        """This segment and all below it, each with its depth."""
        stack = [(self, 0)]
        while stack:
            segment, depth = stack.pop()
            yield segment, depth
            stack += [(one, depth + 1) for one in reversed(segment.below)]


@dataclass(frozen=True)
class View:
    """Trees of traces, in the order in which they began; `left_out` traces more would belong to it."""

    trees: list[Segment]
    left_out: int

    def __iter__(self) -> Iterator[tuple[Segment, int]]:
        for tree in self.trees:
            yield from tree


def in_tree_order(trace: Trace) -> list[tuple[Span, int]]:
    """The spans of a trace with their depth, each after its parent; a span whose parent is missing stands at the left.

    Spans that are each other's parents, which no right tracer sends, stand at the left too.
    """
    children: dict[str, list[Span]] = {}
    for span in sorted(trace.spans.values(), key=lambda span: (span.start, -span.end)):
        children.setdefault(span.parent_id if span.parent_id in trace.spans else "", []).append(span)
    ordered: list[tuple[Span, int]] = []
    seen: set[str] = set()
    for first in [*children.get("", []), *trace.spans.values()]:
        stack = [(first, 0)]
        while stack:
            span, depth = stack.pop()
            if span.span_id not in seen:
                seen.add(span.span_id)
                ordered.append((span, depth))
                stack += [(child, depth + 1) for child in reversed(children.get(span.span_id, []))]
    return ordered


def alone(trace: Trace) -> View:
    """A trace without what it is linked with."""
    return View([Segment(trace)], 0)


def connected(store: TraceStore, trace: Trace, *, also: Sequence[str] = (), most: int = MOST_TRACES) -> View:
    """A trace with all that links lead to, followed both ways.

    `also` names attributes, for example `inspraak.poll_id`: what is about the same value belongs to it as well.
    """
    found, left_out = _gather(store, trace, also, most)
    segments = {one.trace_id: Segment(one) for one in sorted(found.values(), key=lambda one: one.start)}
    trees: list[Segment] = []
    for segment in segments.values():
        above = _above(segment, segments)
        (above.below if above else trees).append(segment)
    return View(trees, left_out)


def _gather(store: TraceStore, first: Trace, also: Sequence[str], most: int) -> tuple[dict[str, Trace], int]:
    found, left_out = {first.trace_id: first}, set[str]()
    queue = deque([first])
    while queue:
        for trace_id in _neighbours(store, queue.popleft(), also):
            trace = store.get(trace_id)
            if trace is None or trace_id in found:
                continue
            if len(found) == most:
                left_out.add(trace_id)
                continue
            found[trace_id] = trace
            queue.append(trace)
    return found, len(left_out)


def _neighbours(store: TraceStore, trace: Trace, also: Sequence[str]) -> Iterator[str]:
    for span in trace.spans.values():
        yield from (link.trace_id for link in span.links)
    yield from store.linking_to(trace.trace_id)
    values = {
        (key, str(span.attributes[key])) for span in trace.spans.values() for key in also if key in span.attributes
    }
    for key, value in sorted(values):
        yield from store.about(key, value)


def _above(segment: Segment, segments: dict[str, Segment]) -> Segment | None:
    """The segment that this one hangs from, by its first link that does not lead round in a circle."""
    for span in sorted(segment.trace.spans.values(), key=lambda span: span.start):
        for link in span.links:
            above = segments.get(link.trace_id)
            if above is not None and all(one is not above for one, _ in segment):
                segment.hangs_from = above.trace.spans.get(link.span_id, above.trace.root)
                return above
    return None


def colour(service: str) -> int:
    """The number of a service's colour: its own for those we know."""
    return SERVICES.index(service) if service in SERVICES else zlib.crc32(service.encode()) % COLOURS


def duration(milliseconds: float) -> str:
    """A duration to three figures, in the unit that fits."""
    for unit, size in (("min", 60_000.0), ("s", 1000.0), ("ms", 1.0)):
        if milliseconds >= size:
            return (
                f"{milliseconds / size:.3g} {unit}"
                if milliseconds < 1000 * size
                else f"{milliseconds / size:.0f} {unit}"
            )
    return f"{milliseconds * 1000:.0f} µs"


def span_as_json(span: Span) -> dict[str, Any]:
    """A span for tests and tools."""
    return {
        "trace_id": span.trace_id,
        "span_id": span.span_id,
        "parent_id": span.parent_id or None,
        "name": span.name,
        "label": span.label,
        "service": span.service,
        "kind": span.kind,
        "start": span.started.isoformat(),
        "milliseconds": span.milliseconds,
        "error": span.error,
        "attributes": span.attributes,
        "events": [name for name, _ in span.events],
        "links": [{"trace_id": link.trace_id, "span_id": link.span_id} for link in span.links],
    }


def segment_as_json(segment: Segment) -> dict[str, Any]:
    """A trace and what hangs from it, for tests and tools; its spans in tree order, each with its `depth`."""
    return {
        "trace_id": segment.trace.trace_id,
        "hangs_from": segment.hangs_from.span_id if segment.hangs_from else None,
        "later_milliseconds": segment.later,
        "milliseconds": segment.trace.milliseconds,
        "spans": [span_as_json(span) | {"depth": depth} for span, depth in in_tree_order(segment.trace)],
        "linked": [segment_as_json(below) for below in segment.below],
    }
