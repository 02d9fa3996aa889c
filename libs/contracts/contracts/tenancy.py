"""What `tenancy` tells: which governments there are, where they are reached and how they present themselves."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import AwareDatetime, Field

from contracts.base import Event, Language, Texts

PLATFORM = UUID("00000000-0000-4000-8000-000000000001")
"""The reserved realm where the platform's operators sign in; it is registered like a government."""


class GovernmentState(Event, subject="government_id", tenant="government_id"):
    """A government as everyone may know it."""

    government_id: UUID
    kind: Literal["municipality", "province", "agency", "platform"]
    slug: Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=63)]
    names: Texts
    hosts: tuple[str, ...]
    languages: Annotated[tuple[Language, ...], Field(min_length=1, description="The first is the default.")]
    colour: Annotated[str, Field(pattern=r"^#[0-9a-f]{6}$")]
    nis_code: Annotated[str | None, Field(description="Of Statbel, five digits.")] = None
    kbo_number: Annotated[str | None, Field(description="Of the Crossroads Bank for Enterprises, ten digits.")] = None
    contact_email: Annotated[str | None, Field(description="The government's own public address.")] = None
    active: bool = True


class GovernmentRegistered(GovernmentState, type="tenancy.government_registered.v1"):
    """A government joined the platform."""


class GovernmentChanged(GovernmentState, type="tenancy.government_changed.v1"):
    """A government changed its name, hosts, languages or look, or was switched on or off."""


Setting = Literal["names", "languages", "colour", "contact_email"]


class SettingsChanged(Event, type="tenancy.settings_changed.v1", subject="government_id", tenant="government_id"):
    """An administrator changed settings of their government: for the audit trail, told by the transaction that did."""

    government_id: UUID
    settings: Annotated[tuple[Setting, ...], Field(min_length=1, description="Which of them are different now.")]
    person_id: UUID
    at: AwareDatetime
