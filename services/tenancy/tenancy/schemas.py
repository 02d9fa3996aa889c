"""HTTP bodies."""

from typing import Annotated
from uuid import UUID

from contracts.base import Language
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints


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


def _in_lower_case(colour: str) -> str:
    return colour.lower()


Line = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f-\x9f]+$"),
]


class SeenSettings(BaseModel):
    """Settings as one has seen them before one changed them."""

    model_config = ConfigDict(extra="forbid")

    names: dict[str, str] = Field(default_factory=dict)
    languages: list[str] = Field(default_factory=list)
    colour: str = Field(default_factory=str)
    contact_email: str | None = None


class GovernmentPatch(BaseModel):
    """What administrators may change of their government; what is absent stays.

    Hosts, slug and codes are the platform's: whoever could change them could take another government's place.
    Factories where null is not allowed: the documentation would promise a plain default to whoever leaves one out.
    """

    model_config = ConfigDict(extra="forbid")

    names: dict[Language, Line] = Field(default_factory=dict, min_length=1, description="its name by language")
    languages: list[Language] = Field(
        default_factory=list, min_length=1, max_length=4, description="of its pages; the first is the default"
    )
    colour: Annotated[str, StringConstraints(pattern=r"^#[0-9A-Fa-f]{6}$"), AfterValidator(_in_lower_case)] = Field(
        default_factory=str
    )
    contact_email: str | None = Field(None, max_length=254, description="where citizens may write; null: nowhere")
    seen: SeenSettings = Field(
        default_factory=SeenSettings,
        description="those that one changes, as one has seen them: `changed_meanwhile` where one is different now",
    )
