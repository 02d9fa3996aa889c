"""The tenancy service at a glance."""

from chassis.service import Service

from tenancy.actions import republish
from tenancy.commands import COMMANDS, TAKEN
from tenancy.routes import router
from tenancy.settings import Settings

service = Service(
    "tenancy",
    settings=Settings,
    routers=[router],
    constraints={name: (409, code) for name, code in TAKEN.items()},
    commands=COMMANDS,
    republish=republish,
)
cli = service.cli
