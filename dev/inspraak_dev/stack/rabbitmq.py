"""RabbitMQ as a process of our own: its own node name, its own epmd, everything on loopback.

Debian's wrapper (`/usr/sbin/rabbitmq-server`) runs the system's node only, so that the script behind it is used.
"""

import base64
import hashlib
import json
import secrets
import shutil
import subprocess
from pathlib import Path

from inspraak_dev.errors import StackError
from inspraak_dev.stack import probes
from inspraak_dev.stack.processes import as_user, base_environment
from inspraak_dev.stack.server import HOST, OwnServer

VHOST = "inspraak"
CONTROL_SECONDS = 60


class RabbitMq(OwnServer):
    """RabbitMQ with one virtual host and one user, both `inspraak`."""

    name = "rabbitmq"
    title = "RabbitMQ"
    users = ("rabbitmq",)
    package = "rabbitmq-server"

    @staticmethod
    def find() -> Path | None:
        """Debian's script, else what is on PATH."""
        debian = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
        if debian.exists():
            return debian
        found = shutil.which("rabbitmq-server")
        return Path(found) if found else None

    @staticmethod
    def probe(host: str, port: int) -> bool:
        """See `probes.rabbitmq`."""
        return probes.rabbitmq(host, port)

    def prepare(self) -> None:
        """Write its configuration and the definitions (user, virtual host) that it imports when it boots."""
        self.make_folder()
        files = {
            "rabbitmq.conf": self._configuration(),
            "definitions.json": json.dumps(self._definitions()),
            "enabled_plugins": "[].\n",
            "env.conf": "",
            ".erlang.cookie": self.state.secret("erlang_cookie"),
        }
        for name, content in files.items():
            path = self.folder / name
            path.touch(mode=0o600)
            path.chmod(0o600)
            path.write_text(content)
            self.own(path)
            path.chmod(0o400 if name == ".erlang.cookie" else 0o600)

    def _configuration(self) -> str:
        settings = {
            "listeners.tcp.1": f"{HOST}:{self.port}",
            "load_definitions": str(self.folder / "definitions.json"),
            "vm_memory_high_watermark.absolute": "512MB",
            "disk_free_limit.absolute": "100MB",
            "raft.wal_max_size_bytes": str(32 * 1024**2),  # the default allots 512 MB at once
            "log.console": "true",
            "log.console.level": "info",
            "log.file": "false",
        }
        return "".join(f"{name} = {value}\n" for name, value in settings.items())

    def _definitions(self) -> dict[str, object]:
        everything = {"configure": ".*", "write": ".*", "read": ".*"}
        user = {"name": "inspraak", "password_hash": self._password_hash(), "tags": "administrator"}
        return {
            "users": [user | {"hashing_algorithm": "rabbit_password_hashing_sha256"}],
            "vhosts": [{"name": VHOST}],
            "permissions": [{"user": "inspraak", "vhost": VHOST, **everything}],
        }

    def _password_hash(self) -> str:
        """RabbitMQ's own: four bytes of salt, then SHA-256 of salt and password."""
        salt = secrets.token_bytes(4)
        digest = hashlib.sha256(salt + self.state.secret("rabbitmq").encode()).digest()
        return base64.b64encode(salt + digest).decode()

    def environment(self) -> dict[str, str]:
        """Everything that would else be the system node's."""
        folder = str(self.folder)
        return super().environment() | {
            "RABBITMQ_NODENAME": f"inspraak-{self.place.folder.parent.name}-{self.place.instance}@localhost",
            "RABBITMQ_CONF_ENV_FILE": f"{folder}/env.conf",
            "RABBITMQ_CONFIG_FILE": f"{folder}/rabbitmq.conf",
            "RABBITMQ_ADVANCED_CONFIG_FILE": f"{folder}/advanced.config",
            "RABBITMQ_ENABLED_PLUGINS_FILE": f"{folder}/enabled_plugins",
            "RABBITMQ_MNESIA_BASE": f"{folder}/mnesia",
            "RABBITMQ_LOG_BASE": f"{folder}/log",
            "RABBITMQ_LOGS": "-",
            "RABBITMQ_GENERATED_CONFIG_DIR": f"{folder}/generated",
            "RABBITMQ_FEATURE_FLAGS_FILE": f"{folder}/feature_flags",
            "RABBITMQ_PID_FILE": f"{folder}/pid",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(self.state.port("rabbitmq_distribution")),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
            "ERL_EPMD_PORT": str(self.state.port("epmd")),
            "ERL_EPMD_ADDRESS": HOST,
            "RUNNING_UNDER_SYSTEMD": "true",  # makes the script become the Erlang machine: the pid is the server's
        }

    def start(self) -> None:
        """Start epmd first: the node would start one that nobody ends."""
        if self.state.running(self.name):
            return
        if not self.state.running("epmd"):
            self.make_folder()
            epmd = shutil.which("epmd")
            if epmd is None:
                raise StackError("RabbitMQ is installed, but Erlang's epmd is not on PATH")
            self.launch("epmd", [epmd, "-address", HOST, "-port", str(self.state.port("epmd"))])
        super().start()

    def command(self) -> list[str | Path]:
        """In the foreground."""
        return [self.found()]

    def url(self) -> str:
        """The virtual host `inspraak`."""
        return f"amqp://inspraak:{self.state.secret('rabbitmq')}@{HOST}:{self.port}/{VHOST}"

    def control(self, *arguments: str) -> str:
        """Run `rabbitmqctl` on this node; for tests that look inside, since it takes a second or two."""
        program = self.found().with_name("rabbitmqctl")
        environment = base_environment() | self.environment()
        ran = subprocess.run(
            [program, *arguments],
            env=environment,
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=CONTROL_SECONDS,
            check=False,
            **as_user(self.user),
        )
        if ran.returncode:
            raise StackError(f"rabbitmqctl {arguments[0]} failed: {ran.stderr.strip()[-500:]}")
        return str(ran.stdout)
