"""The processes of the platform on one machine, in the order in which they are listed, and what each is told.

A new service is one line here.
"""

import json
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path

from inspraak_dev.errors import StackError
from inspraak_dev.stack.provision import database_url
from inspraak_dev.stack.server import HOST
from inspraak_dev.stack.state import State

PUBLIC_PORT = "http"
DEFAULT_PUBLIC_PORT = 8080
# Everybody signs in as the same few people from one address here: the limits on mails of codes would stop them.
MANY_CODES = dict.fromkeys(
    (f"INSPRAAK_{whose}CODES_PER_{span}" for whose in ("", "NETWORK_") for span in ("HOUR", "DAY")), "1000"
)
PASSED_ON = (  # a developer's own wishes; everything else is the stack's business
    "INSPRAAK_OTLP_URL",
    "INSPRAAK_TRACE_RATIO",
    "INSPRAAK_SMTP_URL",
    "INSPRAAK_MAIL_FROM",
    "INSPRAAK_DATABASE_POOL",
)


@dataclass(frozen=True)
class Process:
    """One process: what is executed, which ports it is given, where it says that it is ready."""

    name: str
    command: tuple[str, ...]
    ports: dict[str, str] = field(default_factory=dict)
    """Environment variable -> name of a port of the state; without it `INSPRAAK_PORT` is a port of its own."""
    ready_at: str = "INSPRAAK_PORT"
    """The variable of the port on which `/readyz` is asked."""
    database: bool = False
    front: bool = False
    """Whether it is ended before the others: what it still has to answer needs them."""

    def port_names(self) -> dict[str, str]:
        """Environment variable -> name of a port of the state."""
        return self.ports or {"INSPRAAK_PORT": self.name}

    def ready_port(self, state: State) -> int:
        """Where `/readyz` is asked."""
        return state.port(self.port_names()[self.ready_at])

    def program(self) -> Path:
        """The console script beside this Python; a `StackError` when it was never installed."""
        program = Path(sys.executable).parent / self.command[0]
        if not program.exists():
            raise StackError(f"{self.name}: no program {self.command[0]} in {program.parent}; run `make bootstrap`")
        return program


TABLE = (
    Process(
        "mail-catcher",
        ("inspraak", "mail-catcher"),
        ports={"INSPRAAK_PORT": "mail-catcher", "INSPRAAK_SMTP_PORT": "smtp"},
    ),
    Process("trace-receiver", ("inspraak", "trace-receiver")),
    Process("tenancy", ("tenancy", "all"), database=True),
    Process("identity", ("identity", "all"), database=True),
    Process("voting", ("voting", "all"), database=True),
    Process("notifications", ("notifications", "all"), database=True),
    Process(
        "gateway",
        ("gateway", "api"),
        ports={"INSPRAAK_PORT": PUBLIC_PORT, "INSPRAAK_INTERNAL_PORT": "gateway"},
        ready_at="INSPRAAK_INTERNAL_PORT",
        front=True,
    ),
    Process("web", ("web", "api"), front=True),
)


def settings_of(process: Process, table: tuple[Process, ...], state: State, urls: dict[str, str]) -> dict[str, str]:
    """The environment of a process. `urls` are the servers' addresses as `Stack.urls` gives them."""
    base = {one.name: f"http://{HOST}:{one.ready_port(state)}" for one in table}
    told = {
        "INSPRAAK_ENVIRONMENT": "development",
        "INSPRAAK_HOST": HOST,
        "INSPRAAK_AMQP_URL": urls["INSPRAAK_AMQP_URL"],
        "INSPRAAK_REDIS_URL": urls["INSPRAAK_REDIS_URL"],
        "INSPRAAK_INTERNAL_KEY": state.secret("internal key"),
        "INSPRAAK_MASTER_KEY": state.secret(f"master key of {process.name}"),
        "INSPRAAK_SESSION_KEY": state.secret("session key"),
        "INSPRAAK_PUBLIC_URL_PATTERN": f"http://{{host}}:{state.port(PUBLIC_PORT)}",
        "INSPRAAK_SERVICE_URLS": json.dumps({one.name: base[one.name] for one in table if one.database or one.front}),
        "INSPRAAK_SMTP_URL": f"smtp://{HOST}:{state.port('smtp')}",
        "INSPRAAK_OTLP_URL": f"{base.get('trace-receiver', '')}/v1/traces",
        "INSPRAAK_MAIL_FROM": "Inspraak <no-reply@localhost>",
        "INSPRAAK_IDENTITY_URL": base.get("identity", ""),
        "INSPRAAK_TENANCY_URL": base.get("tenancy", ""),
        "INSPRAAK_GATEWAY_URL": base.get("gateway", ""),
        **MANY_CODES,
    }
    if process.database:
        told["INSPRAAK_DATABASE_URL"] = database_url(state, urls["INSPRAAK_POSTGRES_URL"], process.name, owner=False)
    told |= {variable: str(state.port(name)) for variable, name in process.port_names().items()}
    return told | {name: os.environ[name] for name in PASSED_ON if name in os.environ}


def migration_settings(process: Process, state: State, urls: dict[str, str]) -> dict[str, str]:
    """What `migrate` is told besides: the owner's address, which no serving process ever has."""
    return {
        "INSPRAAK_MIGRATION_DATABASE_URL": database_url(state, urls["INSPRAAK_POSTGRES_URL"], process.name, owner=True)
    }
