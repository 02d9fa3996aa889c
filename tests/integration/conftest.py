"""The platform that these tests share: the real servers and all processes, killed and started by name."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable

import aiohttp
import pytest
from inspraak_dev.stack import Stack, lifecycle

from tests.integration.platform import Platform, eventually, surroundings
from tests.integration.world import Government, Person, World

GIVEN = "INSPRAAK_PLATFORM"  # the name of an instance that runs: tried faster while a test is written


@pytest.fixture(scope="session")
async def the_platform() -> AsyncIterator[Platform]:
    """All processes on servers of their own, one platform for the session, deleted afterwards whatever happens.

    Never testcontainers and never the servers that other tests share: these tests kill servers and processes, so they
    use the stack, which knows every process by its pid. Where a container engine answers, the stack itself puts the
    servers in containers.
    """
    given = os.environ.get(GIVEN)
    stack = Stack(given or f"faults-{os.getpid()}")
    try:
        with surroundings():
            await asyncio.to_thread(lifecycle.up, stack)
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar()) as http:
            yield Platform(stack, http)
    finally:
        if not given:
            with surroundings():
                await asyncio.to_thread(lifecycle.reset, Stack(stack.place.instance))


@pytest.fixture
async def platform(the_platform: Platform) -> AsyncIterator[Platform]:
    """The platform, whole before the test and mended after it."""
    yield the_platform
    await the_platform.mend()


@pytest.fixture(scope="session")
def the_world(the_platform: Platform) -> World:
    return World(the_platform)


@pytest.fixture
def world(the_world: World, platform: Platform) -> World:
    """Makes governments, each test its own, so that no test meets another's."""
    assert platform
    return the_world


@pytest.fixture
def told() -> Callable[..., Awaitable[None]]:
    """Waits until somebody has got mails with these subjects, and finds that each came once and no other did.

    Where a database dies between a mail and the note that it was sent, the same mail is sent again, and readers know it
    by its Message-ID (chassis.mail): such a test asks without `copies`.
    """

    async def told_once(government: Government, person: Person, *subjects: str, copies: bool = True) -> None:
        async def came() -> bool:
            return len(await government.mails(person, copies=copies)) >= len(subjects)

        async def at_rest() -> bool:
            waiting = "SELECT count(*) FROM deliveries WHERE tenant_id = $1 AND status = 'queued'"
            return await government.platform.value("notifications", waiting, government.tenant) == 0

        await eventually(came, what=f"mails {subjects}")
        await eventually(at_rest, what="no mail under way")
        assert sorted(await government.mails(person, copies=copies)) == sorted(subjects)

    return told_once
