"""Asks identity for an address at the moment of sending: addresses never travel on the bus, nor are they kept here."""

from dataclasses import dataclass
from uuid import UUID

import aiohttp

from notifications.settings import Settings

TIMEOUT = aiohttp.ClientTimeout(total=5)


class IdentityUnavailableError(Exception):
    """Identity did not answer; sending waits."""


@dataclass(frozen=True)
class Address:
    """Where a person's mail goes, and in which language the person reads."""

    email: str
    language: str


async def address_of(settings: Settings, tenant: UUID, person_id: UUID) -> Address | None:
    """A person's address, or nothing for a person who has gone.

    Raises:
        IdentityUnavailableError: no answer, or none that can be used.
    """
    headers = {"x-inspraak-key": settings.internal_key.get_secret_value(), "x-inspraak-tenant": str(tenant)}
    url = f"{settings.identity_url}/internal/v1/addresses"
    body = {"person_ids": [str(person_id)]}
    try:
        async with (
            aiohttp.ClientSession(timeout=TIMEOUT, headers=headers) as client,
            client.post(url, json=body) as answer,
        ):
            answer.raise_for_status()
            found = (await answer.json()).get(str(person_id))
            return Address(found["email"], found["language"]) if found else None
    except (aiohttp.ClientError, TimeoutError, ValueError, KeyError) as error:
        raise IdentityUnavailableError(type(error).__name__) from error
