"""Taking messages from a service's queue: each is handled, retried later, or parked; none is dropped.

Every message is acknowledged only after its effect is committed or a confirmed copy of it waits elsewhere. So whatever
dies, and whenever, the worst is a second delivery, which the inbox recognises.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

from aio_pika import DeliveryMode, Message
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage, AbstractQueue, HeadersType

from chassis import messaging_telemetry as telemetry
from chassis.backoff import Backoff, every, pause
from chassis.bus import (
    BROKER_ERRORS,
    CONNECT_SECONDS,
    UNROUTED_QUEUE,
    Publisher,
    Topology,
    close,
    connect,
    declare,
    underlying,
)
from chassis.handlers import SECONDS as HANDLER_SECONDS
from chassis.handlers import cannot_heal, describe

WATCHED_EVERY = 5.0
GRACE_SECONDS = 20.0
STEADY_SECONDS = 30.0
BROKERS_OWN = ("x-death", "x-first-death-", "x-last-death-", "x-delivery-count", "x-acquired-count")
OURS = ("x-attempts", "x-reason", "x-parked-at")
MOST_ATTEMPTS = 1_000_000  # to count: a number of AMQP has 64 bits, and one more must fit
logger = logging.getLogger("chassis.consumer")

Handle = Callable[[bytes], Awaitable[str]]


class Consumer:
    """Consumes a service's queue until told to stop, over a connection of its own."""

    def __init__(
        self,
        url: str,
        wanted: Topology,
        handle: Handle,
        publisher: Publisher,
        *,
        prefetch: int,
        database_answers: Callable[[], Awaitable[bool]],
        grace: float = GRACE_SECONDS,
    ) -> None:
        """`handle` gives the outcome of a body or raises; `prefetch` is how many are handled at once."""
        self._url, self._topology, self._handle, self._publisher = url, wanted, handle, publisher
        self._prefetch, self._database_answers, self._grace = prefetch, database_answers, grace
        self._in_flight = set[asyncio.Task[None]]()
        self._lost, self._fresh = asyncio.Event(), asyncio.Event()
        self._draining = False
        self.declared = 1 if wanted.consumes else 0
        self.registered = 0
        self.channel: AbstractChannel | None = None

    async def run(self, stop: asyncio.Event) -> None:
        """Consume until told to stop, then finish what is in flight. Whatever is lost is set up anew, with backoff."""
        backoff, clock = Backoff(), asyncio.get_running_loop()
        missing = telemetry.CONSUMERS_MISSING.labels(self._topology.service)
        missing.set_function(lambda: self.declared - self.registered)
        while not stop.is_set():
            began = clock.time()
            try:
                # Messages are left in their queue while the database is away: that is no message's fault.
                if await self._database_answers():
                    await self._session(stop)
            except Exception as error:  # noqa: BLE001 - told, and visible as not ready; the loop must outlive anything
                logger.warning("consuming %s failed: %s", self._topology.service, describe(error))
            if clock.time() - began > STEADY_SECONDS:
                backoff.reset()
            if not stop.is_set():
                await pause(stop, backoff.next())

    async def _session(self, stop: asyncio.Event) -> None:
        """One connection's life: returns when told to stop and when the consumer is lost."""
        self._lost, self._fresh, self._draining = asyncio.Event(), asyncio.Event(), False
        connection = await connect(self._url, f"{self._topology.service} consumer")
        try:
            connection.close_callbacks.add(self._on_lost)
            self.channel = channel = await connection.channel(publisher_confirms=False)
            channel.close_callbacks.add(self._on_lost)
            await declare(channel, self._topology)
            queue = await channel.get_queue(self._topology.service)
            underlay = await underlying(channel)
            underlay.on_consumer_cancel_callbacks.add(self._on_lost)
            await self._consume(queue, stop)
        finally:
            self.registered, self.channel = 0, None
            await close(connection)

    async def _consume(self, queue: AbstractQueue, stop: asyncio.Event) -> None:
        """Take one message at a time until a fresh one has been handled, then up to the prefetch.

        A message that kills its process comes back first of all. Taken alone it uses up only its own deliveries, not
        those of the innocent ones that would be in flight beside it.
        """
        tag = await self._register(queue, 1)
        watchdog = asyncio.create_task(every(self._lost, WATCHED_EVERY, lambda: self._watch(queue.channel)))
        try:
            if await self._first(self._fresh, stop, self._lost) is self._fresh and self._prefetch > 1:
                await queue.cancel(tag, timeout=CONNECT_SECONDS)
                tag = await self._register(queue, self._prefetch)
            await self._first(stop, self._lost)
        finally:
            self._draining = True
            watchdog.cancel()
            await self._drain(queue, tag)

    async def _register(self, queue: AbstractQueue, prefetch: int) -> str:
        await queue.channel.set_qos(prefetch_count=prefetch, timeout=CONNECT_SECONDS)
        tag = await queue.consume(self._on_message, timeout=CONNECT_SECONDS)
        self.registered = 1
        return tag

    async def _first(self, *events: asyncio.Event) -> asyncio.Event:
        """The event that happens first, in this order of preference."""
        waits = [asyncio.create_task(event.wait()) for event in events]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        return next(event for event in events if event.is_set())

    async def _drain(self, queue: AbstractQueue, tag: str) -> None:
        """Ask for no more, finish what is in flight, give back what does not finish in time."""
        if not self._lost.is_set():
            with contextlib.suppress(*BROKER_ERRORS):  # a consumer that is already gone needs no cancelling
                await queue.cancel(tag, timeout=CONNECT_SECONDS)
        if self._in_flight:
            await asyncio.wait(list(self._in_flight), timeout=self._grace)
        for task in list(self._in_flight):
            task.cancel()  # rolls its transaction back; its message returns to the queue with the channel
        await asyncio.gather(*self._in_flight, return_exceptions=True)

    async def _watch(self, channel: AbstractChannel) -> None:
        """The watchdog: a consumer that the broker no longer knows is lost, however alive its connection looks."""
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                own = await channel.declare_queue(self._topology.service, passive=True)
                names = (self._topology.parked, UNROUTED_QUEUE)
                aside = [await channel.declare_queue(name, passive=True) for name in names]
        except BROKER_ERRORS as error:
            logger.warning("the watchdog could not ask for %s: %s", self._topology.service, describe(error))
            self._on_lost()
            return
        telemetry.QUEUED.labels(self._topology.service).set(own.declaration_result.message_count or 0)
        for queue in aside:
            telemetry.PARKED.labels(queue.name).set(queue.declaration_result.message_count or 0)
        underlay = await underlying(channel)
        if not own.declaration_result.consumer_count or not underlay.consumers:
            logger.warning("the broker knows no consumer of %s", self._topology.service)
            self._on_lost()

    def _on_lost(self, *_: Any) -> None:
        self.registered = 0
        self._lost.set()

    # One message

    async def _on_message(self, message: AbstractIncomingMessage) -> None:
        """Begin a task of our own: one of the channel's would be cancelled in mid-effect when the channel closes.

        While draining a message stays unanswered: given back it would come again at once, over and over, and use up
        its deliveries although it is innocent.
        """
        if self._draining:
            return
        task = asyncio.create_task(self._take(message))
        self._in_flight.add(task)
        task.add_done_callback(self._in_flight.discard)

    async def _take(self, message: AbstractIncomingMessage) -> None:
        try:
            outcome = await self._outcome(message)
            if outcome is None:  # unanswered it returns to the queue with the channel, which counts as one delivery
                self._on_lost()
                return
            telemetry.HANDLED.labels(outcome).inc()
            if message.timestamp and outcome == "handled":
                telemetry.LAG.observe(telemetry.seconds_since(message.timestamp.timestamp()))
            await message.ack()
        except Exception as error:  # noqa: BLE001 - unanswered, it is delivered again; the connection is opened anew
            logger.warning("a message of %s was left unanswered: %s", self._topology.service, describe(error))
            self._on_lost()
            return
        if not message.redelivered:
            self._fresh.set()

    async def _outcome(self, message: AbstractIncomingMessage) -> str | None:
        """What became of a message, None for nothing: the database is away."""
        try:
            with telemetry.process_span(
                self._topology.service,
                message_id=message.message_id,
                event_type=message.type,
                traceparent=message.headers.get("traceparent"),
            ):
                async with asyncio.timeout(HANDLER_SECONDS):
                    return await self._handle(message.body)
        except Exception as error:
            what = f"{message.type} {message.message_id}"
            if cannot_heal(error):
                logger.warning("%s is parked: %s", what, describe(error))
                return await self._park(message, error)
            if not await self._database_answers():
                logger.warning("%s goes back, the database is away: %s", what, describe(error))
                return None
            logger.warning("handling %s failed: %s", what, describe(error), exc_info=error)
            return await self._retry(message, error)

    async def _retry(self, message: AbstractIncomingMessage, error: Exception) -> str:
        attempts = attempts_of(message)
        if attempts >= len(self._topology.waits):
            return await self._park(message, error)
        headers: HeadersType = {"x-attempts": attempts + 1, "x-reason": describe(error)}
        await self._publisher.publish(("", self._topology.waits[attempts], copy_of(message, headers)))
        return "retried"

    async def _park(self, message: AbstractIncomingMessage, error: Exception) -> str:
        headers: HeadersType = {
            "x-attempts": attempts_of(message) + 1,
            "x-reason": describe(error),
            "x-parked-at": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        await self._publisher.publish(("", self._topology.parked, copy_of(message, headers)))
        return "parked"


def attempts_of(message: AbstractIncomingMessage) -> int:
    """How often a message has already failed; none where its header is no number from 0 up."""
    attempts = message.headers.get("x-attempts", 0)
    return min(attempts, MOST_ATTEMPTS) if isinstance(attempts, int) and attempts >= 0 else 0


def copy_of(message: AbstractIncomingMessage, headers: HeadersType) -> Message:
    """The message again, with other headers of ours and without the broker's own.

    With those the broker would take our copy for a message that goes in circles, and drop it.
    """
    kept = {key: value for key, value in message.headers.items() if not key.startswith(BROKERS_OWN) and key not in OURS}
    return Message(
        message.body,
        headers=kept | headers,
        content_type=message.content_type,
        message_id=message.message_id,
        type=message.type,
        timestamp=message.timestamp,
        delivery_mode=DeliveryMode.PERSISTENT,
    )
