"""Asking the services what they offer. One that is down keeps the part that it told last."""

import asyncio
import logging
from collections.abc import Mapping
from hashlib import blake2b
from pathlib import Path
from time import monotonic
from typing import Any

import aiohttp
import orjson

from gateway.description.merge import Document, merge
from gateway.description.page import page
from gateway.routes import Table

KEPT_FOR = 30.0
RETRY_AFTER = 2.0
ANSWER_WITHIN = 2.0
STYLE = Path(__file__).with_name("docs.css").read_bytes()
logger = logging.getLogger("gateway.description")


def tag(body: bytes) -> bytes:
    """A strong ETag."""
    return b'"%b"' % blake2b(body, digest_size=16).hexdigest().encode()


class Description:
    """The merged OpenAPI document, renewed when somebody looks and it is half a minute old."""

    style = STYLE, tag(STYLE)

    def __init__(self, table: Table, addresses: Mapping[str, str]) -> None:
        """`addresses`: of the services that have routes below /api."""
        self._table = table
        self._addresses = addresses
        self._parts: dict[str, Document] = {}
        self._good_until = 0.0
        self._lock = asyncio.Lock()
        self._document = (b"{}", tag(b"{}"))
        self._page = (b"", tag(b""))

    async def document(self) -> tuple[bytes, bytes]:
        """The document as JSON, and its ETag."""
        await self._renew()
        return self._document

    async def page(self) -> tuple[bytes, bytes]:
        """The page for people, and its ETag."""
        await self._renew()
        return self._page

    async def _renew(self) -> None:
        if monotonic() < self._good_until:
            return
        async with self._lock:
            if monotonic() < self._good_until:
                return
            timeout = aiohttp.ClientTimeout(total=ANSWER_WITHIN)
            async with aiohttp.ClientSession(timeout=timeout) as http:
                told = await asyncio.gather(*(self._ask(http, name) for name in self._addresses))
            merged = merge(self._parts, self._table)
            body = orjson.dumps(merged)
            html = page(merged).encode()
            self._document, self._page = (body, tag(body)), (html, tag(html))
            self._good_until = monotonic() + (KEPT_FOR if all(told) else RETRY_AFTER)

    async def _ask(self, http: aiohttp.ClientSession, service: str) -> bool:
        try:
            async with http.get(f"{self._addresses[service]}/openapi.json") as answer:
                answer.raise_for_status()
                part: Any = orjson.loads(await answer.read())
        except (aiohttp.ClientError, TimeoutError, orjson.JSONDecodeError) as error:
            logger.warning("%s does not say what it offers: %s", service, type(error).__name__)
            return False
        self._parts[service] = part
        return True
