"""Whose pages these are: asked of tenancy through the gateway, kept a while, and kept longer when nobody answers."""

import asyncio
import time
from dataclasses import dataclass
from uuid import UUID

from web import api
from web.gateway import Caller, Gateway, UnavailableError

GOVERNMENT = "/api/v1/government"
FRESH_SECONDS = 15.0
RETRY_SECONDS = 2.0  # between attempts while tenancy is down and an older answer serves


@dataclass(slots=True)
class _Known:
    government: api.Government
    ask_again: float


class Governments:
    """The governments that this process has met."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._known: dict[UUID, _Known] = {}
        self._asking: dict[UUID, asyncio.Task[api.Government]] = {}

    async def of(self, tenant: UUID, client: str | None) -> api.Government:
        """The government with this id.

        Raises:
            RefusedError: there is none (any more).
            UnavailableError: tenancy does not answer and never has for this one.
        """
        known = self._known.get(tenant)
        if known and time.monotonic() < known.ask_again:
            return known.government
        try:
            return await self._asked(tenant, client)
        except UnavailableError:
            if known is None:
                raise
            known.ask_again = time.monotonic() + RETRY_SECONDS
            return known.government

    async def _asked(self, tenant: UUID, client: str | None) -> api.Government:
        """One question at a time for one government, however many wait for its answer."""
        task = self._asking.get(tenant)
        if task is None:
            task = self._asking[tenant] = asyncio.create_task(self._ask(tenant, client))
            task.add_done_callback(lambda done: self._asked_already(tenant, done))
        return await asyncio.shield(task)

    async def _ask(self, tenant: UUID, client: str | None) -> api.Government:
        answer = await self._gateway.get(GOVERNMENT, Caller(str(tenant), client))
        government = api.read(api.Government, answer)
        self.learn(tenant, government)
        return government

    def learn(self, tenant: UUID, government: api.Government) -> None:
        """What somebody was just told of a government, so that who changed it sees the change at once."""
        self._known[tenant] = _Known(government, time.monotonic() + FRESH_SECONDS)

    def _asked_already(self, tenant: UUID, done: "asyncio.Task[api.Government]") -> None:
        del self._asking[tenant]
        if not done.cancelled():
            done.exception()  # whoever waited has it; if nobody did, nobody misses it
