from dataclasses import replace
from typing import Any

import pytest
from inspraak_dev import trace
from inspraak_dev.trace_receiver import TraceStore, view
from inspraak_dev.trace_receiver.otlp import Link, Span

MS = 1_000_000
BARE = Span("", "", "", "", "", "internal", 0, 0, None, {}, (), ())
POLL = {"inspraak.poll_id": "0198"}


def span(ids: str, name: str, service: str, start: float, length: float, **more: Any) -> Span:
    """`ids` is trace.span or trace.span<parent, each a letter or a digit."""
    own, _, parent = ids.partition("<")
    trace_id, _, span_id = own.partition(".")
    begin = int(start * MS)
    times: dict[str, Any] = {"start": begin, "end": begin + int(length * MS)}
    return replace(
        BARE, trace_id=trace_id, span_id=span_id, parent_id=parent, name=name, service=service, **times, **more
    )


def linking(to: str) -> tuple[Link, ...]:
    trace_id, _, span_id = to.partition(".")
    return (Link(trace_id, span_id),)


VOTE = "PUT /api/v1/polls/{poll_id}/vote"
CLOSE = "POST /api/v1/polls/{poll_id}/close"
STORY = [
    span("v.1", VOTE, "gateway", 0, 12),
    span("v.2<1", VOTE, "voting", 1, 10, attributes=POLL),
    span("v.3<2", "write batch", "voting", 2, 6),
    span("v.4<1", "note", "gateway", 11, 0.5),
    span("c.1", CLOSE, "gateway", 100, 30),
    span("c.2<1", CLOSE, "voting", 101, 28, attributes=POLL),
    span("s.1", "send events", "voting", 150, 4, links=linking("c.2")),
    span("p.1", "process notifications", "notifications", 160, 22, links=linking("c.2"), error="ConnectionError"),
    span("q.1", "process notifications", "notifications", 1160, 25, links=linking("c.2")),
    span("m.1", "timer send_mail", "notifications", 1200, 9, links=linking("q.1")),
    span("m.2<1", "SMTP", "notifications", 1201, 5),
]


async def story(spans: list[Span]) -> list[dict[str, Any]]:
    store = TraceStore()
    await store.add(spans)
    first = store.get("v")
    assert first
    return [view.segment_as_json(tree) for tree in view.connected(store, first, also=["inspraak.poll_id"]).trees]


TOLD = """\
PUT /api/v1/polls/{poll_id}/vote              gateway           12 ms
├─ PUT /api/v1/polls/{poll_id}/vote           voting            10 ms
│  │  ⇢ other                                 voting             2 ms  1.3 s later
│  └─ write batch                             voting             6 ms
└─ note                                       gateway          500 µs

POST /api/v1/polls/{poll_id}/close            gateway           30 ms
└─ POST /api/v1/polls/{poll_id}/close         voting            28 ms
   ⇢ send events                              voting             4 ms  49 ms later
   ⇢ process notifications ✗ ConnectionError  notifications     22 ms  59 ms later
   ⇢ process notifications                    notifications     25 ms  1.06 s later
     ⇢ timer send_mail                        notifications      9 ms  40 ms later
       └─ SMTP                                notifications      5 ms"""


async def test_one_vote_is_told_as_trees_with_links_followed() -> None:
    other = span("o.1", "other", "voting", 1300, 2, links=linking("v.2"))
    assert "\n".join(trace.lines(await story([*STORY, other]))) == TOLD


async def test_a_story_is_complete_only_with_every_step() -> None:
    publish = span("r.1", "POST /api/v1/polls/{poll_id}/publish", "voting", 500, 20, attributes=POLL)
    sent = span("t.1", "send events", "voting", 540, 3, links=linking("r.1"))
    told = span("u.1", "process notifications", "notifications", 541, 3, links=linking("r.1"))
    mail = span("w.1", "timer send_mail", "notifications", 545, 9, links=linking("u.1"))
    assert trace.missing_steps(await story([*STORY, publish, sent, told, mail])) == []
    missing = trace.missing_steps(await story([*STORY, publish, sent, told]))
    assert [what for *_, what in missing] == ["the mail"]
    assert trace.missing_steps([]) == list(trace.STEPS)


async def test_on_a_terminal_failures_and_links_stand_out() -> None:
    coloured = trace.lines(await story(STORY), colours=True)
    assert [line for line in coloured if line.startswith("\x1b[31m")] == [
        line for line in coloured if "ConnectionError" in line
    ]
    assert sum(line.startswith("\x1b[36m") for line in coloured) == 3


def test_nothing_is_shown_of_nothing() -> None:
    assert trace.lines([]) == []


@pytest.mark.parametrize("arguments", [["--help"], ["a", "b"]])
def test_the_command_explains_itself(arguments: list[str]) -> None:
    with pytest.raises(SystemExit):
        trace.main(arguments)
