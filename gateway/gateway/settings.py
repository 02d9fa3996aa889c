"""What the gateway is told, all from `INSPRAAK_*`."""

from ipaddress import IPv4Network, IPv6Network

from chassis.settings import Settings as ChassisSettings
from pydantic import Field, RedisDsn

MEBIBYTE = 1024 * 1024


class Settings(ChassisSettings):
    """The gateway's knobs. `port` is the public listener; durations are seconds, sizes are bytes."""

    port: int = 8080
    internal_port: int = 8081
    redis_url: RedisDsn | None = None
    identity_url: str = "http://127.0.0.1:8001"
    tenancy_url: str = "http://127.0.0.1:8002"
    service_urls: dict[str, str] = Field(default={})  # {"voting": "http://voting:8000"}, as JSON in the environment
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...] = ()  # whose X-Forwarded-For names the client
    cache_bytes: int = Field(default=32 * MEBIBYTE, ge=0)
    connections: int = Field(default=8192, ge=16)  # open connections from clients, on each listener

    def address_of(self, service: str) -> str:
        """A service's address without a trailing slash; `ValueError` when nobody named one."""
        fallback = {"identity": self.identity_url, "tenancy": self.tenancy_url}
        address = self.service_urls.get(service) or fallback.get(service)
        if address is None:
            raise ValueError(f"INSPRAAK_SERVICE_URLS names no address for {service}")
        return address.rstrip("/")
