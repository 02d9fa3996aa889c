"""The link at a mail's end that stops such mails without signing in (RFC 8058): person and topic, sealed."""

from uuid import UUID

from chassis import base64url
from chassis.keys import MissingKeyError
from chassis.refusals import Refused
from chassis.resources import resources_of
from chassis.seals import BrokenSealError
from sqlalchemy.ext.asyncio import AsyncSession

PURPOSE = "stop_links"
ID_BYTES = 16


async def stop_token(session: AsyncSession, person_id: UUID, topic: str) -> str:
    """The token of a link that stops a topic's mails to a person."""
    keyring = resources_of(session).keyring
    key = await keyring.create(session, PURPOSE)
    sealed = keyring.seal(key, person_id.bytes + topic.encode(), aad=PURPOSE.encode())
    return base64url.encode(sealed)


async def read_stop_token(session: AsyncSession, token: str) -> tuple[UUID, str]:
    """The person and topic of a link; a link that is not ours, or another government's, is refused."""
    keyring = resources_of(session).keyring
    try:
        sealed = base64url.decode(token)
        content = keyring.open(await keyring.get(session, PURPOSE), sealed, aad=PURPOSE.encode())
        return UUID(bytes=content[:ID_BYTES]), content[ID_BYTES:].decode()
    except (BrokenSealError, MissingKeyError, ValueError) as error:
        raise Refused("bad_link", status=404) from error
