"""Asks the platform as anybody would: over the gateway's public address, with a host name and perhaps a token."""

import re
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

import aiohttp

from inspraak_dev.errors import StackError

CODE = re.compile(r"\b\d{6}\b")
MAIL_SECONDS = 30


class Client:
    """One government's host on a running stack."""

    def __init__(self, gateway: str, host: str, *, mails: str) -> None:
        """`gateway` is the public address, `mails` the mail catcher's."""
        self._gateway, self._mails = gateway, mails
        self._host = f"{host}:{gateway.rpartition(':')[2]}"
        self._http = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=MAIL_SECONDS + 10))

    async def __aenter__(self) -> Self:
        """Use the client's connections for a block."""
        return self

    async def __aexit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        """Close them."""
        await self._http.close()

    async def ask(self, method: str, path: str, body: Any = None, *, token: str | None = None) -> Any:
        """One request that must succeed; its JSON, or nothing where the answer has no body.

        Raises:
            StackError: the platform refused, with what it said.
        """
        headers = {"host": self._host}
        if token:
            headers["authorization"] = f"Bearer {token}"
        url = self._gateway + path
        async with self._http.request(method, url, json=body, headers=headers) as answer:
            if answer.status >= 400:  # noqa: PLR2004 - RFC 9110 §15
                raise StackError(f"{method} {path} was answered {answer.status}: {(await answer.text())[:300]}")
            return await answer.json() if answer.content_length != 0 and "json" in answer.content_type else None

    async def serves(self) -> bool:
        """Whether the gateway knows this host by now."""
        url = f"{self._gateway}/api/v1/government"
        async with self._http.get(url, headers={"host": self._host}) as answer:
            return answer.status == 200  # noqa: PLR2004 - RFC 9110 §15

    async def sign_in(self, email: str, language: str = "nl") -> str:
        """An access token, by the code in the mail, as a person would do it."""
        before = await self._newest(email)
        asked: Mapping[str, str] = await self.ask(
            "POST", "/api/v1/sign-in/codes", {"email": email, "language": language}
        )
        query = {"to": email, "after": str(before), "wait": str(MAIL_SECONDS)}
        async with self._http.get(f"{self._mails}/api/mails", params=query) as answer:
            mails = (await answer.json())["mails"]
        found = CODE.search(mails[0]["subject"]) if mails else None
        if found is None:
            raise StackError(f"no mail with a code came for {email}; one network is mailed three an hour")
        body = {"handle": asked["handle"], "code": found[0]}
        signed_in: Mapping[str, str] = await self.ask("POST", "/api/v1/sign-in", body)
        return signed_in["access_token"]

    async def _newest(self, email: str) -> int:
        async with self._http.get(f"{self._mails}/api/mails", params={"to": email}) as answer:
            return int((await answer.json())["last"])
