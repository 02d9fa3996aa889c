"""What the tests of a worker wait for."""

from contextlib import asynccontextmanager
from typing import Any

from chassis.handlers import Handlers
from chassis.worker import Worker


@asynccontextmanager
async def at_work(rig: Any, eventually: Any, handlers: Handlers | None = None, **overrides: Any) -> Any:
    async with rig.worker(handlers, **overrides) as worker:
        await eventually(lambda: ready(worker))
        yield worker


async def ready(worker: Worker) -> bool:
    try:
        await worker.check()
    except RuntimeError:
        return False
    return True


async def equals(value: Any, wanted: Any, *, at_least: float | None = None) -> bool:
    found = await value
    return bool(found >= at_least) if at_least is not None else bool(found == wanted)


async def parked_lines(worker: Worker, number: int) -> list[str]:
    lines = await worker.parked()
    return lines if len(lines) == number else []
