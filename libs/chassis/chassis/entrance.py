"""The entrance of every service: only the gateway comes in, and each request says for which government.

Pure ASGI, since it stands on every hot path. It puts `tenant_id` and `client` in the request's state and measures.
"""

import hmac
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from uuid import UUID

from chassis.problems import problem
from chassis.telemetry import ACTIVE_REQUESTS, REQUEST_SECONDS

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

PROBES = frozenset({"/livez", "/readyz", "/metrics"})
READ_ONLY = frozenset({"GET", "HEAD"})
WITHOUT_TENANT = ("/internal/",)  # routes between services may speak of all governments
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
TENANTS_REMEMBERED = 4096


class Entrance:
    """Refuses what did not come through the gateway, names the government, measures each request.

    Probes, and what a process names in `also_open`, may be read by everyone inside; for no government.
    """

    def __init__(self, app: App, *, service: str, key: str, also_open: frozenset[str] = frozenset()) -> None:
        self._app = app
        self._service = service
        self._key = key.encode()
        self._open = PROBES | also_open
        self._active = ACTIVE_REQUESTS.labels(service)
        self._tenants: dict[bytes, UUID] = {}
        self._observers: dict[tuple[str, str, int], Any] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or (scope["path"] in self._open and scope["method"] in READ_ONLY):
            await self._app(scope, receive, send)
            return
        refusal = self._admit(scope)
        if refusal:
            await problem(*refusal)(scope, receive, send)
            return
        started = time.perf_counter()
        status = 500

        async def measured_send(message: MutableMapping[str, Any]) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        self._active.inc()
        try:
            await self._app(scope, receive, measured_send)
        finally:
            self._active.dec()
            self._observe(scope, status, time.perf_counter() - started)

    def _admit(self, scope: Scope) -> tuple[int, str] | None:
        """Put the tenant in the scope's state, or say why not."""
        key = tenant = client = None
        for name, value in scope["headers"]:
            if name == b"x-inspraak-tenant":
                tenant = value
            elif name == b"x-inspraak-key":
                key = value
            elif name == b"x-inspraak-client":
                client = value
        if key is None or not hmac.compare_digest(key, self._key):
            return 403, "not_through_the_gateway"
        state = scope.setdefault("state", {})
        state["client"] = client.decode("latin-1") if client else None
        if tenant is not None:
            state["tenant_id"] = self._tenant(tenant)
        if state.get("tenant_id") is None and not scope["path"].startswith(WITHOUT_TENANT):
            return 404, "no_such_government"
        return None

    def _tenant(self, header: bytes) -> UUID | None:
        known = self._tenants.get(header)
        if known is None:
            try:
                known = UUID(header.decode("latin-1"))
            except ValueError:
                return None
            if len(self._tenants) >= TENANTS_REMEMBERED:
                self._tenants.clear()
            self._tenants[header] = known
        return known

    def _observe(self, scope: Scope, status: int, seconds: float) -> None:
        """Count under the route's template, never under what a client wrote: labels must be few."""
        route = getattr(scope.get("route"), "path", "other")
        method = scope["method"] if scope["method"] in METHODS else "other"
        key = (method, route, status)
        observer = self._observers.get(key)
        if observer is None:
            observer = REQUEST_SECONDS.labels(self._service, method, route, str(status))
            self._observers[key] = observer
        observer.observe(seconds)
