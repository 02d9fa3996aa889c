"""`inspraak trace`: one vote as a connected view.

On the running stack an official opens a small poll, a citizen asks to be told its result and votes, the official
closes the poll and publishes it, and a mail goes out. What the services said of it meanwhile, as spans, is shown as
one tree: the vote through the gateway, and from the poll's closing and publishing the links to the events that were
sent, handled and told on. `inspraak trace ID` shows any trace so.
"""

import argparse
import asyncio
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp

from inspraak_dev.demo import world
from inspraak_dev.demo.main import Demo
from inspraak_dev.errors import StackError
from inspraak_dev.stack import lifecycle
from inspraak_dev.stack.stack import Stack
from inspraak_dev.trace_receiver.view import duration

SUBJECT = "inspraak.poll_id"
VOTE = "/api/v1/polls/{poll_id}/vote"
SEEN_WITHIN = 60.0  # services send their spans every five seconds, a busy machine adds to it
STEPS = (  # the end of a span's name that tells a tree, then whose span of which name is in it, and what that is
    ("/vote", "gateway", "PUT ", "the vote at the gateway"),
    ("/vote", "voting", "PUT ", "the vote in voting"),
    ("/close", "voting", "send ", "the closed poll's event leaving voting's outbox"),
    ("/publish", "voting", "send ", "the published result's event leaving voting's outbox"),
    ("/publish", "notifications", "process ", "that event in notifications"),
    ("/publish", "notifications", "timer send_mail", "the mail"),
)
Step = tuple[str, str, str, str]
ARROW = "⇢ "
Tree = Mapping[str, Any]


def main(arguments: Sequence[str] | None = None) -> int:
    """`inspraak trace`."""
    parser = argparse.ArgumentParser(prog="inspraak trace", description=__doc__)
    parser.add_argument("--instance", default=os.environ.get("INSPRAAK_INSTANCE", "dev"))
    parser.add_argument("trace_id", nargs="?", help="a trace to show; without it a new vote is cast and shown")
    parsed = parser.parse_args(arguments)
    stack = Stack(parsed.instance)
    if parsed.trace_id is None:
        lifecycle.up(stack)
    asyncio.run(_show(Demo(stack), parsed.trace_id))
    return 0


async def _show(demo: Demo, trace_id: str | None) -> None:
    async with aiohttp.ClientSession(demo.traces) as http:
        if trace_id is None:
            poll_id = await cast_one_vote(demo)
            view = await wait_for_story(http, poll_id)
        else:
            view = await _get(http, f"/api/traces/{trace_id}", follow="links", also=SUBJECT)
    print(*lines(view["trees"], colours=sys.stdout.isatty()), sep="\n")
    print(f"\nThe same as a page: {demo.traces}/traces/{view['trace_id']}?also={SUBJECT}")


async def cast_one_vote(demo: Demo) -> str:
    """A poll's whole life with one vote in it; the poll's id."""
    async with demo.client() as client:
        official, citizen = await demo.prepare(client), await client.sign_in(world.CITIZEN)
        now = datetime.now(UTC)
        times = {"opens_at": now.isoformat(), "closes_at": (now + timedelta(hours=1)).isoformat()}
        title = f"Trace {now:%Y-%m-%d %H:%M:%S}"
        body = {"titles": dict.fromkeys(("nl", "fr", "en"), title), "rule": "yes_no"} | times
        poll_id: str = (await client.ask("POST", "/api/v1/polls", body, token=official))["poll_id"]
        path = f"/api/v1/polls/{poll_id}"
        await client.ask("POST", f"{path}/schedule", token=official)
        await client.ask("PUT", f"/api/v1/subscriptions/poll-{poll_id}", token=citizen)
        await client.ask("PUT", f"{path}/vote", {"choices": [1]}, token=citizen)
        reason = dict.fromkeys(("nl", "fr", "en"), "One vote is enough to be traced.")
        await client.ask("POST", f"{path}/close", {"reason": reason}, token=official)
        await client.ask("POST", f"{path}/publish", token=official)
    return poll_id


