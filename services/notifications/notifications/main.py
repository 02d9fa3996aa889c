"""The notifications service at a glance."""

from chassis.service import Service

from notifications.handlers import on, timers
from notifications.routes import router
from notifications.settings import Settings

service = Service("notifications", settings=Settings, routers=[router], handlers=on, timers=timers)
cli = service.cli
