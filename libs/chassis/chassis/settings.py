"""Settings that every process reads from `INSPRAAK_*`; outside development none starts with a default secret."""

from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, AmqpDsn, Field, PostgresDsn, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from chassis import base64url

DEVELOPMENT_KEY = "ZGV2ZWxvcG1lbnQtb25seS1rZXktMzItYnl0ZXMtLSE"  # base64url of 32 bytes that say what they are
PREFIX = "INSPRAAK_"


class BadSettingsError(ValueError):
    """Settings with which a process cannot start; the text says which and why, and never what they were."""


def key_bytes(secret: SecretStr) -> bytes:
    """32 bytes from their base64url text, with or without padding; `ValueError` for anything else."""
    text = secret.get_secret_value()
    try:
        raw = base64url.decode(text)
    except ValueError as error:
        raise ValueError("a key is base64url text") from error
    if len(raw) != 32:  # noqa: PLR2004 - AES-256
        raise ValueError(f"a key has 32 bytes, not {len(raw)}")
    return raw


def _is_key(secret: SecretStr) -> SecretStr:
    key_bytes(secret)
    return secret


def _is_default(value: object) -> bool:
    """Whether it is the key that everybody knows, however it is written: with padding, with other spare bits."""
    try:
        return isinstance(value, SecretStr) and key_bytes(value) == base64url.decode(DEVELOPMENT_KEY)
    except ValueError:
        return False  # a secret that is no key


Key = Annotated[SecretStr, AfterValidator(_is_key)]


class Settings(BaseSettings):
    """What every process is told. Durations are seconds, sizes are bytes."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="ignore", frozen=True)

    environment: Literal["development", "test", "production"] = "production"
    host: str = "127.0.0.1"
    port: int = 8000
    internal_key: Key = SecretStr(DEVELOPMENT_KEY)
    otlp_url: str | None = None
    trace_ratio: float = Field(default=1.0, ge=0, le=1)
    graceful_shutdown: int = 30

    @model_validator(mode="after")
    def _no_default_secret_outside_development(self) -> Self:
        for name in type(self).model_fields if self.environment == "production" else ():
            if _is_default(getattr(self, name)):
                raise ValueError(f"{PREFIX}{name.upper()} must be set outside development")
        return self

    @classmethod
    def load(cls) -> Self:
        """The settings of this process, from its environment; `BadSettingsError` where it cannot start with them."""
        try:
            return cls()
        except ValidationError as error:
            raise BadSettingsError("; ".join(map(_sentence, error.errors()))) from None
        except SettingsError as error:  # a list that is no JSON
            raise BadSettingsError(str(error)) from None

    def required(self, name: str) -> str:
        """The text of a setting that this process cannot do without; `BadSettingsError` where it is not set."""
        value = getattr(self, name)
        if value is None:
            raise BadSettingsError(f"{PREFIX}{name.upper()} is not set")
        return str(value)


class ServiceSettings(Settings):
    """What a service is told besides: where its servers are, with which key it keeps what is personal."""

    database_url: PostgresDsn | None = None
    migration_database_url: PostgresDsn | None = None
    database_pool: int = Field(default=10, ge=2)
    amqp_url: AmqpDsn | None = None
    topology_given: bool = False  # whether exchanges and queues are made by who runs the broker, not by the workers
    identity_url: str = "http://127.0.0.1:8001"
    master_key: Key = SecretStr(DEVELOPMENT_KEY)
    old_master_keys: tuple[Key, ...] = ()
    smtp_url: str = "smtp://127.0.0.1:25"
    mail_from: str = "Inspraak <no-reply@localhost>"
    public_url_pattern: str = "https://{host}"


def _sentence(error: Any) -> str:
    """Which variable is wrong and why, without its value, which may be a secret."""
    message = error["msg"].removeprefix("Value error, ")
    return f"{PREFIX}{str(error['loc'][0]).upper()}: {message}" if error["loc"] else message
