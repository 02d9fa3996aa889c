"""What `identity` tells. Personal facts travel as ids; no address and no secret ever travels."""

from uuid import UUID

from contracts.base import Event


class SessionCompromised(Event, type="identity.session_compromised.v1", subject="person_id"):
    """A refresh token was used a second time, so its whole family was revoked."""

    person_id: UUID
    session_id: UUID
