"""An app as a service has it, around a router and a database, and a way to ask it over HTTP."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import aiohttp
from chassis import errors
from chassis.db import create_engine, session_maker
from chassis.entrance import Entrance
from chassis.testing import Answer, serving
from fastapi import APIRouter, FastAPI

KEY = "the gateway's"
LEUVEN, GENT = UUID(int=1), UUID(int=2)


@dataclass(frozen=True)
class Ask:
    """`await ask("GET", "/things", tenant=GENT, json=…)` gives the answer; a header of None is not sent."""

    base: str
    http: aiohttp.ClientSession

    async def __call__(self, method: str, path: str, *, tenant: UUID = LEUVEN, **more: Any) -> Answer:
        named = {"x-inspraak-key": KEY, "x-inspraak-tenant": str(tenant)} | more.pop("headers", {})
        headers = {name: value for name, value in named.items() if value is not None}
        async with self.http.request(method, self.base + path, headers=headers, **more) as got:
            body = await got.read()
            parsed = await got.json(content_type=None) if "json" in got.content_type else None
            return Answer(got.status, parsed, body, got.headers)


@asynccontextmanager
async def asked(
    router: APIRouter,
    database_url: str = "postgresql://nobody@127.0.0.1:1/nothing",
    *,
    pool: int = 3,
    constraints: Mapping[str, tuple[int, str]] | None = None,
) -> AsyncIterator[Ask]:
    """The router served over HTTP, with problems and entrance as every service has them."""
    engine = create_engine(database_url, pool=pool)
    app = FastAPI()
    app.state.sessions = session_maker(engine)
    errors.install(app, constraints or {})
    app.include_router(router)
    async with serving(Entrance(app, service="test", key=KEY)) as base, aiohttp.ClientSession() as http:
        yield Ask(base, http)
    await engine.dispose()
