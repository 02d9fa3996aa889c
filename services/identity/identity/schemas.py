"""HTTP bodies."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from contracts.base import Language
from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from identity.rules import Role, normalised_email

Email = Annotated[str, Field(max_length=320, examples=["an.peeters@example.com"]), AfterValidator(normalised_email)]
Level = Annotated[int, Field(ge=0, le=4, description="How certain the identity is; 1 is a confirmed e-mail address.")]


def _without_spaces(value: Any) -> Any:
    """People type "482 913" when a mail shows it so."""
    return "".join(value.split()) if isinstance(value, str) else value


Code = Annotated[str, BeforeValidator(_without_spaces), StringConstraints(pattern=r"^[0-9]{6}$")]
Token = Annotated[str, StringConstraints(min_length=1, max_length=128, pattern=r"^[A-Za-z0-9_-]+$")]
DisplayName = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=80, pattern=r"^[^\x00-\x1f\x7f-\x9f]+$")
]


class Body(BaseModel):
    """What is sent to us; a field that we do not know is a mistake."""

    model_config = ConfigDict(extra="forbid")


class CodeRequest(Body):
    """Please mail a code to this address."""

    email: Email
    language: Language


class CodeRequestOut(BaseModel):
    """What the code of the mail is handed in with. Keep it to whoever asked: the code works with no other handle."""

    handle: str


class SignIn(Body):
    """The handle that a code was asked for with, and the code that was mailed."""

    handle: Token
    code: Code


class TokenBody(Body):
    """A refresh token."""

    refresh_token: Token


class TokensOut(BaseModel):
    """An access token, and the refresh token that replaces the one presented (RFC 6749 §5.1)."""

    access_token: str
    expires_in: int = Field(description="Seconds.")
    refresh_token: str
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 - a kind of token


class MeOut(BaseModel):
    """The one who is signed in."""

    person_id: UUID
    email: str
    language: Language
    display_name: str | None
    level: Level
    roles: list[Role]


class MeChange(Body):
    """What people may change of themselves; what is not sent stays."""

    # Not nullable, and without a default that the documentation would promise: only what is sent is changed.
    language: Annotated[Language, Field(default_factory=lambda: "nl")]
    display_name: DisplayName | None = None


class Invitation(Body):
    """An official who gets an account with roles."""

    email: Email
    roles: Annotated[list[Role], Field(min_length=1, max_length=4)]
    language: Language = "nl"


class PersonOut(BaseModel):
    """A person, for administrators."""

    person_id: UUID
    email: str
    language: Language
    display_name: str | None
    level: Level
    roles: list[Role]
    created_at: datetime
    signed_in_at: datetime | None


class AuditQuery(BaseModel):
    """Which events of the audit trail are asked for; what is absent narrows nothing."""

    action: list[Annotated[str, StringConstraints(pattern=r"^[a-z_]{1,64}$")]] = Field(
        [], max_length=50, description="Only these."
    )
    person_id: UUID | None = Field(None, description="Who did it, or whom it was done to.")
    since: AwareDatetime | None = Field(None, description="From this instant on.")
    until: AwareDatetime | None = Field(None, description="Before this instant.")


class AuditEventOut(BaseModel):
    """One event of the audit trail, and its link in the chain."""

    number: int
    at: datetime
    actor_id: UUID | None
    actor_email: str | None = Field(description="Of who did it, while they have an account.")
    action: str
    subject_id: UUID | None
    subject_email: str | None = Field(description="Of the person it was done to, while they have an account.")
    facts: dict[str, Any]
    hash: str = Field(description="SHA-256 in hexadecimal, over this event and the hash before it.")


class AddressesRequest(Body):
    """Whose addresses are asked for."""

    person_ids: Annotated[list[UUID], Field(max_length=1000)]


class AddressOut(BaseModel):
    """Where and in which language to write to a person."""

    email: str
    language: Language
