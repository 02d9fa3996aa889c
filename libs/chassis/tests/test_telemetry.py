import asyncio
import contextlib
import io
import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from chassis import telemetry
from chassis.mail import MailError
from chassis.telemetry import ADDRESSES, JsonLines, WithoutQueries, frames, span, untraced
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

ADDRESS = "jan.peeters@example.org"


class Lines:
    """A logger as a process has it, and what it wrote."""

    def __init__(self, name: str) -> None:
        self.stream = io.StringIO()
        handler = logging.StreamHandler(self.stream)
        handler.setFormatter(JsonLines())
        self.logger = logging.getLogger(name)
        self.logger.addHandler(handler)
        self.handler = handler

    @property
    def written(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.stream.getvalue().splitlines()]


@contextlib.contextmanager
def logged(name: str) -> Iterator[Lines]:
    lines = Lines(name)
    yield lines
    lines.logger.removeHandler(lines.handler)


def refuse(address: str) -> None:
    raise ConnectionError(f"550 no such person: {address}")


def send(address: str) -> None:
    try:
        refuse(address)
    except ConnectionError as error:
        error.add_note(f"it was for {address}")
        raise MailError(f"not sent to {address}") from error


def test_a_line_is_one_json_object() -> None:
    with logged("test.line") as lines:
        lines.logger.warning("%s of\n%s", "two", "lines")
    (line,) = lines.written
    assert (line["level"], line["logger"], line["message"]) == ("warning", "test.line", "two of\nlines")
    assert line["time"]


def test_an_exception_is_told_by_its_types_and_places_and_never_by_its_words() -> None:
    with logged("test.exception") as lines:
        try:
            send(ADDRESS)
        except MailError:
            lines.logger.exception("no mail")
    (line,) = lines.written
    assert ADDRESS not in lines.stream.getvalue()
    assert "in refuse" in line["exception"]
    assert "ConnectionError\n" in line["exception"]
    assert line["exception"].endswith("MailError")


async def test_a_group_of_exceptions_is_told_part_by_part_and_without_words() -> None:
    async def fall(error: Exception) -> None:
        raise error

    with logged("test.group") as lines:
        try:
            async with asyncio.TaskGroup() as group:
                for error in (ValueError(ADDRESS), KeyError(ADDRESS)):
                    group.create_task(fall(error))
        except ExceptionGroup:
            lines.logger.exception("both fell")
    (line,) = lines.written
    assert ADDRESS not in lines.stream.getvalue()
    assert all(name in line["exception"] for name in ("ValueError", "KeyError", "ExceptionGroup", "in fall"))


def test_a_long_chain_and_a_circle_come_to_an_end() -> None:
    first, second = ValueError(), KeyError()
    first.__context__, second.__context__ = second, first
    assert len(list(frames(first))) == 4


async def test_what_asyncio_says_of_a_task_that_nobody_awaited_holds_no_words_either() -> None:
    loop = asyncio.get_running_loop()
    with logged("asyncio") as lines:
        context = {"message": "Task exception was never retrieved", "exception": ValueError(ADDRESS)}
        loop.default_exception_handler(context | {"future": f"<Task exception=ValueError('{ADDRESS}')>"})
    (line,) = lines.written
    assert line["message"] == "Task exception was never retrieved"
    assert ADDRESS not in lines.stream.getvalue()


def test_a_process_that_falls_says_so_in_the_same_way() -> None:
    program = (
        "from chassis import telemetry; from chassis.settings import Settings;"
        "telemetry.set_up('test', Settings(environment='test'));"
        f"raise ValueError('{ADDRESS}')"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)  # noqa: S603
    assert ended.returncode == 1
    (line,) = [json.loads(line) for line in ended.stderr.splitlines()]
    assert (line["level"], line["message"]) == ("critical", "the process ends")
    assert line["exception"].endswith("ValueError")
    assert ADDRESS not in ended.stderr


@pytest.fixture
def ended(monkeypatch: pytest.MonkeyPatch) -> InMemorySpanExporter:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(telemetry, "tracer", provider.get_tracer("test"))
    return exporter


def test_a_span_of_ours_names_an_exception_and_keeps_its_words_out_of_the_trace(ended: InMemorySpanExporter) -> None:
    with pytest.raises(MailError), span("send", kind_of_mail="code"):
        send(ADDRESS)
    (told,) = ended.get_finished_spans()
    assert dict(told.attributes or {}) == {"inspraak.kind_of_mail": "code", "error.type": "MailError"}
    assert told.status.status_code is StatusCode.ERROR
    assert ADDRESS not in told.to_json()


@pytest.mark.parametrize("name", sorted(ADDRESSES))
def test_an_address_leaves_without_its_query_and_the_rest_of_the_span_as_it_is(name: str) -> None:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(WithoutQueries(exporter)))
    address = f"https://leuven.example/nl/?email={ADDRESS}"
    with provider.get_tracer("test").start_as_current_span("ask", attributes={name: address, "asked": 1}) as asking:
        asking.add_event("answered")
    (told,) = exporter.get_finished_spans()
    assert ADDRESS not in told.to_json()
    assert (told.name, told.context) == ("ask", asking.get_span_context())
    assert [event.name for event in told.events] == ["answered"]
    assert (told.attributes or {})["asked"] == 1


def test_a_line_carries_the_trace_that_it_belongs_to(ended: InMemorySpanExporter) -> None:
    with logged("test.trace") as lines, span("look"):
        lines.logger.warning("here")
    (told,) = ended.get_finished_spans()
    assert told.context
    assert lines.written[0]["trace_id"] == f"{told.context.trace_id:032x}"


@pytest.mark.parametrize(
    ("traceparent", "traced"),
    [
        (None, False),
        (b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", True),
        (b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00", False),
        (b"", False),
    ],
)
def test_the_gateway_decides_what_is_traced(traceparent: bytes | None, *, traced: bool) -> None:
    headers = [(b"host", b"x")] + ([(b"traceparent", traceparent)] if traceparent is not None else [])
    assert untraced({"headers": headers}) is not traced


def test_what_sends_spans_is_loaded_only_where_somebody_collects_them() -> None:
    program = (
        "import sys; from chassis import telemetry; from chassis.settings import Settings;"
        "telemetry.set_up('test', Settings(environment='test'));"
        "sys.exit(any(name in sys.modules for name in ('fastapi', 'requests', 'google.protobuf', 'sqlalchemy')))"
    )
    assert subprocess.run([sys.executable, "-c", program], timeout=60, check=False).returncode == 0  # noqa: S603
