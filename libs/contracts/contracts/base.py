"""What every event has in common.

An event travels as a CloudEvent 1.0 (https://github.com/cloudevents/spec, structured JSON). The class says what is in
`data`; around it stand the attributes

    specversion      "1.0"
    id               UUIDv7 (RFC 9562), one per event and its key at every consumer
    source           "/<service>", the service that knows the fact
    type             "<service>.<past_fact>.v<N>", which is also the routing key
    subject          the id of the aggregate that the fact is about, where it has one
    time             when the fact became true (RFC 3339, UTC)
    datacontenttype  "application/json"
    tenant           extension: the id of the government whose fact it is
    sequence         extension: the aggregate's version after the fact; a consumer ignores what is older than it has

Within a version only optional fields are added, and consumers ignore the fields that they do not know.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict

Language = Literal["nl", "fr", "de", "en"]
Texts = dict[Language, str]

TYPE = re.compile(r"(?P<service>[a-z]+)\.(?P<fact>[a-z]+(_[a-z]+)*)\.v(?P<version>[1-9][0-9]*)")
_classes: dict[str, type["Event"]] = {}


class Event(BaseModel):
    """A fact that other services need: data only, frozen, and it carries its aggregate's whole public state.

    `class PollClosed(Event, type="voting.poll_closed.v1", subject="poll_id")` enters the class in the table of types;
    a class without `type` is only a base for others. `subject` names the field that holds the aggregate's id, and
    `tenant` one that says the envelope's tenant again: where they differ the message is refused. Both are inherited.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    type: ClassVar[str] = ""
    subject_field: ClassVar[str | None] = None
    tenant_field: ClassVar[str | None] = None

    def __init_subclass__(cls, **_: Any) -> None:
        """Let the class's arguments pass; pydantic hands them on once the fields are known."""
        super().__init_subclass__()

    @classmethod
    def __pydantic_init_subclass__(
        cls,
        *,
        type: str = "",  # noqa: A002 - CloudEvents calls it type
        subject: str | None = None,
        tenant: str | None = None,
        **kwargs: Any,
    ) -> None:
        """Enter the class; `TypeError` for a name that is no event type or is taken, or for what is no field of it."""
        super().__pydantic_init_subclass__(**kwargs)
        cls.subject_field = subject or cls.subject_field
        cls.tenant_field = tenant or cls.tenant_field
        for name in (cls.subject_field, cls.tenant_field):
            if name is not None and name not in cls.model_fields:
                raise TypeError(f"{cls.__name__} has no field {name}")
        cls.type = type
        if not type:
            return
        if TYPE.fullmatch(type) is None:
            raise TypeError(f"{type!r} is no event type: it reads <service>.<past_fact>.v<N>")
        if type in _classes:
            raise TypeError(f"{type} is already {_classes[type].__name__}")
        _classes[type] = cls

    @property
    def subject(self) -> str | None:
        """The id of the aggregate that this fact is about."""
        return str(getattr(self, self.subject_field)) if self.subject_field else None

    @classmethod
    def service(cls) -> str:
        """The service that this fact comes from."""
        return cls.type.partition(".")[0]


def event_types() -> Mapping[str, type[Event]]:
    """Every event type that has been imported and its class."""
    return MappingProxyType(_classes)
