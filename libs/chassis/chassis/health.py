"""Health: `/livez` touches nothing, `/readyz` asks what the process cannot do without, `/metrics` tells the numbers."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

Check = Callable[[], Awaitable[None]]
"""Raises what is wrong; `RuntimeError` with a sentence that may be told."""
CHECK_SECONDS = 2


async def livez(_: Request) -> Response:
    """The process runs; nothing more, so that a database that is down restarts no process."""
    return PlainTextResponse("ok")


async def metrics(_: Request) -> Response:
    """The process's numbers in the Prometheus text format."""
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


def readyz(checks: Mapping[str, Check]) -> Callable[[Request], Awaitable[Response]]:
    """A route that runs all checks at once: 200 when all pass, else 503 with the reasons."""

    async def answer(_: Request) -> Response:
        outcomes = await asyncio.gather(*(_outcome(check) for check in checks.values()))
        body = dict(zip(checks, outcomes, strict=True))
        return JSONResponse(body, status_code=200 if all(value == "ok" for value in outcomes) else 503)

    return answer


async def _outcome(check: Check) -> str:
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            await check()
    except Exception as error:  # noqa: BLE001 - whatever fails is the answer that this route gives
        # A RuntimeError's words are ours. Others stay here: this route is open to everyone inside.
        return str(error) if isinstance(error, RuntimeError) else type(error).__name__
    return "ok"


def health_routes(checks: Mapping[str, Check]) -> list[Route]:
    """The three routes that every process has."""
    return [
        Route("/livez", livez, include_in_schema=False),
        Route("/readyz", readyz(checks), include_in_schema=False),
        Route("/metrics", metrics, include_in_schema=False),
    ]
