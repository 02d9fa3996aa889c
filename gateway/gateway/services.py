"""A service as one listener sees it: its connections, its gate, and what its failures mean to a client."""

import random
from collections.abc import Mapping

from chassis.refusals import Refused

from gateway.routes import ServiceEntry, Table
from gateway.settings import Settings
from gateway.shedding import Gate
from gateway.telemetry import UPSTREAM_FAILURES
from gateway.upstream import Answer, Broken, Message, Pool, Unreachable, ask


class Service:
    """One service. Its listeners share nothing, so that one of them saturated leaves the other its own way."""

    def __init__(self, name: str, entry: ServiceEntry, address: str) -> None:
        self.name = name
        self.entry = entry
        self.pool = Pool(name, address)
        self.gate = Gate(name, entry.in_flight, entry.waiting)

    async def ask(self, message: Message) -> Answer:
        """Send a request on and give the answer, once its head and the beginning of its body are there.

        Raises:
            Refused: 503 `service_unavailable` when the service is down; 502 `service_failed` when it went away in the
                middle of something that must not be done twice.
        """
        try:
            answer = await ask(self.pool, message)
            if not answer.complete:
                await self._begun(answer)
        except Unreachable:
            raise self._failed("unreachable", 503, "service_unavailable") from None
        except Broken:
            if message.repeatable:
                raise self._failed("broken", 503, "service_unavailable") from None
            raise self._failed("broken", 502, "service_failed") from None
        return answer

    @staticmethod
    async def _begun(answer: Answer) -> None:
        """A service that dies between head and body has not answered: the client gets no half answer."""
        try:
            await answer.begin()
        except BaseException:
            answer.abandon()
            raise

    def _failed(self, reason: str, status: int, code: str) -> Refused:
        UPSTREAM_FAILURES.labels(self.name, reason).inc()
        return Refused(code, status=status, service=self.name)


def services_of(table: Table, settings: Settings) -> Mapping[str, Service]:
    """The table's services for one listener."""
    return {name: Service(name, entry, settings.address_of(name)) for name, entry in table.services.items()}


def retry_after() -> int:
    """Seconds after which to come back, at random: who was sent away together does not come back together."""
    return random.randint(3, 10)
