"""Which government a host is: a table in memory, told by tenancy, kept in Redis for a start without tenancy."""

import asyncio
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID

import aiohttp
from pydantic import BaseModel, ConfigDict, ValidationError
from redis.asyncio import Redis
from redis.exceptions import RedisError

from gateway.telemetry import GOVERNMENTS, GOVERNMENTS_AGE

EVERY = 2.0  # seconds between two looks
AT_MOST_EVERY = 0.5  # unknown hosts do not make more
ANSWER_WITHIN = 3.0
UNKNOWN_WAITS = 1.0  # how long a request for an unknown host waits for a look
COPY = "gateway:governments"
COPY_WITHIN = 1.0
logger = logging.getLogger("gateway.governments")


class _Entry(BaseModel):
    """What the gateway needs of tenancy's GovernmentState."""

    model_config = ConfigDict(extra="ignore")

    government_id: UUID
    hosts: tuple[str, ...]
    languages: tuple[str, ...]
    active: bool
    names: dict[str, str] = {}
    contact_email: str | None = None


class _List(BaseModel):
    items: tuple[_Entry, ...]


@dataclass(frozen=True, slots=True)
class Government:
    """A government as requests need it."""

    id: UUID
    languages: tuple[str, ...]  # lower case, the default first
    headers: bytes  # the lines that tell a service for whom it answers, with the key that proves it
    names: Mapping[str, str] = field(default_factory=dict)
    contact_email: str | None = None

    def name(self, language: str) -> str:
        """What it is called in a language, else in its first that has a name."""
        for tag in (language, *self.languages):
            if tag in self.names:
                return self.names[tag]
        return ""


class Governments:
    """The table. Requests read it; only `run` and an unknown host make it look again."""

    def __init__(self, address: str, *, key: str, redis: "Redis | None") -> None:
        self._url = f"{address}/internal/v1/governments"
        self._key = key
        self._redis = redis
        self._by_host: Mapping[bytes, Government] = {}
        self._by_id: Mapping[bytes, Government] = {}
        self._etag: str | None = None
        self._looked = -AT_MOST_EVERY
        self._told: float | None = None
        self._looking: asyncio.Task[None] | None = None
        self._http: aiohttp.ClientSession | None = None
        self._failing = False

    @property
    def known(self) -> bool:
        """Whether there is a table, be it empty: a new platform has no government yet, and is ready for its first."""
        return self._told is not None or bool(self._by_id)

    def of_host(self, host: bytes) -> Government | None:
        """The government of a Host header as sent; without a round trip."""
        return self._by_host.get(bare(host))

    def of_id(self, tenant: bytes) -> Government | None:
        """The government of an `x-inspraak-tenant` header."""
        return self._by_id.get(tenant)

    async def look_for(self, host: bytes) -> Government | None:
        """The government of a host that the table does not know, after looking again if that was not just done."""
        await self._look_soon()
        return self.of_host(host)

    async def look_for_id(self, tenant: bytes) -> Government | None:
        """The same by id."""
        await self._look_soon()
        return self.of_id(tenant)

    async def _look_soon(self) -> None:
        now = time.monotonic()
        if self._looking is None or self._looking.done():
            if now - self._looked < AT_MOST_EVERY:
                return  # the table is that new: the host is nobody's
            self._looking = asyncio.create_task(self._look())
        await asyncio.wait([self._looking], timeout=UNKNOWN_WAITS)

    async def run(self) -> None:
        """Keep the table new until cancelled."""
        timeout = aiohttp.ClientTimeout(total=ANSWER_WITHIN)
        async with aiohttp.ClientSession(timeout=timeout, headers={"x-inspraak-key": self._key}) as http:
            self._http = http
            try:
                await self._look()
                if not self.known:
                    await self._read_copy()
                while True:
                    await asyncio.sleep(EVERY if self._told else AT_MOST_EVERY)
                    if self._looking is None or self._looking.done():
                        self._looking = asyncio.create_task(self._look())
                    await asyncio.wait([self._looking])
            finally:
                self._http = None
                if self._looking is not None:
                    self._looking.cancel()

    async def _look(self) -> None:
        if self._http is None:
            return
        self._looked = time.monotonic()
        headers = {"if-none-match": self._etag} if self._etag else {}
        try:
            async with self._http.get(self._url, headers=headers) as answer:
                if answer.status == 304:  # noqa: PLR2004 - not modified
                    self._tell(time.monotonic())
                    return
                answer.raise_for_status()
                body, etag = await answer.read(), answer.headers.get("etag")
            self._take(body)
        except (aiohttp.ClientError, TimeoutError, ValidationError) as error:
            self._complain(error)
            return
        self._etag = etag
        self._tell(time.monotonic())
        await self._write_copy(body)

    def _tell(self, now: float) -> None:
        self._told = now
        GOVERNMENTS_AGE.set_function(lambda: time.monotonic() - now)
        if self._failing:
            self._failing = False
            logger.info("tenancy answers again")

    def _complain(self, error: Exception) -> None:
        if not self._failing:
            self._failing = True
            logger.warning("tenancy does not tell the governments, the last table stays: %s", type(error).__name__)

    def _take(self, body: bytes | str) -> None:
        entries = _List.model_validate_json(body).items
        by_host: dict[bytes, Government] = {}
        by_id: dict[bytes, Government] = {}
        for entry in entries:
            if not entry.active:
                continue
            headers = f"x-inspraak-key: {self._key}\r\nx-inspraak-tenant: {entry.government_id}\r\n".encode()
            languages = tuple(language.lower() for language in entry.languages)
            government = Government(
                entry.government_id, languages, headers, names=entry.names, contact_email=entry.contact_email
            )
            by_id[str(entry.government_id).encode()] = government
            by_host |= dict.fromkeys(map(_on_the_wire, entry.hosts), government)
        self._by_host, self._by_id = by_host, by_id
        GOVERNMENTS.set(len(by_id))

    async def _write_copy(self, body: bytes) -> None:
        if self._redis is None:
            return
        try:
            async with asyncio.timeout(COPY_WITHIN):
                await self._redis.set(COPY, body)
        except (RedisError, OSError) as error:
            logger.warning("the table has no copy in Redis: %s", type(error).__name__)

    async def _read_copy(self) -> None:
        if self._redis is None:
            return
        try:
            async with asyncio.timeout(COPY_WITHIN):
                body = await self._redis.get(COPY)
            if body is not None:
                self._take(body)
                logger.warning("tenancy does not answer: the table is Redis's copy")
        except (RedisError, OSError, ValidationError) as error:
            logger.warning("Redis has no table either: %s", type(error).__name__)


def _on_the_wire(host: str) -> bytes:
    """A host as browsers send it; one that no browser could send stays as it is and is never met."""
    try:
        return bare(host.encode("idna"))
    except UnicodeError:
        return host.encode()


def bare(host: bytes) -> bytes:
    """A host without port and final dot, in lower case."""
    name, _, port = host.rpartition(b":")
    return (name if name and port.isdigit() else host).rstrip(b".").lower()
