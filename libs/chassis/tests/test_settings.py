import base64
import os

import pytest
from chassis.settings import DEVELOPMENT_KEY, BadSettingsError, Key, ServiceSettings, Settings, key_bytes
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

GOOD = base64.urlsafe_b64encode(bytes(range(32))).decode()
SECRETS = ("INTERNAL_KEY", "MASTER_KEY")
MALFORMED = ["", "short", GOOD[:-4], GOOD + "AAAA", "ä" * 43, GOOD.replace("A", " "), "====", f"{GOOD}\n"]


class OwnSettings(ServiceSettings):
    session_key: Key = SecretStr(DEVELOPMENT_KEY)
    number: int = 3


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in [name for name in os.environ if name.startswith("INSPRAAK_")]:
        monkeypatch.delenv(name)
    for name in SECRETS:
        monkeypatch.setenv(f"INSPRAAK_{name}", GOOD)
    return monkeypatch


def why(kind: type[Settings] = ServiceSettings) -> str:
    with pytest.raises(BadSettingsError) as error:
        kind.load()
    assert error.value.__cause__ is None
    return str(error.value)


def test_a_process_is_in_production_unless_it_is_told_otherwise(environment: pytest.MonkeyPatch) -> None:
    assert ServiceSettings.load().environment == "production"
    for told in ("development", "test"):
        environment.setenv("INSPRAAK_ENVIRONMENT", told)
        assert ServiceSettings.load().environment == told


@pytest.mark.parametrize("name", SECRETS)
def test_no_process_starts_in_production_with_a_default_secret(environment: pytest.MonkeyPatch, name: str) -> None:
    environment.delenv(f"INSPRAAK_{name}")
    assert why() == f"INSPRAAK_{name} must be set outside development"
    for written in (DEVELOPMENT_KEY, f"{DEVELOPMENT_KEY}=", f"{DEVELOPMENT_KEY[:-1]}F"):
        environment.setenv(f"INSPRAAK_{name}", written)
        assert why() == f"INSPRAAK_{name} must be set outside development"
    environment.setenv("INSPRAAK_ENVIRONMENT", "test")
    ServiceSettings.load()


def test_a_services_own_secret_is_held_to_the_same(environment: pytest.MonkeyPatch) -> None:
    assert why(OwnSettings) == "INSPRAAK_SESSION_KEY must be set outside development"
    environment.setenv("INSPRAAK_SESSION_KEY", GOOD)
    assert key_bytes(OwnSettings.load().session_key) == bytes(range(32))


@pytest.mark.parametrize("name", SECRETS)
@pytest.mark.parametrize("secret", MALFORMED, ids=range(len(MALFORMED)))
@pytest.mark.parametrize("told", ["production", "development"])
def test_a_malformed_secret_is_refused_everywhere_and_not_repeated(
    environment: pytest.MonkeyPatch, name: str, secret: str, told: str
) -> None:
    environment.setenv("INSPRAAK_ENVIRONMENT", told)
    environment.setenv(f"INSPRAAK_{name}", secret)
    said = why()
    assert said.startswith(f"INSPRAAK_{name}: a key ")
    assert len(secret) < 6 or secret not in said


def test_an_old_master_key_is_a_key_too(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("INSPRAAK_OLD_MASTER_KEYS", f'["{GOOD}", "short"]')
    assert why().startswith("INSPRAAK_OLD_MASTER_KEYS: a key ")
    environment.setenv("INSPRAAK_OLD_MASTER_KEYS", f'["{GOOD}"]')
    assert [key_bytes(key) for key in ServiceSettings.load().old_master_keys] == [bytes(range(32))]
    environment.setenv("INSPRAAK_OLD_MASTER_KEYS", GOOD)  # no list
    assert "old_master_keys" in why()
    assert GOOD not in why()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ENVIRONMENT", "staging"),
        ("PORT", "eighty"),
        ("DATABASE_POOL", "1"),
        ("TRACE_RATIO", "2"),
        ("DATABASE_URL", "mysql://root:hunter22@localhost/db"),
        ("AMQP_URL", "http://hunter22@localhost"),
        ("NUMBER", "three"),
    ],
)
def test_a_bad_setting_is_named_and_its_value_is_not_repeated(
    environment: pytest.MonkeyPatch, name: str, value: str
) -> None:
    environment.setenv("INSPRAAK_SESSION_KEY", GOOD)
    environment.setenv(f"INSPRAAK_{name}", value)
    said = why(OwnSettings)
    assert said.startswith(f"INSPRAAK_{name}: ")
    assert "hunter22" not in said


def test_everything_that_is_wrong_is_said_at_once(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("INSPRAAK_PORT", "eighty")
    environment.setenv("INSPRAAK_DATABASE_POOL", "1")
    assert [part.partition(":")[0] for part in why().split("; ")] == ["INSPRAAK_PORT", "INSPRAAK_DATABASE_POOL"]


def test_a_setting_that_is_needed_and_not_set_is_named(environment: pytest.MonkeyPatch) -> None:
    assert environment
    with pytest.raises(BadSettingsError, match="INSPRAAK_DATABASE_URL is not set"):
        ServiceSettings.load().required("database_url")
    environment.setenv("INSPRAAK_DATABASE_URL", "postgresql+asyncpg://voting:pw@127.0.0.1:5432/voting")
    assert ServiceSettings.load().required("database_url") == "postgresql+asyncpg://voting:pw@127.0.0.1:5432/voting"


def test_settings_that_are_printed_keep_their_secrets(environment: pytest.MonkeyPatch) -> None:
    assert environment
    assert GOOD not in repr(ServiceSettings.load())
    assert GOOD not in ServiceSettings.load().model_dump_json()


def test_settings_do_not_change(environment: pytest.MonkeyPatch) -> None:
    assert environment
    with pytest.raises(ValueError, match="frozen"):
        ServiceSettings.load().port = 1


def test_the_default_key_says_that_it_is_one() -> None:
    assert key_bytes(SecretStr(DEVELOPMENT_KEY)) == b"development-only-key-32-bytes--!"


@given(raw=st.binary(min_size=30, max_size=34), padded=st.booleans())
def test_a_key_is_32_bytes_with_or_without_padding(raw: bytes, *, padded: bool) -> None:
    text = base64.urlsafe_b64encode(raw).decode()
    secret = SecretStr(text if padded else text.rstrip("="))
    if len(raw) == 32:
        assert key_bytes(secret) == raw
    else:
        with pytest.raises(ValueError, match=f"32 bytes, not {len(raw)}"):
            key_bytes(secret)
