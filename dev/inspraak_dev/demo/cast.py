"""Casts many ballots through the gateway, one a person, with a bar that shows how far it is."""

import asyncio
import json
import sys
import time
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import aiohttp

from inspraak_dev.errors import StackError

CONNECTIONS = 64
TRIES = 8
WIDTH = 40


class Bar:
    """A progress bar on a terminal; elsewhere a line for each tenth."""

    def __init__(self, total: int, what: str) -> None:
        self._total, self._what, self._done = total, what, 0
        self._started = time.monotonic()
        self._terminal = sys.stdout.isatty()
        self._told = -1

    def step(self) -> None:
        """One more is done."""
        self._done += 1
        mark = self._done * (100 if self._terminal else 10) // self._total
        if mark != self._told:
            self._told = mark
            self._show()

    def _show(self) -> None:
        share = self._done / self._total
        rate = self._done / max(time.monotonic() - self._started, 0.001)
        counted = f"{self._done:,} of {self._total:,} {self._what}, {rate:,.0f} a second"
        if self._terminal:
            bar = ("█" * round(share * WIDTH)).ljust(WIDTH, "░")
            sys.stdout.write(f"\r  {bar} {counted}" + ("\n" if self._done == self._total else ""))
        else:
            sys.stdout.write(f"  {share:4.0%}  {counted}\n")
        sys.stdout.flush()


async def cast_all(gateway: str, host: str, poll_id: UUID, tokens: Sequence[str], ballots: Sequence[Any]) -> None:
    """Let each token's person cast a ballot.

    Raises:
        StackError: a ballot was not taken, even after the waits that the platform asked for.
    """
    if len(tokens) != len(ballots):
        raise StackError(f"{len(ballots)} ballots and {len(tokens)} people to cast them")
    url = f"{gateway}/api/v1/polls/{poll_id}/vote"
    authority = f"{host}:{gateway.rpartition(':')[2]}"
    bar, work = Bar(len(ballots), "ballots"), iter(zip(tokens, ballots, strict=True))
    connector = aiohttp.TCPConnector(limit=CONNECTIONS)
    async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=60)) as http:

        async def voter() -> None:
            for token, ballot in work:
                headers = {"host": authority, "authorization": f"Bearer {token}", "content-type": "application/json"}
                await _cast(http, url, headers, json.dumps({"choices": ballot}).encode())
                bar.step()

        async with asyncio.TaskGroup() as voters:
            for _ in range(CONNECTIONS):
                voters.create_task(voter())


async def _cast(http: aiohttp.ClientSession, url: str, headers: dict[str, str], body: bytes) -> None:
    """A vote is a PUT, so that a repeated one changes nothing: waits as long as the platform asks, some times."""
    for _ in range(TRIES):
        async with http.put(url, data=body, headers=headers) as answer:
            if answer.status < 400:  # noqa: PLR2004 - RFC 9110 §15
                return
            said = (await answer.text())[:300]
            if answer.status not in (429, 503):
                raise StackError(f"a ballot was refused with {answer.status}: {said}")
            wait = float(answer.headers.get("retry-after", "1"))
        await asyncio.sleep(wait)  # what the platform asked for
    raise StackError(f"a ballot was put off {TRIES} times: {said}")
