"""What web is told besides what every process is told."""

from chassis.settings import DEVELOPMENT_KEY, Key
from chassis.settings import Settings as Shared
from pydantic import AnyHttpUrl, SecretStr


class Settings(Shared):
    """`session_key` seals the cookies; to rotate it, make the old one an `old_session_keys` until it has aged out."""

    gateway_url: AnyHttpUrl = AnyHttpUrl("http://127.0.0.1:8090")  # the gateway's internal listener
    gateway_seconds: float = 3.0  # web waits no longer for one answer
    gateway_connections: int = 64  # at once, over all pages; what comes on top waits, within those seconds
    session_key: Key = SecretStr(DEVELOPMENT_KEY)
    old_session_keys: tuple[Key, ...] = ()
