"""What identity is told beyond the settings of every process."""

from datetime import timedelta

from chassis.resources import resources_of
from chassis.settings import ServiceSettings
from pydantic import Field
from sqlalchemy.ext.asyncio import AsyncSession

from identity.rules import Limit


class Settings(ServiceSettings):
    """The knobs of sign-in. Durations are seconds unless the name says days."""

    code_seconds: int = Field(default=600, ge=60)
    code_attempts: int = Field(default=5, ge=1)
    codes_per_hour: int = Field(default=5, ge=1)
    codes_per_day: int = Field(default=20, ge=1)
    network_codes_per_hour: int = Field(
        default=3, ge=1
    )  # less than an address's: one stranger leaves some to its owner
    network_codes_per_day: int = Field(default=8, ge=1)
    accounts_per_day: int = Field(default=3, ge=1)
    codes_kept_seconds: int = Field(default=86_400, ge=86_400)  # no less: the daily limit counts with these rows
    access_token_seconds: int = Field(default=900, ge=60, le=3600)
    refresh_grace_seconds: int = Field(default=10, ge=0, le=60)
    session_idle_days: int = Field(default=90, ge=1)
    # Longer than any verifier keeps the public keys (chassis.auth), so that all know a key before it signs.
    signing_key_lead_seconds: int = Field(default=900, ge=660)

    @property
    def code_life(self) -> timedelta:
        """How long a code may be used."""
        return timedelta(seconds=self.code_seconds)

    @property
    def code_limits(self) -> tuple[Limit, ...]:
        """How many codes one address is sent."""
        return (
            Limit(self.codes_per_hour, timedelta(hours=1)),
            Limit(self.codes_per_day, timedelta(days=1)),
        )

    @property
    def network_code_limits(self) -> tuple[Limit, ...]:
        """How many of those one client network may ask for."""
        return (
            Limit(self.network_codes_per_hour, timedelta(hours=1)),
            Limit(self.network_codes_per_day, timedelta(days=1)),
        )

    @property
    def account_limits(self) -> tuple[Limit, ...]:
        """How many new accounts one mailbox may make, whatever the tags of its addresses."""
        return (Limit(self.accounts_per_day, timedelta(days=1)),)

    @property
    def session_idle(self) -> timedelta:
        """How long a session may be left alone before it ends."""
        return timedelta(days=self.session_idle_days)

    @property
    def refresh_grace(self) -> timedelta:
        """How long a refresh token that was just replaced still gives its successor."""
        return timedelta(seconds=self.refresh_grace_seconds)

    @property
    def codes_kept(self) -> timedelta:
        """How long it is kept that an address was mailed a code."""
        return timedelta(seconds=self.codes_kept_seconds)


def settings_of(session: AsyncSession) -> Settings:
    """The settings of the process that a session works in."""
    settings: Settings = resources_of(session).settings
    return settings
