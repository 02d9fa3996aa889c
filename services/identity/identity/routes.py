"""HTTP in, HTTP out."""

from typing import Annotated, Any
from uuid import UUID

from chassis.auth import PLATFORM, Actor, Person, require
from chassis.clock import Now
from chassis.db import Session
from chassis.idempotency import idempotent
from chassis.pages import Page, Paging, keyset
from chassis.problems import problems
from fastapi import APIRouter, Depends, Query, Request, Response, status

from identity import models, queries, rules
from identity.actions import codes, people, sessions
from identity.actions.signing import PrivateKey, Signer
from identity.rules import Role
from identity.schemas import (
    AddressesRequest,
    AddressOut,
    AuditEventOut,
    AuditQuery,
    CodeRequest,
    CodeRequestOut,
    Invitation,
    MeChange,
    MeOut,
    PersonOut,
    SignIn,
    TokenBody,
    TokensOut,
)

router = APIRouter()
TokenOfAdministrator = Annotated[Actor, Depends(require("administrator", "operator"))]
KEYS_MAX_AGE = 300
PREFIX = r"^[!-~]*$"


def _client(request: Request) -> str | None:
    """The address that asks, as the gateway says."""
    client: str | None = request.state.client
    return client


Client = Annotated[str | None, Depends(_client)]


async def _administrator(actor: TokenOfAdministrator, session: Session) -> Actor:
    """A token tells the roles of up to 15 minutes ago; who gives roles and reads addresses must have them now."""
    roles = await queries.roles_of(session, actor.person_id)
    rules.check_rules(roles, platform=actor.tenant_id == PLATFORM)
    return actor


Administrator = Annotated[Actor, Depends(_administrator, scope="function")]


async def _signer(request: Request) -> Signer:
    signer: Signer = request.app.state.signer
    return signer


async def _signing_key(signer: Annotated[Signer, Depends(_signer)], now: Now) -> PrivateKey:
    """Before the request's own transaction begins: nobody who holds a connection waits for another."""
    return await signer.key(now)


SigningKey = Annotated[PrivateKey, Depends(_signing_key)]


@router.post(
    "/api/v1/sign-in/codes",
    status_code=status.HTTP_202_ACCEPTED,
    responses=problems("invalid") | problems("government_not_active", status=403),
)
async def post_code(
    body: CodeRequest, session: Session, client: Client, now: Now, response: Response
) -> CodeRequestOut:
    """Have a one-time code mailed, which works with the handle that is answered, and with no other.

    The answer is the same for every address, known, unknown or limited.
    """
    handle = await codes.request_code(session, body.email, language=body.language, client=client, now=now)
    response.headers["cache-control"] = "no-store"
    return CodeRequestOut(handle=handle)


@router.post(
    "/api/v1/sign-in",
    responses=problems("invalid")
    | problems("code_wrong", "code_expired", "too_many_attempts", "too_many_accounts", status=403),
)
async def post_sign_in(body: SignIn, session: Session, key: SigningKey, now: Now, response: Response) -> TokensOut:
    """Sign in with a handle and its code. `code_wrong` says how many attempts are left, then a new code is needed."""
    tokens = await sessions.sign_in(session, body.handle, body.code, key=key, now=now)
    return _secret(tokens, response)


@router.post("/api/v1/sign-in/refresh", responses=problems("invalid") | problems("refresh_token_invalid", status=401))
async def post_refresh(body: TokenBody, session: Session, key: SigningKey, now: Now, response: Response) -> TokensOut:
    """Exchange a refresh token for the next one and a new access token.

    The old one gives the same answer for ten seconds more, for tabs that refresh at once; used later it ends the
    session, since somebody else may hold it.
    """
    tokens = await sessions.refresh(session, body.refresh_token, key=key, now=now)
    return _secret(tokens, response)


@router.post("/api/v1/sign-out", status_code=status.HTTP_204_NO_CONTENT, responses=problems("invalid"))
async def post_sign_out(body: TokenBody, session: Session, now: Now) -> None:
    """End the session of a refresh token. Access tokens that were given end by themselves within 15 minutes."""
    await sessions.sign_out(session, body.refresh_token, now=now)


def _secret(tokens: sessions.Tokens, response: Response) -> TokensOut:
    response.headers["cache-control"] = "no-store"  # RFC 6749 §5.1
    return TokensOut(access_token=tokens.access_token, expires_in=tokens.expires_in, refresh_token=tokens.refresh_token)


@router.get("/api/v1/me", responses=problems("not_signed_in", "not_found"))
async def get_me(session: Session, actor: Person) -> MeOut:
    """The one who is signed in, with the roles of today: a token may still tell those of 15 minutes ago."""
    return await _me(session, await queries.person(session, actor.person_id))


@router.patch("/api/v1/me", responses=problems("not_signed_in", "not_found", "invalid"))
async def patch_me(body: MeChange, session: Session, actor: Person) -> MeOut:
    """Change one's language or display name; null takes the display name away."""
    changed = await people.change_me(session, actor.person_id, body.model_dump(exclude_unset=True))
    return await _me(session, changed)


