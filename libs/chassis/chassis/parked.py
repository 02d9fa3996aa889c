"""Parked messages: what no retry could heal, listed for an operator and sent back once its cause is gone."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import orjson
from aio_pika.abc import AbstractIncomingMessage

from chassis.bus import Publisher, Topology, close, connect, declare
from chassis.consumer import attempts_of, copy_of

MOST = 10_000


@dataclass(frozen=True)
class Parked:
    """A parked message as an operator sees it."""

    id: str
    type: str
    attempts: int
    reason: str
    parked_at: str
    subject: str

    def __str__(self) -> str:
        return f"{self.parked_at}  {self.id}  {self.type}  {self.subject}  {self.reason} ({self.attempts} attempts)"


async def listed(url: str, wanted: Topology) -> list[Parked]:
    """What is parked, oldest first; all of it stays."""
    async with _taken(url, wanted) as messages:
        return [_described(message) for message in messages]


async def replay(url: str, wanted: Topology, publisher: Publisher, *, only: str | None = None) -> list[Parked]:
    """Send parked messages, or only the one with this id, back to their one queue, as new; returns what was sent.

    Each leaves the parked queue after the broker has confirmed its copy.
    """
    async with _taken(url, wanted) as messages:
        chosen = [message for message in messages if only in {None, message.message_id}]
        for message in chosen:
            await publisher.publish(("", wanted.service, copy_of(message, {})))
            await message.ack()
        return [_described(message) for message in chosen]


@asynccontextmanager
async def _taken(url: str, wanted: Topology) -> AsyncIterator[list[AbstractIncomingMessage]]:
    """All that is parked at this moment; what is not acknowledged within goes back with the channel."""
    connection = await connect(url, f"{wanted.service} parked")
    try:
        channel = await connection.channel(publisher_confirms=False)
        await declare(channel, wanted)
        queue = await channel.get_queue(wanted.parked)
        messages: list[AbstractIncomingMessage] = []
        while len(messages) < MOST and (message := await queue.get(fail=False)) is not None:
            messages.append(message)
        yield messages
    finally:
        await close(connection)


def _described(message: AbstractIncomingMessage) -> Parked:
    deaths = message.headers.get("x-death")
    death = deaths[0] if isinstance(deaths, list) and deaths else {}
    by_broker = f"the broker: {_text(death.get('reason'))}" if isinstance(death, dict) else "unknown"
    at = message.headers.get("x-parked-at") or (death.get("time") if isinstance(death, dict) else None)
    return Parked(
        id=message.message_id or "",
        type=message.type or "",
        attempts=attempts_of(message),
        reason=_text(message.headers.get("x-reason")) or by_broker,
        parked_at=_text(at),
        subject=_subject_of(message.body),
    )


def _text(value: object) -> str:
    """A header's value to read: RabbitMQ gives texts, times and bytes."""
    match value:
        case None:
            return ""
        case datetime():
            return value.replace(tzinfo=value.tzinfo or UTC).isoformat(timespec="seconds")
        case bytes():
            return value.decode(errors="replace")
        case _:
            return str(value)


def _subject_of(body: bytes) -> str:
    try:
        envelope = orjson.loads(body)
    except orjson.JSONDecodeError:
        return "-"
    return str(envelope.get("subject", "-")) if isinstance(envelope, dict) else "-"
