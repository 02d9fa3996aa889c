"""How a process serves HTTP."""

import signal
import sys
from typing import Any

import uvicorn

from chassis.settings import Settings


def run_server(app: Any, settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT, then finish what is in flight; after SIGTERM by `SystemExit` with code 0.

    uvicorn gives a signal back to whoever took it before. Nobody would mean that the process dies of it, with the last
    spans unsent.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    uvicorn.run(
        app,
        host=settings.host,
        port=settings.port,
        loop="uvloop",
        http="httptools",
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        lifespan="on",
        timeout_graceful_shutdown=settings.graceful_shutdown,
        timeout_keep_alive=75,  # longer than the gateway's pool keeps a connection, so that it never meets a closed one
        backlog=2048,
    )
