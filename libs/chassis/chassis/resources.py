"""What a running process holds, and how what works in a session comes by it."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker

from chassis.auth import TokenVerifier
from chassis.db import create_engine, session_maker
from chassis.keys import Keyring
from chassis.settings import ServiceSettings


@dataclass
class Resources:
    """A process's settings, its way to the database, and the keys that it knows."""

    settings: Any
    engine: AsyncEngine
    sessions: async_sessionmaker[AsyncSession]
    verifier: TokenVerifier
    keyring: Keyring

    @classmethod
    def of(cls, settings: ServiceSettings) -> "Resources":
        """Connect lazily to what the process needs; nothing is asked of a server yet."""
        engine = create_engine(settings.required("database_url"), pool=settings.database_pool)
        verifier = TokenVerifier(f"{settings.identity_url}/.well-known/jwks.json")
        resources = cls(settings, engine, session_maker(engine), verifier, Keyring.from_settings(settings))
        resources.sessions.configure(info={"resources": resources})
        return resources


def resources_of(session: AsyncSession) -> Resources:
    """The resources of the process that a session works in."""
    resources: Resources = session.info["resources"]
    return resources