async def _me(session: Session, person: models.Person) -> MeOut:
    return MeOut.model_validate(_facts(person) | {"roles": await queries.roles_of(session, person.id)})


@router.get("/api/v1/people", responses=problems("not_signed_in", "forbidden", "invalid"))
async def get_people(
    session: Session,
    _: Administrator,
    paging: Paging,
    email: Annotated[str | None, Query(max_length=254, pattern=PREFIX, description="How the address begins.")] = None,
    role: Role | None = None,
) -> Page[PersonOut]:
    """The people of this government, by address."""
    query = queries.people_with_roles(email_prefix=email.lower() if email else None, role=role)
    return await keyset(
        session, query, order=[models.Person.email_norm, models.Person.id], paging=paging, into=_person_out
    )


@router.get("/api/v1/people/{person_id}", responses=problems("not_signed_in", "forbidden", "not_found", "invalid"))
async def get_person(person_id: UUID, session: Session, _: Administrator) -> PersonOut:
    """One person of this government."""
    found = await queries.person(session, person_id)
    return _person_out((found, await queries.roles_of(session, person_id)))


@router.post(
    "/api/v1/people",
    status_code=status.HTTP_201_CREATED,
    responses=problems("not_signed_in", "forbidden", "invalid", "role_not_of_this_realm", "still_running"),
)
@idempotent
async def post_person(body: Invitation, session: Session, actor: Administrator, now: Now) -> PersonOut:
    """Invite an official. Who has an account already keeps it and gets the roles: asking twice changes nothing."""
    invited, _new = await people.invite(
        session, body.email, body.roles, language=body.language, by=people.Grantor(actor.person_id), now=now
    )
    return _person_out((invited, await queries.roles_of(session, invited.id)))


@router.put(
    "/api/v1/people/{person_id}/roles/{role}",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=problems("not_signed_in", "forbidden", "not_found", "invalid", "role_not_of_this_realm"),
)
async def put_role(person_id: UUID, role: Role, session: Session, actor: Administrator, now: Now) -> None:
    """Give a person a role. It takes effect with their next access token, within 15 minutes."""
    await people.grant(session, person_id, role, by=people.Grantor(actor.person_id), now=now)


@router.delete(
    "/api/v1/people/{person_id}/roles/{role}",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=problems(
        "not_signed_in", "forbidden", "not_found", "invalid", "role_not_of_this_realm", "last_administrator"
    ),
)
async def delete_role(person_id: UUID, role: Role, session: Session, actor: Administrator, now: Now) -> None:
    """Take a role from a person, but never that of the last administrator who has signed in.

    At identity it is gone at once, elsewhere with their next access token, within 15 minutes.
    """
    await people.revoke(session, person_id, role, by=people.Grantor(actor.person_id), now=now)


@router.get("/api/v1/audit", responses=problems("not_signed_in", "forbidden", "invalid"))
async def get_audit(
    session: Session, _: Administrator, paging: Paging, wanted: Annotated[AuditQuery, Query()]
) -> Page[AuditEventOut]:
    """Who did what to whom at this government, newest first."""
    newest_first = [models.AuditEvent.number.desc()]
    query = queries.audit_events(wanted)
    return await keyset(session, query, order=newest_first, paging=paging, into=_audit_event_out)


@router.post("/internal/v1/addresses", include_in_schema=False)
async def post_addresses(body: AddressesRequest, session: Session) -> dict[UUID, AddressOut]:
    """Where to write to people of one government, for the service that mails; unconfirmed addresses are left out."""
    found = await queries.addresses(session, body.person_ids)
    return {one.id: AddressOut.model_validate({"email": one.email_norm, "language": one.language}) for one in found}


@router.get("/.well-known/jwks.json", include_in_schema=False)
async def get_jwks(signer: Annotated[Signer, Depends(_signer)], now: Now, response: Response) -> dict[str, Any]:
    """The public keys that access tokens are checked with (RFC 7517)."""
    response.headers["cache-control"] = f"public, max-age={KEYS_MAX_AGE}"
    return {"keys": await signer.published(now)}


def _facts(person: models.Person) -> dict[str, Any]:
    names = ("language", "display_name", "level", "created_at", "signed_in_at")
    return {"person_id": person.id, "email": person.email_norm} | {name: getattr(person, name) for name in names}


def _person_out(row: Any) -> PersonOut:
    person, roles = row
    return PersonOut.model_validate(_facts(person) | {"roles": sorted(roles)})


def _audit_event_out(row: Any) -> AuditEventOut:
    event, actor_email, subject_email = row
    return AuditEventOut(
        number=event.number,
        at=event.at,
        actor_id=event.actor_id,
        actor_email=actor_email,
        action=event.action,
        subject_id=event.subject_id,
        subject_email=subject_email,
        facts=event.facts,
        hash=event.hash.hex(),
    )
