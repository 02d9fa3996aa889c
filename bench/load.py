"""Load on the gateway from a process of its own: closed loop, open loop, whole walks through the pages.

    python -m bench.load JOB.json

A job names its `kind` and its facts; the answer is JSON on standard output. Every loop is bounded in time and count.
"""

import asyncio
import json
import re
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import uvloop

from bench.http import Connection, Response, request

CHOICES = re.compile(rb'name="choices" value="([^"]*)"')
TOKEN = re.compile(rb'name="([a-z_]*token[a-z_]*)" value="([^"]*)"')
NOT_REVIEWED, SENT_BACK = 598, 599  # a walk that did not come to casting, or came back from it with nothing cast
Act = Callable[[Connection, Any], Awaitable[int]]


def people_of(job: dict[str, Any]) -> list[dict[str, Any]]:
    """Who acts: one JSON object a line."""
    return [json.loads(line) for line in Path(job["people"]).read_text().splitlines()]


def votes(job: dict[str, Any]) -> Iterator[bytes]:
    """A vote of each person in each poll, person by person within a poll, as bytes that are ready to send."""
    people = people_of(job)
    most_polls = max(len(person["polls"]) for person in people)
    for turn in range(job.get("first_poll", 0), most_polls):
        for number, person in enumerate(people):
            body = b'{"choices":[%d]}' % (number % 2 + 1)
            yield request(
                "PUT",
                f"/api/v1/polls/{person['polls'][turn]}/vote",
                person["host"],
                body,
                authorization=f"Bearer {person['token']}",
                content_type="application/json",
            )


async def closed(job: dict[str, Any], work: Iterator[Any], act: Act) -> dict[str, Any]:
    """`connections` clients, each asking again as soon as it was answered, for `seconds`."""
    until = time.perf_counter() + job["seconds"]
    statuses: Counter[int] = Counter()
    times: list[float] = []

    async def client() -> None:
        connection = Connection(job["address"], job["port"])
        for item in work:
            began = time.perf_counter()
            if began > until:
                break
            statuses[await act(connection, item)] += 1
            times.append(time.perf_counter() - began)
        connection.close()

    began = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(job["connections"])))
    elapsed = time.perf_counter() - began
    return summary(statuses, times, elapsed)


async def open_loop(job: dict[str, Any], work: Iterator[bytes]) -> dict[str, Any]:
    """`rate` requests a second for `seconds`, each sent when its time has come whether or not others are answered.

    Latency counts from the scheduled moment, so a queue that forms is part of it.
    """
    connections = [Connection(job["address"], job["port"]) for _ in range(job["connections"])]
    free: asyncio.Queue[Connection] = asyncio.Queue()
    for connection in connections:
        free.put_nowait(connection)
    statuses: Counter[int] = Counter()
    times: list[float] = []
    began, rate, total = time.perf_counter(), job["rate"], int(job["rate"] * job["seconds"])

    async def one(scheduled: float, item: bytes) -> None:
        connection = await free.get()
        try:
            statuses[(await connection.ask(item)).status] += 1
        finally:
            free.put_nowait(connection)
        times.append(time.perf_counter() - scheduled)

    async with asyncio.TaskGroup() as group:
        for number, item in zip(range(total), work, strict=False):
            scheduled = began + number / rate
            wait = scheduled - time.perf_counter()
            if wait > 0:
                await asyncio.sleep(wait)  # the schedule itself
            group.create_task(one(scheduled, item))
    elapsed = time.perf_counter() - began
    for connection in connections:
        connection.close()
    return summary(statuses, times, elapsed)


async def ask(connection: Connection, item: bytes) -> int:
    """One request."""
    return (await connection.ask(item)).status


async def walk(connection: Connection, person: dict[str, Any]) -> int:
    """One vote through the pages as a browser without scripts casts it: choose, review, cast, confirmation.

    The status is that of the cast; 5xx when it never came so far. A vote counts as cast whatever its confirmation is.
    """
    site, cookies = f"http://{person['host']}", {"__Host-session": person["cookie"]}

    async def step(method: str, path: str, form: bytes = b"") -> Response:
        sent = {"cookie": "; ".join(f"{name}={value}" for name, value in cookies.items())}
        if method == "POST":
            sent |= {"origin": site, "sec_fetch_site": "same-origin"}
            sent["content_type"] = "application/x-www-form-urlencoded"
        answer = await connection.ask(request(method, path, person["host"], form, **sent))
        for line in answer.head.split(b"\r\n"):
            name, _, value = line.partition(b":")
            if name.lower() == b"set-cookie":
                key, _, content = value.strip().split(b";")[0].decode().partition("=")
                cookies[key] = content
        return answer

    poll = f"/nl/polls/{person['poll']}"
    chosen = await step("POST", f"{poll}/choice", b"choice=1")
    if chosen.status != 303:
        return chosen.status
    review = await step("GET", f"{poll}/review")
    choices, token = CHOICES.search(review.body), TOKEN.search(review.body)
    if review.status != 200 or choices is None or token is None:
        return NOT_REVIEWED
    form = b"choices=" + quoted(choices[1]) + b"&" + token[1] + b"=" + quoted(token[2])
    cast = await step("POST", f"{poll}/vote", form)
    await step("GET", f"{poll}/vote")
    if cast.status == 303 and not (cast.header(b"location") or b"").endswith(b"/vote"):
        return SENT_BACK
    return cast.status


def quoted(value: bytes) -> bytes:
    """An attribute's value as a form's field."""
    from html import unescape  # noqa: PLC0415
    from urllib.parse import quote  # noqa: PLC0415

    return quote(unescape(value.decode())).encode()


def summary(statuses: Counter[int], times: list[float], elapsed: float) -> dict[str, Any]:
    """What a run amounted to; `done` counts answers below 400."""
    times.sort()
    done = sum(count for status, count in statuses.items() if status < 400)

    def percentile(share: float) -> float | None:
        return round(times[min(len(times) - 1, int(len(times) * share))] * 1000, 2) if times else None

    return {
        "done": done,
        "per_s": round(done / elapsed, 1),
        "elapsed_s": round(elapsed, 3),
        "statuses": {str(status): count for status, count in sorted(statuses.items())},
        "p50_ms": percentile(0.5),
        "p99_ms": percentile(0.99),
        "max_ms": round(times[-1] * 1000, 2) if times else None,
    }


async def run(job: dict[str, Any]) -> dict[str, Any]:
    """Do what the job asks."""
    match job["kind"]:
        case "votes":
            return await closed(job, votes(job), ask)
        case "open":
            return await open_loop(job, votes(job))
        case "pages":
            return await closed(job, iter(people_of(job)), walk)
        case "reads":
            asked = request("GET", job["path"], job["host"], accept_encoding="gzip", accept="text/html")
            return await closed(job, iter(lambda: asked, None), ask)
    raise ValueError(job["kind"])


if __name__ == "__main__":
    uvloop.install()
    print(json.dumps(uvloop.run(run(json.loads(Path(sys.argv[1]).read_text())))))
