"""Is a server there? Each probe speaks the first words of its protocol, without credentials, and never raises."""

import http.client
import socket
import struct

SECONDS = 2.0


def _answer(host: str, port: int, hello: bytes, length: int) -> bytes:
    try:
        with socket.create_connection((host, port), SECONDS) as connection:
            connection.sendall(hello)
            return connection.recv(length)
    except OSError:
        return b""


def postgres(host: str, port: int) -> bool:
    """Asks to log in (protocol 3.0): it answers `R` (authenticate) when ready and `E` while it starts or recovers."""
    parameters = b"user\0postgres\0database\0postgres\0\0"
    hello = struct.pack("!ii", 8 + len(parameters), 196608) + parameters
    return _answer(host, port, hello, 1) == b"R"


def rabbitmq(host: str, port: int) -> bool:
    """Sends AMQP 0-9-1's protocol header: a node that has booted answers with Connection.Start, a method frame (1)."""
    return _answer(host, port, b"AMQP\0\0\x09\x01", 1) == b"\x01"


def redis(host: str, port: int) -> bool:
    """Sends PING: `+PONG`, or `-NOAUTH` where a password is wanted; `-LOADING` is not ready."""
    return _answer(host, port, b"PING\r\n", 7) in (b"+PONG\r\n", b"-NOAUTH")


def ready(host: str, port: int) -> str:
    """Asks a service's /readyz: empty when it is ready, else what it says."""
    connection = http.client.HTTPConnection(host, port, timeout=5)
    try:
        connection.request("GET", "/readyz")
        answer = connection.getresponse()
        body = answer.read(2000).decode(errors="replace")
    except (OSError, http.client.HTTPException) as error:
        return f"no answer ({error})"
    finally:
        connection.close()
    return "" if answer.status == http.HTTPStatus.OK else f"/readyz says {answer.status}: {body}"
