"""Sending a request and getting the head of its answer, with the one retry that is safe."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from gateway.upstream.connection import Answer, Broken, Connection
from gateway.upstream.pool import Pool

Source = AsyncIterator[bytes]


@dataclass(slots=True)
class Message:
    """A request: its head without the line that says how long the body is, and the body.

    `repeatable` (RFC 9110 §9.2.2): doing it twice is as good as doing it once. `rest` is what follows `body` when the
    client still sends; `length` is then the whole length, or None for chunks.
    """

    head: bytes
    body: bytes = b""
    repeatable: bool = False
    rest: Source | None = None
    length: int | None = None


async def ask(pool: Pool, message: Message) -> Answer:
    """Send a request and give the head of the answer.

    A connection that was used before may be closing just when we write: such a request is sent once more on a new
    connection, but only when it is repeatable and was whole (RFC 9112 §9.3.1).

    Raises:
        Unreachable: nobody listens. Broken: the service went away.
    """
    connection = await pool.acquire(fresh=not message.repeatable)
    try:
        return await _exchange(connection, message)
    except Broken as broken:
        if not broken.reused or not message.repeatable or message.rest is not None:
            raise
    return await _exchange(await pool.acquire(new=True), message)


async def _exchange(connection: Connection, message: Message) -> Answer:
    try:
        if message.rest is not None:
            return await _stream(connection, message, message.rest)
        if message.body:
            data = b"%bcontent-length: %d\r\n\r\n%b" % (message.head, len(message.body), message.body)
        else:
            data = message.head + b"\r\n"
        return await connection.start(data, whole=True)
    except BaseException:
        connection.close()  # cancelled, or the client left: what is half done on it can serve nobody else
        raise


async def _stream(connection: Connection, message: Message, rest: Source) -> Answer:
    """Send a body while it comes in; a service that answers before its end is heard."""
    length = message.length
    chunked = length is None
    framing = b"transfer-encoding: chunked\r\n\r\n" if length is None else b"content-length: %d\r\n\r\n" % length
    first = _chunk(message.body) if chunked and message.body else message.body
    waiting = connection.start(message.head + framing + first, whole=False)
    try:
        async for piece in rest:
            if waiting.done():
                break
            await connection.write(_chunk(piece) if chunked else piece, last=False)
        else:
            await connection.write(b"0\r\n\r\n" if chunked else b"", last=True)
    except Broken:
        if not waiting.done():
            raise
    return await waiting


def _chunk(piece: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(piece), piece)