async def wait_for_story(http: aiohttp.ClientSession, poll_id: str) -> Tree:
    """The connected view of the vote in a poll, once it tells all of `STEPS`.

    Raises:
        StackError: what was still missing after a minute.
    """
    deadline, version, missing = time.monotonic() + SEEN_WITHIN, 0, list(STEPS)
    while time.monotonic() < deadline:
        about = {"attr": f"{SUBJECT}={poll_id}", "newer": str(version), "wait": "5"}
        found = await _get(http, "/api/spans", **about)
        version = found["version"]
        votes = [span for span in found["spans"] if span["name"] == f"PUT {VOTE}"]
        if votes:
            view: Tree = await _get(http, f"/api/traces/{votes[0]['trace_id']}", follow="links", also=SUBJECT)
            missing = missing_steps(view["trees"])
            if not missing:
                return view
    told = ", ".join(what for *_, what in missing)
    raise StackError(f"after {SEEN_WITHIN:.0f} seconds there is no span yet of {told}")


def missing_steps(trees: Sequence[Tree]) -> list[Step]:
    """The steps of a vote's story that these trees do not tell."""
    told = [{(span["service"], span["name"]) for span in _spans(tree)} for tree in trees]
    return [step for step in STEPS if not any(_tells(names, step) for names in told)]


def _tells(names: set[tuple[str, str]], step: Step) -> bool:
    about, service, beginning, _ = step
    return any(name.endswith(about) for _, name in names) and any(
        whose == service and name.startswith(beginning) for whose, name in names
    )


def _spans(tree: Tree) -> Iterator[Tree]:
    yield from tree["spans"]
    for below in tree["linked"]:
        yield from _spans(below)


async def _get(http: aiohttp.ClientSession, path: str, **query: str) -> Any:
    async with http.get(path, params=query) as answer:
        if answer.status != 200:  # noqa: PLR2004 - RFC 9110 §15
            raise StackError(f"nothing is known of {path}")
        return await answer.json()


# On the terminal


def lines(trees: Sequence[Tree], *, colours: bool = False) -> list[str]:
    """Trees of linked traces as text, a line for each span: its name, its service, how long it took.

    A span's children hang from it by lines; what links to it by an arrow, with the time from its beginning to theirs.
    """
    rows = [row for tree in trees for row in (*_rows(tree), ("", "", "", ""))][:-1]
    names, services = (max((len(row[column]) for row in rows), default=0) for column in (0, 1))
    told = (f"{name:{names}}  {service:{services}}  {took:>8}  {later}" for name, service, took, later in rows)
    return [_coloured(line.rstrip()) if colours else line.rstrip() for line in told]


def _coloured(line: str) -> str:
    code = "31" if "✗" in line else "36" if "⇢" in line else ""
    return f"\x1b[{code}m{line}\x1b[0m" if code else line


def _rows(tree: Tree, before: str = "", arrow: str = "") -> Iterator[tuple[str, str, str, str]]:
    """The lines of a trace, and behind each span those of the traces that hang from it."""
    spans = tree["spans"]
    later = f"{duration(abs(tree['later_milliseconds']))} {'later' if tree['later_milliseconds'] >= 0 else 'earlier'}"
    for index, span in enumerate(spans):
        begins = before + (arrow if index == 0 else " " * len(arrow))
        failed = f" ✗ {span['error'] or 'failed'}" if span["error"] is not None else ""
        name = f"{begins}{_branch(spans, index)}{span['label']}{failed}"
        yield name, span["service"], duration(span["milliseconds"]), later if arrow and index == 0 else ""
        inside = before + " " * len(arrow) + _rails(spans, index, 1)
        for below in tree["linked"]:
            if below["hangs_from"] == span["span_id"]:
                yield from _rows(below, inside, ARROW)


def _branch(spans: Sequence[Tree], index: int) -> str:
    """What stands before a span's name."""
    depth = spans[index]["depth"]
    return _rails(spans, index, 0) + ("├─ " if _goes_on(spans, index, depth) else "└─ ") if depth else ""


def _rails(spans: Sequence[Tree], index: int, deeper: int) -> str:
    """The lines that pass by a span on their way down, or by what stands just below it."""
    levels = range(1, spans[index]["depth"] + deeper)
    passing = "".join("│  " if _goes_on(spans, index, level) else "   " for level in levels)
    children = deeper and _goes_on(spans, index, spans[index]["depth"] + 1)
    return passing + ("│  " if children else "")


def _goes_on(spans: Sequence[Tree], index: int, level: int) -> bool:
    """Whether a later span stands at this level below the same parent."""
    for span in spans[index + 1 :]:
        if span["depth"] <= level:
            return bool(span["depth"] == level)
    return False
