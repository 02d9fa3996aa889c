"""Redis or Valkey as a process of our own: nothing on disk, for what it holds can be lost."""

import shutil
from pathlib import Path

from inspraak_dev.stack import probes
from inspraak_dev.stack.server import HOST, OwnServer


class Redis(OwnServer):
    """Redis, or Valkey where that is installed."""

    name = "redis"
    title = "Redis"
    users = ("redis", "valkey", "nobody")
    package = "redis-server"

    @staticmethod
    def find() -> Path | None:
        """The first of the two on PATH."""
        found = shutil.which("redis-server") or shutil.which("valkey-server")
        return Path(found) if found else None

    @staticmethod
    def probe(host: str, port: int) -> bool:
        """See `probes.redis`."""
        return probes.redis(host, port)

    def prepare(self) -> None:
        """Write its configuration: a file, so that its password is not on the command line for all to see."""
        self.make_folder()
        settings = {
            "bind": HOST,
            "port": str(self.port),
            "requirepass": self.state.secret("redis"),
            "dir": str(self.folder),
            "save": '""',
            "appendonly": "no",
            "maxmemory": "64mb",
            "maxmemory-policy": "volatile-lru",
            "daemonize": "no",
        }
        configuration = self.folder / "redis.conf"
        configuration.touch(mode=0o600)
        configuration.write_text("".join(f"{name} {value}\n" for name, value in settings.items()))
        self.own(configuration)

    def command(self) -> list[str | Path]:
        """In the foreground."""
        return [self.found(), self.folder / "redis.conf"]

    def url(self) -> str:
        """Database 0."""
        return f"redis://:{self.state.secret('redis')}@{HOST}:{self.port}/0"
