"""The broker's topology as resources of RabbitMQ's topology operator, made from what the services declare in code.

In production workers make nothing at the broker (`INSPRAAK_TOPOLOGY_GIVEN`), so their users need no right to configure:
they look whether it is there, publish to `events`, send to queues by name, and read their own two queues.
"""

import importlib
import re
from collections.abc import Iterable, Iterator
from typing import Any

import yaml
from chassis.bus import EVENTS, Queue, Topology, topology

from inspraak_dev.stack.table import TABLE

VHOST, CLUSTER = "inspraak", "events"
HEAD = "# Made by `make contracts` from the services' handlers and libs/chassis/chassis/bus.py: change those instead.\n"
Resource = dict[str, Any]


def topologies() -> list[Topology]:
    """What each service with a worker needs at the broker, in the order of the platform's table."""
    names = [process.name for process in TABLE if process.database]
    return [topology(name, importlib.import_module(f"{name}.main").service.handlers.types) for name in names]


def document() -> str:
    """The file as it is committed."""
    documents = (yaml.safe_dump(each, sort_keys=False, width=120) for each in resources(topologies()))
    return HEAD + "---\n".join(documents)


def resources(wanted: Iterable[Topology]) -> list[Resource]:
    """Exchanges, queues, bindings, users and their permissions; what several services share comes once."""
    found: dict[tuple[str, str], Resource] = {}
    for each in wanted:
        for resource in _of(each):
            found.setdefault((resource["kind"], resource["metadata"]["name"]), resource)
    return list(found.values())


def permissions(of: Topology) -> dict[str, str]:
    """What a service's user may do, as RabbitMQ's regular expressions of names. Looking needs no permission."""
    read = "|".join(re.escape(name) for name in (of.service, of.parked)) if of.consumes else ""
    # retries, parking, replay and republishing go to a queue by its name, which is the default exchange
    return {"configure": "^$", "write": rf"^({EVENTS}|amq\.default)$", "read": f"^({read})$" if read else "^$"}


def _of(wanted: Topology) -> Iterator[Resource]:
    for exchange in wanted.exchanges:
        arguments = {"arguments": dict(exchange.arguments)} if exchange.arguments else {}
        spec = {"name": exchange.name, "type": exchange.type, "durable": True, **arguments}
        yield _resource("Exchange", f"exchange-{exchange.name}", spec)
    for queue in wanted.queues:
        yield from _queue(queue)
    yield _resource("User", wanted.service, {"importCredentialsSecret": {"name": f"{wanted.service}-amqp"}})
    spec = {"userReference": {"name": wanted.service}, "permissions": permissions(wanted)}
    yield _resource("Permission", wanted.service, spec)


def _queue(queue: Queue) -> Iterator[Resource]:
    arguments = {name: value for name, value in queue.arguments.items() if name != "x-queue-type"}
    spec = {"name": queue.name, "type": queue.arguments["x-queue-type"], "durable": True}
    yield _resource("Queue", f"queue-{queue.name}", spec | {"deletionPolicy": "retain", "arguments": arguments})
    for exchange, key in queue.bindings:
        spec = {"source": exchange, "destination": queue.name, "destinationType": "queue", "routingKey": key}
        yield _resource("Binding", f"{queue.name}-takes-{key or exchange}", spec)


def _resource(kind: str, name: str, spec: Resource) -> Resource:
    where = {} if kind == "User" else {"vhost": VHOST}
    return {
        "apiVersion": "rabbitmq.com/v1beta1",
        "kind": kind,
        "metadata": {"name": re.sub("[._]", "-", name)},
        "spec": where | spec | {"rabbitmqClusterReference": {"name": CLUSTER}},
    }
