"""PostgreSQL as a process of our own: durable as in production, small, listening on loopback only."""

import shutil
import signal
import subprocess
from pathlib import Path

from inspraak_dev.errors import StackError
from inspraak_dev.stack import probes
from inspraak_dev.stack.processes import as_user, base_environment
from inspraak_dev.stack.server import HOST, OwnServer

SETTINGS = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",  # a socket's path may have 107 characters, a data folder's more
    "fsync": "on",
    "synchronous_commit": "on",
    "max_connections": "200",
    "shared_buffers": "128MB",
    "password_encryption": "scram-sha-256",
    "log_timezone": "UTC",
    "timezone": "UTC",
}


class Postgres(OwnServer):
    """PostgreSQL; its superuser is `postgres`."""

    name = "postgres"
    title = "PostgreSQL"
    users = ("postgres",)
    package = "postgresql"
    stop_signal = signal.SIGINT  # "fast": SIGTERM would wait for every client to leave

    @staticmethod
    def find() -> Path | None:
        """The newest `postgres` with `initdb` beside it: Debian keeps them out of PATH, one folder a version."""
        return next(iter(Postgres.versions().values()), None)

    @staticmethod
    def versions() -> dict[int, Path]:
        """Every `postgres` on this machine by major version, newest first."""
        found = {
            int(program.parents[1].name): program
            for program in Path("/usr/lib/postgresql").glob("*/bin/postgres")
            if program.parents[1].name.isdigit()
        }
        onpath = shutil.which("postgres")
        if not found and onpath and (Path(onpath).parent / "initdb").exists():
            said = subprocess.run([onpath, "--version"], capture_output=True, text=True, check=True).stdout
            found[int(said.split()[-1].partition(".")[0].split()[0])] = Path(onpath)
        return dict(sorted(found.items(), reverse=True))

    def found(self) -> Path:
        """The program that can read our data: one of the major version that made it."""
        made_by = self.folder / "data" / "PG_VERSION"
        if not made_by.exists():
            return super().found()
        version = int(made_by.read_text())
        if version not in (versions := self.versions()):
            raise StackError(
                f"the data in {self.folder} was made by PostgreSQL {version}, installed is "
                f"{', '.join(map(str, versions)) or 'none'}: install {version} or start anew with `make reset`"
            )
        return versions[version]

    @staticmethod
    def probe(host: str, port: int) -> bool:
        """See `probes.postgres`."""
        return probes.postgres(host, port)

    def prepare(self) -> None:
        """Run initdb once, under another name until it is whole."""
        if (self.folder / "data").exists():
            return
        program = self.found()
        self.make_folder()
        draft, password = self.folder / "draft", self.folder / "password"
        shutil.rmtree(draft, ignore_errors=True)
        password.touch(mode=0o600)
        password.write_text(self.state.secret("postgres"))
        self.save()
        self.own(password)
        command: list[str | Path] = [
            program.parent / "initdb",
            "-D",
            draft,
            "-U",
            "postgres",
            f"--pwfile={password}",
            "-A",
        ]
        command += ["scram-sha-256", "-E", "UTF8", "--locale=C.UTF-8", "--data-checksums"]
        ran = subprocess.run(
            command, env=base_environment(), capture_output=True, text=True, check=False, **as_user(self.user)
        )
        password.unlink()
        if ran.returncode:
            raise StackError(f"PostgreSQL's initdb failed: {ran.stderr.strip() or ran.stdout.strip()}")
        draft.rename(self.folder / "data")

    def command(self) -> list[str | Path]:
        """`postgres` itself, without pg_ctl: its pid is the one that we watch."""
        settings = [f"--{name}={value}" for name, value in SETTINGS.items()]
        return [self.found(), "-D", self.folder / "data", "-p", str(self.port), *settings]

    def url(self) -> str:
        """As its superuser."""
        return f"postgresql://postgres:{self.state.secret('postgres')}@{HOST}:{self.port}/postgres"
