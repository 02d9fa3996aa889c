"""The data keys that identity works with, made at their first use."""

from chassis.db import tenant_of
from chassis.resources import resources_of
from sqlalchemy.ext.asyncio import AsyncSession

CODE_HASHES = "sign_in_code_hashes"
CODE_MAILS = "sign_in_code_mails"
NETWORKS = "sign_in_networks"
REFRESH_TOKENS = "refresh_tokens"
SIGNING_KEYS = "signing_keys"


async def data_key(session: AsyncSession, purpose: str) -> bytes:
    """The data key of the session's government for a purpose; once this process knows it, no query."""
    keyring = resources_of(session).keyring
    return keyring.cached(tenant_of(session), purpose) or await keyring.create(session, purpose)
