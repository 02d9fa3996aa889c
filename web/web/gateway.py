"""The client of the gateway's internal listener: the only way web reaches anything.

Every answer is data, a refusal (4xx: the one who asked can do something about it) or unavailable (5xx, too late, not
reached: nobody but us can), so that a page chooses its state by type.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import aiohttp
import orjson
from chassis.telemetry import span
from opentelemetry.propagate import inject
from opentelemetry.trace import SpanKind

RETRY_SECONDS = 5
SERVER_ERROR = 500
CLIENT_ERROR = 400
TOO_MANY = 429
LARGEST = 4 * 2**20  # bytes of an answer that a page reads
Query = Mapping[str, str] | Sequence[tuple[str, str]]  # pairs where a name stands several times


@dataclass(frozen=True, slots=True)
class Caller:
    """In whose name web asks."""

    tenant: str
    client: str | None = None
    token: str | None = None


class GatewayError(Exception):
    """The gateway gave no data."""


@dataclass
class RefusedError(GatewayError):
    """The answer was 4xx. `code` and `facts` are those of the problem (RFC 9457)."""

    status: int
    code: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    retry_after: int | None = None

    def __str__(self) -> str:
        return f"{self.status} {self.code}"


@dataclass
class UnavailableError(GatewayError):
    """No answer, or one that says that nothing can be said now. `retry_after` is in seconds."""

    reason: str
    retry_after: int = RETRY_SECONDS

    def __str__(self) -> str:
        return self.reason


class Gateway:
    """Asks the gateway. `seconds` bound one answer, waiting for a free connection included."""

    def __init__(self, url: str, key: str, *, seconds: float, connections: int) -> None:
        self._url = url.rstrip("/")
        self._key = key
        self._timeout = aiohttp.ClientTimeout(total=seconds)
        self._connections = connections
        self._client: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        connector = aiohttp.TCPConnector(limit=self._connections, keepalive_timeout=60)
        self._client = aiohttp.ClientSession(
            connector=connector,
            timeout=self._timeout,
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"x-inspraak-key": self._key, "accept": "application/json"},
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._client:
            await self._client.close()

    async def ask(
        self,
        method: str,
        path: str,
        caller: Caller,
        *,
        body: Any = None,
        query: Query | None = None,
        key: str | None = None,
    ) -> Any:
        """The JSON of a 2xx answer (nothing for an empty one). `key`: what is sent again with it creates nothing more.

        Raises:
            RefusedError: the answer was 4xx.
            UnavailableError: it was 5xx, no JSON, too large, too late, or never came.
        """
        if self._client is None:
            raise RuntimeError("the gateway's client is not open")
        headers = _headers(caller)
        if key:
            headers["idempotency-key"] = key
        data = None
        if body is not None:
            headers["content-type"] = "application/json"
            data = orjson.dumps(body)
        with span(f"{method} gateway", SpanKind.CLIENT, path=path):
            inject(headers)
            try:
                async with self._client.request(
                    method, self._url + path, params=query, data=data, headers=headers, allow_redirects=False
                ) as answer:
                    content = await _bounded(answer)
                    return _read(answer, content)
            except TimeoutError as error:
                raise UnavailableError("the gateway did not answer in time") from error
            except aiohttp.ClientError as error:
                raise UnavailableError(f"the gateway was not reached: {type(error).__name__}") from error

    async def get(self, path: str, caller: Caller, query: Query | None = None) -> Any:
        """`ask` with GET."""
        return await self.ask("GET", path, caller, query=query)

    async def reachable(self) -> None:
        """A check for `/readyz`: something listens where the gateway should."""
        if self._client is None:
            raise RuntimeError("the gateway's client is not open")
        async with self._client.get(f"{self._url}/livez") as answer:
            await answer.read()


def _headers(caller: Caller) -> dict[str, str]:
    headers = {"x-inspraak-tenant": caller.tenant}
    if caller.client:
        headers["x-inspraak-client"] = caller.client
    if caller.token:
        headers["authorization"] = f"Bearer {caller.token}"
    return headers


async def _bounded(answer: aiohttp.ClientResponse) -> bytes:
    content = bytearray()
    async for chunk in answer.content.iter_any():
        content += chunk
        if len(content) > LARGEST:
            raise UnavailableError("the answer was larger than a page reads")
    return bytes(content)


def _read(answer: aiohttp.ClientResponse, content: bytes) -> Any:
    if answer.status >= SERVER_ERROR:
        raise UnavailableError(f"the gateway answered {answer.status}", _seconds(answer) or RETRY_SECONDS)
    if answer.status >= CLIENT_ERROR:
        raise _refusal(answer, content)
    if not content:
        return None
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise UnavailableError("the answer was no JSON") from error


def _refusal(answer: aiohttp.ClientResponse, content: bytes) -> RefusedError:
    try:
        problem = orjson.loads(content)
    except orjson.JSONDecodeError:
        problem = {}
    facts = problem if isinstance(problem, dict) else {}
    return RefusedError(answer.status, str(facts.get("code", "error")), facts, _seconds(answer))


def _seconds(answer: aiohttp.ClientResponse) -> int | None:
    value = answer.headers.get("retry-after", "")
    return int(value) if value.isdecimal() else None
