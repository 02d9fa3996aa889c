"""HTTP bodies."""

from uuid import UUID

from pydantic import BaseModel


class GovernmentOut(BaseModel):
    """A government as everyone may know it; the first language is the default."""

    government_id: UUID
    kind: str
    slug: str
    names: dict[str, str]
    hosts: list[str]
    languages: list[str]
    colour: str
    nis_code: str | None
    kbo_number: str | None
    contact_email: str | None
    active: bool


class GovernmentList(BaseModel):
    """Governments, by slug."""

    items: list[GovernmentOut]
