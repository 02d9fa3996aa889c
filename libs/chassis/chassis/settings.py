"""Settings that every process reads from `INSPRAAK_*`; outside development none starts with a default secret."""

import base64
import binascii
from typing import Literal, Self

from pydantic import AmqpDsn, Field, PostgresDsn, RedisDsn, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

DEVELOPMENT_KEY = "ZGV2ZWxvcG1lbnQtb25seS1rZXktMzItYnl0ZXMtLSE"  # base64url of 32 bytes that say what they are
SECRETS = ("internal_key", "master_key")


def key_bytes(secret: SecretStr) -> bytes:
    """32 bytes from their base64url text, with or without padding; `ValueError` for anything else."""
    text = secret.get_secret_value()
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except binascii.Error as error:
        raise ValueError("a key is base64url text") from error
    if len(raw) != 32:  # noqa: PLR2004 - AES-256
        raise ValueError(f"a key has 32 bytes, not {len(raw)}")
    return raw


class Settings(BaseSettings):
    """What a process is told. Durations are seconds, sizes are bytes."""

    model_config = SettingsConfigDict(env_prefix="INSPRAAK_", extra="ignore", frozen=True)

    environment: Literal["development", "test", "production"] = "production"
    host: str = "127.0.0.1"
    port: int = 8000
    database_url: PostgresDsn | None = None
    migration_database_url: PostgresDsn | None = None
    database_pool: int = Field(default=10, ge=2)
    amqp_url: AmqpDsn | None = None
    redis_url: RedisDsn | None = None
    identity_url: str = "http://127.0.0.1:8001"
    tenancy_url: str = "http://127.0.0.1:8002"
    internal_key: SecretStr = SecretStr(DEVELOPMENT_KEY)
    master_key: SecretStr = SecretStr(DEVELOPMENT_KEY)
    old_master_keys: tuple[SecretStr, ...] = ()
    smtp_url: str = "smtp://127.0.0.1:25"
    mail_from: str = "Inspraak <no-reply@localhost>"
    public_url_pattern: str = "https://{host}"
    otlp_url: str | None = None
    trace_ratio: float = Field(default=1.0, ge=0, le=1)
    graceful_shutdown: int = 30

    @model_validator(mode="after")
    def _no_default_secret_outside_development(self) -> Self:
        for name in self.secrets():
            value: SecretStr = getattr(self, name)
            key_bytes(value)
            if self.environment == "production" and value.get_secret_value() == DEVELOPMENT_KEY:
                raise ValueError(f"INSPRAAK_{name.upper()} must be set outside development")
        return self

    @classmethod
    def secrets(cls) -> tuple[str, ...]:
        """The names of the settings that hold a key of 32 bytes; a service with one of its own adds it."""
        return SECRETS

    def required(self, name: str) -> str:
        """The text of a setting that this process cannot do without."""
        value = getattr(self, name)
        if value is None:
            raise ValueError(f"INSPRAAK_{name.upper()} is not set")
        return str(value)
