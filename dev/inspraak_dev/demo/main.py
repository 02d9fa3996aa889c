"""The demonstration from beginning to end. Running it again makes only what is missing."""

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from inspraak_dev.demo import world
from inspraak_dev.demo.cast import cast_all
from inspraak_dev.demo.client import Client
from inspraak_dev.errors import StackError
from inspraak_dev.stack import lifecycle, processes
from inspraak_dev.stack.server import HOST
from inspraak_dev.stack.stack import Stack
from inspraak_dev.stack.table import PUBLIC_PORT, TABLE, migration_settings, settings_of

KNOWN_WITHIN = 30.0
RULES = {"single": "most first choices", "irv": "instant runoff", "schulze": "Schulze"}


def main(arguments: list[str]) -> int:
    """`inspraak demo`."""
    parser = argparse.ArgumentParser(prog="inspraak demo", description=__doc__)
    parser.add_argument("--instance", default=os.environ.get("INSPRAAK_INSTANCE", "dev"))
    stack = Stack(parser.parse_args(arguments).instance)
    started = time.monotonic()
    lifecycle.up(stack)
    asyncio.run(Demo(stack).run())
    print(f"\nThe demonstration took {time.monotonic() - started:.0f} seconds.")
    return 0


class Demo:
    """One run of the demonstration on a stack that is up."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        state = stack.state
        self.gateway = f"http://{HOST}:{state.port(PUBLIC_PORT)}"
        self.mails = f"http://{HOST}:{state.port('mail-catcher')}"
        self.traces = f"http://{HOST}:{state.port('trace-receiver')}"
        self.host = world.GOVERNMENT["host"]

    async def run(self) -> None:
        """Make what is missing, then say where to look."""
        async with self.client() as client:
            official = await self.prepare(client)
            poll_id = await self._polls(client, official)
            result = await client.ask("GET", f"/api/v1/polls/{poll_id}/result")
        self._tell(poll_id, result)

    def client(self) -> Client:
        """Asks the demonstration's government."""
        return Client(self.gateway, self.host, mails=self.mails)

    async def prepare(self, client: Client) -> str:
        """Make the government, its official and the operator if they are not there; the official's access token."""
        self.register_governments()
        await self.wait_until_known(client)
        self._command("identity", "create-operator", world.OPERATOR)
        return await client.sign_in(world.OFFICIAL)

    def register_governments(self) -> None:
        """The platform's own realm and the demonstration's government, if they are not there."""
        self._register(world.PLATFORM)
        self._register(world.GOVERNMENT)

    async def wait_until_known(self, client: Client) -> None:
        """A new government is live in seconds: its host reaches the gateway, its event reaches identity."""
        deadline = time.monotonic() + KNOWN_WITHIN
        grant = ("grant", "--tenant", world.SLUG, "--email", world.OFFICIAL, "--role", "administrator")
        while not (await client.serves() and self._run("identity", *grant).returncode == 0):
            if time.monotonic() > deadline:
                said = self._run("identity", *grant).stderr.strip()
                raise StackError(
                    f"{world.SLUG} is not served {KNOWN_WITHIN:.0f} seconds after it was registered. {said}"
                )
            await asyncio.sleep(0.2)

    async def _polls(self, client: Client, official: str) -> UUID:
        """The polls, made if they are not there; the id of the election, counted and published."""
        now = datetime.now(UTC)
        there = {poll["titles"].get("en"): poll for poll in await self._all_polls(client, official)}
        for body in world.living_polls(now):
            if body["titles"]["en"] not in there:
                poll = await client.ask("POST", "/api/v1/polls", body, token=official)
                await client.ask("POST", f"/api/v1/polls/{poll['poll_id']}/schedule", token=official)
        election = world.election()
        poll = there.get(world.ELECTION_TITLE)
        if poll is None:
            body = world.election_poll(election.candidates, now)
            poll = await client.ask("POST", "/api/v1/polls", body, token=official)
        return await self._elect(client, official, poll, election)

    async def _elect(self, client: Client, official: str, poll: Mapping[str, Any], election: world.Election) -> UUID:
        """Bring the election from wherever an earlier run left it to its published result."""
        poll_id, status = UUID(poll["poll_id"]), poll["status"]
        path = f"/api/v1/polls/{poll_id}"
        if status == "draft":
            await client.ask("POST", f"{path}/schedule", token=official)
        if status in ("draft", "scheduled", "open"):
            ballots = election.expanded()
            print(f"{len(ballots):,} real ballots of Burlington's election of 2009, cast through the gateway:")
            await cast_all(self.gateway, self.host, poll_id, self._people(len(ballots)), ballots)
            reason = {"nl": "Alle stembiljetten van 2009 zijn uitgebracht.", "en": "All ballots of 2009 are cast."}
            reason["fr"] = "Tous les bulletins de 2009 ont été déposés."
            await client.ask("POST", f"{path}/close", {"reason": reason}, token=official)
        if status != "published":
            await client.ask("POST", f"{path}/publish", token=official)
        return poll_id

    async def _all_polls(self, client: Client, official: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        path = "/api/v1/polls?limit=100"
        while path:
            page = await client.ask("GET", path, token=official)
            found += page["items"]
            path = f"/api/v1/polls?limit=100&cursor={page['next']}" if page.get("next") else ""
        return found

    def _people(self, count: int) -> list[str]:
        """Access tokens of as many people as there are ballots."""
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "tokens"
            print(f"making {count:,} people")
            self._command(
                "identity", "create-demo-people", "--tenant", world.SLUG, "--count", str(count), "--tokens", str(file)
            )
            return file.read_text().split()

    def _register(self, facts: Mapping[str, str]) -> None:
        arguments = [part for name, value in facts.items() for part in (f"--{name}", value)]
        done = self._run("tenancy", "register", *arguments)
        if done.returncode and "taken" not in done.stderr and "already_registered" not in done.stderr:
            raise StackError(f"{facts['slug']} could not be registered: {done.stderr.strip()}")

    def _command(self, name: str, *arguments: str) -> None:
        done = self._run(name, *arguments)
        if done.returncode:
            raise StackError(f"{name} {arguments[0]} failed: {done.stderr.strip()}")

    def _run(self, name: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """A service's own command with the service's settings."""
        process = next(one for one in TABLE if one.name == name)
        urls = self._stack.urls()
        settings = settings_of(process, TABLE, self._stack.state, urls)
        settings |= migration_settings(process, self._stack.state, urls)
        environment = {**processes.base_environment(), **settings}
        command = [str(process.program()), *arguments]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    def _tell(self, poll_id: UUID, result: Mapping[str, Any]) -> None:
        candidates = world.election().candidates
        site = f"http://{self.host}:{self.gateway.rpartition(':')[2]}"
        platform = site.replace(self.host, world.PLATFORM["host"])
        print(f"\nOne election, {result['ballots']:,} ballots, three rules:")
        for one in result["results"]:
            names = ", ".join(candidates[number - 1] for number in one["winners"])
            print(f"  {RULES.get(one['rule'], one['rule']):20} {names}")
        print(f"""
Look around, as a browser on this machine:
  {site}/                                 the government's polls
  {site}/nl/polls/{poll_id}/result   the result above
  {self.mails}/                                  every mail that was sent; the sign-in codes are there
  {self.traces}/                                  traces

Sign in with one of these addresses; the code comes by mail:
  citizen    {world.CITIZEN}    at {site}/
  official   {world.OFFICIAL}   at {site}/
  operator   {world.OPERATOR} at {platform}/""")
        sys.stdout.flush()
