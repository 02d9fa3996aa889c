"""A stack of tiny programs on the tests' servers: everything that `make up` does, without the platform."""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from inspraak_dev.stack import Stack, lifecycle
from inspraak_dev.stack.ports import free_port
from inspraak_dev.stack.table import PUBLIC_PORT, Process

TINY = '''#!{python}
"""A service: `migrate` makes a table as the owner; else it serves /readyz and says what it was told to say."""
import asyncio, http.server, os, sys

if sys.argv[1:] == ["migrate"]:
    import asyncpg
    async def migrate():
        url = os.environ["INSPRAAK_MIGRATION_DATABASE_URL"].replace("+asyncpg", "")
        owner = await asyncpg.connect(url)
        await owner.execute("CREATE TABLE IF NOT EXISTS things (id serial PRIMARY KEY)")
        await owner.close()
    asyncio.run(migrate())
    sys.exit(0)
if sys.argv[1:] == ["broken"]:
    sys.exit("the database of things is upside down")

class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(503 if sys.argv[1:] == ["unready"] else 200)
        self.end_headers()
        self.wfile.write(b"not today" if sys.argv[1:] == ["unready"] else b"ok")
    def log_message(self, *arguments):
        pass

http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["INSPRAAK_PORT"])), Answer).serve_forever()
'''


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The path of a program that behaves as a service does."""
    program = tmp_path_factory.mktemp("tiny") / "tiny"
    program.write_text(TINY.format(python=sys.executable))
    program.chmod(0o755)
    return str(program)


@pytest.fixture
def service() -> str:
    """A name for a service with a database, unique on the tests' server."""
    return f"tiny_{uuid4().hex[:8]}"


@pytest.fixture
def table(tiny: str, service: str) -> tuple[Process, ...]:
    """A platform of two processes: a service with a database, and a front with the public port."""
    front = Process("gateway", (tiny, "all"), ports={"INSPRAAK_PORT": PUBLIC_PORT, "X": "gateway"}, front=True)
    return (Process(service, (tiny, "all"), database=True), front)


@pytest.fixture
def stack(servers: object, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Stack]:
    """An empty instance that uses the tests' servers; ended and deleted afterwards."""
    for variable, field in (("POSTGRES", "postgres_url"), ("AMQP", "amqp_url"), ("REDIS", "redis_url")):
        monkeypatch.setenv(f"INSPRAAK_{variable}_URL", getattr(servers, field))
    monkeypatch.setenv("INSPRAAK_DATA_FOLDER", str(tmp_path / "data"))
    monkeypatch.setenv("INSPRAAK_HTTP_PORT", str(free_port(set())))
    made = Stack(f"tiny-{uuid4().hex[:8]}")
    yield made
    lifecycle.reset(made)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that other users reach, unlike pytest's own."""
    with tempfile.TemporaryDirectory(prefix="inspraak-test-") as made:
        folder = Path(made)
        folder.chmod(0o755)
        yield folder


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder on a disk of one megabyte."""
    folder = tmp_path / "full"
    folder.mkdir()
    mount = shutil.which("mount")
    command = [str(mount), "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if mount is None or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("only root may mount a small disk")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)
