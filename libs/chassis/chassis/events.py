"""Events on the wire: CloudEvents 1.0 in structured JSON, as `contracts.base` describes them."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

import orjson
from contracts.base import Event, event_types
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

CONTENT_TYPE = "application/cloudevents+json"
TYPE = re.compile(r"[a-z]+\.[a-z_]+\.v[1-9][0-9]*")


class Undecodable(Exception):  # noqa: N818 - what the message is, as `Refused` is what an answer is
    """A message that is no event of ours and will not become one."""


class UnknownType(Exception):  # noqa: N818
    """An event of a type that this process does not know; a newer process of the same service may."""


@dataclass(frozen=True)
class Received:
    """An event that arrived, with what its envelope says about it."""

    event: Event
    id: UUID
    tenant: UUID
    sequence: int
    time: datetime


class _Envelope(BaseModel):
    """The attributes that we read; others may stand beside them."""

    model_config = ConfigDict(extra="ignore")

    specversion: str = Field(pattern=r"^1\.\d+$")
    id: UUID
    type: str
    time: AwareDatetime
    tenant: UUID
    sequence: int = Field(ge=0)
    data: dict[str, object]


def encode(event: Event, *, event_id: UUID, tenant: UUID, sequence: int, time: datetime) -> bytes:
    """The event as CloudEvents JSON. `sequence` is the aggregate's version, `time` is aware."""
    envelope = {
        "specversion": "1.0",
        "id": str(event_id),
        "source": f"/{event.service()}",
        "type": event.type,
        "subject": event.subject,
        "time": time.astimezone(UTC),
        "datacontenttype": "application/json",
        "tenant": str(tenant),  # a driver may give its own kind of UUID
        "sequence": sequence,
        "data": event.model_dump(mode="json"),
    }
    return orjson.dumps({name: value for name, value in envelope.items() if value is not None})


def decode(body: bytes) -> Received:
    """The event in a message; attributes and fields that we do not know are ignored.

    Raises `Undecodable` for what can never be read and `UnknownType` for a type that is not in this process's table.
    """
    try:
        envelope = _Envelope.model_validate_json(body)
    except ValidationError as error:
        raise Undecodable(what_is_wrong(error)) from error
    if TYPE.fullmatch(envelope.type) is None:
        raise Undecodable("type: not an event type of ours")
    kind = event_types().get(envelope.type)
    if kind is None:
        raise UnknownType(envelope.type)
    try:
        event = kind.model_validate(envelope.data)
    except ValidationError as error:
        raise Undecodable(what_is_wrong(error)) from error
    if event.tenant_field is not None and getattr(event, event.tenant_field) != envelope.tenant:
        raise Undecodable(f"{event.tenant_field}: not the tenant of the envelope")
    return Received(event, envelope.id, envelope.tenant, envelope.sequence, envelope.time)


def what_is_wrong(error: ValidationError) -> str:
    """Where a validation failed and how, without the input itself: it may be personal."""
    found = error.errors(include_input=False, include_url=False, include_context=False)
    return "; ".join(f"{'.'.join(map(str, item['loc'])) or 'message'}: {item['type']}" for item in found)
