"""The broker: its topology, and publishing to it. `consumer.py` takes from it.

Made for RabbitMQ 3.10 to 4.x: quorum queues, persistent messages, confirmed publishing, explicit arguments.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractConnection
from aio_pika.exceptions import AMQPError, ChannelInvalidStateError, ChannelNotFoundEntity
from aiormq.channel import Channel as UnderlyingChannel
from yarl import URL

EVENTS = "events"
UNROUTED = "events.unrouted"
UNROUTED_QUEUE = "unrouted"
WAITS = (1.0, 10.0, 60.0, 300.0)
DELIVERY_LIMIT = 20
# RabbitMQ 4 limits deliveries to 20 by default: a parked message that is listed more often would be lost
UNLIMITED = 2**31 - 1
WEEK_MS = 7 * 24 * 3600 * 1000
CONNECT_SECONDS = 5
PUBLISH_SECONDS = 10
CLOSE_SECONDS = 3
HEARTBEAT_SECONDS = 15
BROKER_ERRORS = (AMQPError, ChannelInvalidStateError, OSError, TimeoutError)
logger = logging.getLogger("chassis.bus")


class NotMadeError(AMQPError):
    """Something at the broker that somebody else makes is not there; the text says what."""


Outgoing = tuple[str, str, aio_pika.abc.AbstractMessage]
"""Exchange ("" is the default exchange, which routes to a queue by its name), routing key, message."""


@dataclass(frozen=True)
class Exchange:
    """A durable exchange."""

    name: str
    type: str
    arguments: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Queue:
    """A durable queue and the (exchange, routing key) pairs that lead to it."""

    name: str
    arguments: Mapping[str, str | int]
    bindings: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Topology:
    """What a service needs at the broker. Plain data: workers declare it, deployments can render it."""

    service: str
    exchanges: tuple[Exchange, ...]
    queues: tuple[Queue, ...]
    waits: tuple[str, ...] = ()
    """The names of the wait queues, shortest wait first."""
    given: bool = False
    """Whether somebody else makes it: the service then looks whether it is there, and needs no right to make it."""

    @property
    def consumes(self) -> bool:
        """Whether the service has a queue of its own."""
        return any(queue.name == self.service for queue in self.queues)

    @property
    def parked(self) -> str:
        """The queue of what cannot be handled."""
        return f"{self.service}.parked"


def topology(
    service: str,
    types: Sequence[str],
    *,
    waits: Sequence[float] = WAITS,
    delivery_limit: int = DELIVERY_LIMIT,
    given: bool = False,
) -> Topology:
    """The exchanges and queues of a service that handles these event types; no queue of its own if it handles none.

    `waits` are the seconds before each retry. A message that was delivered `delivery_limit` times without an answer,
    because it kills whoever takes it, is parked by the broker.
    """
    exchanges = (
        Exchange(EVENTS, "topic", {"alternate-exchange": UNROUTED}),
        Exchange(UNROUTED, "fanout"),
    )
    bounds = {"x-max-length": 100_000, "x-message-ttl": WEEK_MS, "x-delivery-limit": UNLIMITED}
    unrouted = Queue(UNROUTED_QUEUE, _quorum(**bounds), ((UNROUTED, ""),))
    if not types:
        return Topology(service, exchanges, (unrouted,), given=given)
    limit = {"x-delivery-limit": delivery_limit}
    own = Queue(service, _dead_letters_to(f"{service}.parked", **limit), tuple((EVENTS, type_) for type_ in types))
    parked = Queue(f"{service}.parked", _quorum(**{"x-delivery-limit": UNLIMITED}))
    waiting = tuple(
        Queue(f"{service}.wait.{wait:g}s", _dead_letters_to(service, **{"x-message-ttl": round(wait * 1000)}))
        for wait in waits
    )
    names = tuple(queue.name for queue in waiting)
    return Topology(service, exchanges, (unrouted, own, parked, *waiting), names, given)


def _quorum(**arguments: str | int) -> dict[str, str | int]:
    return {"x-queue-type": "quorum"} | arguments


def _dead_letters_to(queue: str, **arguments: str | int) -> dict[str, str | int]:
    # at-least-once keeps a message until its new queue has it, and needs reject-publish as the overflow behaviour
    return _quorum(**arguments) | {
        "x-dead-letter-exchange": "",
        "x-dead-letter-routing-key": queue,
        "x-dead-letter-strategy": "at-least-once",
        "x-overflow": "reject-publish",
    }


async def declare(channel: AbstractChannel, wanted: Topology) -> None:
    """Make sure that everything exists; the broker closes the channel if something exists otherwise.

    Of a topology that is given, only look: `NotMadeError` if something is missing.
    """
    if wanted.given:
        await _look_for(channel, wanted)
        return
    # a queue that dead-letters names another one, which the broker allows to come later
    for exchange in reversed(wanted.exchanges):
        await channel.declare_exchange(
            exchange.name, exchange.type, durable=True, arguments=dict(exchange.arguments), timeout=CONNECT_SECONDS
        )
    for queue in wanted.queues:
        declared = await channel.declare_queue(
            queue.name, durable=True, arguments=dict(queue.arguments), timeout=CONNECT_SECONDS
        )
        for exchange_name, key in queue.bindings:
            await declared.bind(exchange_name, key, timeout=CONNECT_SECONDS)


async def _look_for(channel: AbstractChannel, wanted: Topology) -> None:
    """Passive declarations need no permission; they tell nothing of arguments and bindings."""
    name = ""
    try:
        for name in (exchange.name for exchange in wanted.exchanges):
            await channel.declare_exchange(name, passive=True, timeout=CONNECT_SECONDS)
        for name in (queue.name for queue in wanted.queues):
            await channel.declare_queue(name, passive=True, timeout=CONNECT_SECONDS)
    except ChannelNotFoundEntity as error:
        raise NotMadeError(f"{name} is not there, which somebody else makes (topology_given)") from error


async def underlying(channel: AbstractChannel) -> UnderlyingChannel:
    """The aiormq channel below, for what aio-pika does not pass on."""
    return cast("UnderlyingChannel", await channel.get_underlay_channel())


async def connect(url: str, name: str) -> AbstractConnection:
    """A connection that the broker shows under this name. It is not opened again by itself when it is lost.

    aio-pika's robust connection would do that, but hides when: our loops must know, to become unready, to back off and
    to register their consumers anew.
    """
    async with asyncio.timeout(CONNECT_SECONDS):
        return await aio_pika.connect(
            URL(url).update_query(heartbeat=HEARTBEAT_SECONDS), client_properties={"connection_name": name}
        )


async def close(connection: AbstractConnection) -> None:
    """Close within bounds, whatever state the connection is in."""
    try:
        async with asyncio.timeout(CLOSE_SECONDS):
            await connection.close()
    except BROKER_ERRORS as error:
        logger.info("a connection to the broker ended without a goodbye: %s", type(error).__name__)


class Publisher:
    """Sends messages, confirmed, over a connection of its own, opened when first needed and after each loss.

    Of its own, because a broker that is short of memory stops reading from connections that publish, and
    acknowledgements must still reach it.
    """

    def __init__(self, url: str, wanted: Topology) -> None:
        self._url, self._topology = url, wanted
        self._connection: AbstractConnection | None = None
        self._channel: AbstractChannel | None = None
        self._lock = asyncio.Lock()

    async def ready(self) -> AbstractChannel:
        """The open channel; connects and declares the topology first where there is none."""
        async with self._lock:
            if self._channel is None or self._channel.is_closed:
                await self._close()
                self._connection = await connect(self._url, f"{self._topology.service} publisher")
                async with asyncio.timeout(PUBLISH_SECONDS):
                    channel = await self._connection.channel(publisher_confirms=True, on_return_raises=True)
                    await declare(channel, self._topology)
                self._channel = channel
            return self._channel

    async def publish(self, *messages: Outgoing) -> None:
        """Send in this order; returns when the broker has confirmed all. Raises the first failure.

        A message that reaches no queue is a failure. After any, some may have been confirmed: send all again.
        """
        channel = await self.ready()
        underlay = await underlying(channel)
        sends = (
            underlay.basic_publish(
                message.body,
                exchange=exchange,
                routing_key=key,
                properties=message.properties,
                mandatory=True,
                wait=False,
            )
            for exchange, key, message in messages
        )
        try:
            # aio-pika's own timeout does not cover every wait, so one of ours stands around them all
            async with asyncio.timeout(PUBLISH_SECONDS):
                outcomes = await asyncio.gather(*sends, return_exceptions=True)
        except TimeoutError:
            await self.close()
            raise
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome

    async def close(self) -> None:
        """Close the connection; a later publish opens a new one."""
        async with self._lock:
            await self._close()

    async def _close(self) -> None:
        connection, self._connection, self._channel = self._connection, None, None
        if connection is not None:
            await close(connection)
