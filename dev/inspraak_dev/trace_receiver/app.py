"""The trace receiver's routes: spans in by OTLP, pages and JSON out."""

from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from inspraak_dev import pages
from inspraak_dev.trace_receiver import otlp, view
from inspraak_dev.trace_receiver.otlp import Span
from inspraak_dev.trace_receiver.store import INDEXED, Trace, TraceStore

SHOWN = 100
MOST_SPANS_SHOWN = 1000


def receiver(store: TraceStore) -> Starlette:
    """The app over a store."""
    routes = [
        Route("/v1/traces", export, methods=["POST"]),
        Route("/", trace_list),
        Route("/traces/{trace_id}", trace_page),
        Route("/api/traces", api_traces),
        Route("/api/traces/{trace_id}", api_trace),
        Route("/api/spans", api_spans),
    ]
    served = pages.app(routes, exception_handlers={404: not_found})
    served.state.store = store
    return served


async def export(request: Request) -> Response:
    """OTLP/HTTP: take the spans of an export request."""
    if request.headers.get("content-type", "").partition(";")[0].strip() != otlp.MEDIA_TYPE:
        return PlainTextResponse(f"only {otlp.MEDIA_TYPE}", 415)
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > otlp.LARGEST_BODY:
            return PlainTextResponse("too large", 413)
    try:
        spans = otlp.spans_of(otlp.unpacked(bytes(body), request.headers.get("content-encoding", "")))
    except otlp.NotUnderstoodError as error:
        return PlainTextResponse(str(error), 400)
    await _store(request).add(spans)
    return Response(otlp.ACCEPTED, media_type=otlp.MEDIA_TYPE)


async def trace_list(request: Request) -> Response:
    """The latest traces, or those about something or through a service."""
    attribute, service = request.query_params.get("attr", "").strip(), request.query_params.get("service", "").strip()
    traces = _traces(request, attribute, service, SHOWN)
    facts: dict[str, Any] = {
        "traces": traces,
        "attribute": attribute,
        "service": service,
        "now": pages.now(),
        "ago": pages.ago,
    }
    return pages.page("traces.html", **facts, colour=view.colour, duration=view.duration, moment=_moment)


async def trace_page(request: Request) -> Response:
    """One trace with what it is linked with, as waterfalls."""
    trace, shown = _trace(request), _view(request, follow=True)
    subjects = sorted({(key, str(value)) for key, value in _subjects(shown)})
    also = _also(request)
    facts: dict[str, Any] = {"trace": trace, "view": shown, "subjects": subjects, "also": also, "moment": _moment}
    return pages.page("trace.html", **facts, colour=view.colour, duration=view.duration, indexed=INDEXED)


async def api_traces(request: Request) -> Response:
    """Summaries of traces, the latest first: `?attr=inspraak.poll_id=…&service=voting&limit=10`."""
    await _wait(request)
    query = request.query_params
    limit = min(max(pages.whole_number(request, "limit", SHOWN), 1), SHOWN)
    found = _traces(request, query.get("attr", ""), query.get("service", ""), limit)
    return _json(request, {"traces": [_summary(trace) for trace in found]})


async def api_trace(request: Request) -> Response:
    """A trace as trees of linked traces: `?follow=links` follows the links, `&also=inspraak.poll_id` the subject too.

    `newer=<version>&wait=10` answers once something arrived after that version, so that a test waits for spans.
    """
    await _wait(request)
    shown = _view(request, follow=request.query_params.get("follow") == "links")
    trees = [view.segment_as_json(tree) for tree in shown.trees]
    return _json(request, {"trace_id": request.path_params["trace_id"], "trees": trees, "left_out": shown.left_out})


async def api_spans(request: Request) -> Response:
    """Single spans, in the order in which they began: `?attr=…&name=…&service=…`, waiting as above."""
    await _wait(request)
    query = request.query_params
    attribute, name, service = query.get("attr", ""), query.get("name", ""), query.get("service", "")
    found = [
        span
        for trace in _traces(request, attribute, service, len(_store(request)))
        for span in trace.spans.values()
        if _has(span, attribute) and name in ("", span.name) and service in ("", span.service)
    ]
    found = sorted(found, key=lambda span: span.start)[-MOST_SPANS_SHOWN:]
    return _json(request, {"spans": [view.span_as_json(span) for span in found]})


async def not_found(request: Request, _: Exception) -> Response:
    """No such trace, or not yet, or no longer."""
    if request.url.path.startswith("/api/"):
        return _json(request, {"code": "not_found"}, 404)
    return pages.page("not_found.html", 404, what="trace", site="Traces")


def _json(request: Request, content: dict[str, Any], status: int = 200) -> Response:
    return JSONResponse(content | {"version": _store(request).version}, status, headers=pages.HEADERS)


def _store(request: Request) -> TraceStore:
    store: TraceStore = request.app.state.store
    return store


async def _wait(request: Request) -> None:
    newer = pages.whole_number(request, "newer", -1)
    if newer >= 0:
        await _store(request).newer(newer, pages.seconds(request))


def _trace(request: Request) -> Trace:
    trace = _store(request).get(request.path_params["trace_id"].lower())
    if trace is None:
        raise HTTPException(404)
    return trace


def _also(request: Request) -> list[str]:
    return [key for key in request.query_params.getlist("also") if key.startswith(INDEXED)]


def _view(request: Request, *, follow: bool) -> view.View:
    trace = _trace(request)
    return view.connected(_store(request), trace, also=_also(request)) if follow else view.alone(trace)


def _traces(request: Request, attribute: str, service: str, limit: int) -> list[Trace]:
    """The latest traces that fit; `attribute` is `key=value`, of which the value may be left out."""
    store = _store(request)
    key, has_value, value = attribute.partition("=")
    if has_value and key.startswith(INDEXED):
        ids = reversed(store.about(key, value))
        candidates = [trace for trace in map(store.get, ids) if trace]
    else:
        candidates = list(store.latest())
    fitting = (
        trace
        for trace in candidates
        if (not service or service in trace.services)
        and (not attribute or any(_has(span, attribute) for span in trace.spans.values()))
    )
    return [trace for trace, _ in zip(fitting, range(limit), strict=False)]


def _has(span: Span, attribute: str) -> bool:
    key, has_value, value = attribute.partition("=")
    return not key or (key in span.attributes and (not has_value or str(span.attributes[key]) == value))


def _subjects(shown: view.View) -> list[tuple[str, Any]]:
    """What the traces of a view are about: the ids among our own attributes."""
    spans = [span for segment, _ in shown for span in segment.trace.spans.values()]
    pairs = [pair for span in spans for pair in span.attributes.items()]
    return [(key, value) for key, value in pairs if key.startswith(INDEXED) and key.endswith("_id")]


def _summary(trace: Trace) -> dict[str, Any]:
    return {
        "trace_id": trace.trace_id,
        "name": trace.title,
        "services": trace.services,
        "spans": len(trace.spans),
        "start": trace.root.started.isoformat(),
        "milliseconds": trace.milliseconds,
        "failed": trace.failed,
    }


def _moment(trace: Trace) -> Any:
    return trace.root.started
