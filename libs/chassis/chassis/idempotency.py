"""`Idempotency-Key`: a POST that creates something may be sent again without creating it twice.

    @router.post("/polls", status_code=201, responses=problems("idempotency_key_reused", "still_running"))
    @idempotent
    async def post_poll(body: NewPoll, session: Session, actor: Official, now: Now) -> PollOut: ...

The answer is stored in the transaction of the effect, so there is never one without the other. What fails stores
nothing: the same key may be tried again. After the IETF draft draft-ietf-httpapi-idempotency-key-header.
"""

import functools
import hashlib
import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, TypeVar, get_origin
from uuid import UUID, uuid5

from fastapi import Depends, Header, Request
from pydantic import TypeAdapter
from sqlalchemy import SmallInteger, delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column
from starlette.responses import Response

from chassis.auth import Actor
from chassis.clock import utc_now
from chassis.db import Base, TenantRow, tenant_of
from chassis.due import Timers, at
from chassis.refusals import Refused

KEPT_FOR = timedelta(hours=24)
SWEEP = "forget_idempotency_keys"
SWEEPS = UUID("5c1d9f0e-52c5-4a0f-8f43-0a6d3a8f8b1c")  # the namespace of the sweeps' subjects (RFC 9562 §5.5)
NO_CONTENT = 204
timers = Timers()  # part of a service's own where it has idempotent routes: Timers(idempotency.timers)
Endpoint = TypeVar("Endpoint", bound=Callable[..., Awaitable[Any]])
IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        pattern="^[!-~]+$",
        description="Chosen by the client, for example a UUID: the same key and body within 24 hours create once.",
    ),
]


class StoredAnswer(TenantRow, Base):
    """What a person's request with a key was answered, and what that request was."""

    __tablename__ = "idempotency_keys"

    actor: Mapped[UUID] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    route: Mapped[str]
    request_hash: Mapped[bytes]
    status: Mapped[int] = mapped_column(SmallInteger)
    body: Mapped[bytes]
    created_at: Mapped[datetime] = mapped_column(index=True)


@dataclass(frozen=True, slots=True)
class _Keyed:
    request: Request
    key: str | None


async def _keyed(request: Request, idempotency_key: IdempotencyKey = None) -> _Keyed:
    return _Keyed(request, idempotency_key)


def idempotent(endpoint: Endpoint) -> Endpoint:
    """Make a creating route accept `Idempotency-Key`; it goes below the route's decorator.

    The endpoint has exactly one parameter that is a session and one that is an actor, and says what it returns. A
    replay gets the stored answer, marked `Idempotency-Replayed: true`; the key with another request is refused with 422
    `idempotency_key_reused`, and one whose first request has not ended with 409 `still_running`.
    """
    signature = inspect.signature(endpoint, eval_str=True)
    session_name, actor_name = _parameter(signature, AsyncSession), _parameter(signature, Actor)
    answer_type: TypeAdapter[Any] = TypeAdapter(signature.return_annotation)

    @functools.wraps(endpoint)
    async def once(*, idempotency: _Keyed, **arguments: Any) -> Response:
        async def run() -> Response:
            return _response(await endpoint(**arguments), answer_type, idempotency.request)

        if idempotency.key is None:
            return await run()
        session, actor = arguments[session_name], arguments[actor_name]
        return await _once(session, actor.person_id, idempotency.key, idempotency.request, run)

    keyword = inspect.Parameter.KEYWORD_ONLY
    own = inspect.Parameter("idempotency", keyword, annotation=Annotated[_Keyed, Depends(_keyed)])
    theirs = [parameter.replace(kind=keyword) for parameter in signature.parameters.values()]
    once.__signature__ = signature.replace(parameters=[*theirs, own])  # type: ignore[attr-defined]
    return once  # type: ignore[return-value]


async def _once(
    session: AsyncSession, actor: UUID, key: str, request: Request, run: Callable[[], Awaitable[Response]]
) -> Response:
    tenant = tenant_of(session)
    route, fingerprint = f"{request.method} {request.url.path}", await _fingerprint(request)
    # The lock lasts until the transaction ends, so the next request with this key finds the answer, or nothing at all.
    if not (await session.execute(select(func.pg_try_advisory_xact_lock(_lock(tenant, actor, key))))).scalar_one():
        raise Refused("still_running", status=409)
    now = utc_now()
    stored = await session.get(StoredAnswer, (tenant, actor, key))
    if stored is not None and stored.created_at > now - KEPT_FOR:
        if stored.request_hash != fingerprint:
            raise Refused("idempotency_key_reused", status=422)
        return _answer(stored.status, stored.body, replayed=True)
    response = await run()
    answer = {"route": route, "request_hash": fingerprint, "status": response.status_code}
    answer |= {"body": bytes(response.body), "created_at": now}
    store = insert(StoredAnswer).values(tenant_id=tenant, actor=actor, key=key, **answer)
    await session.execute(store.on_conflict_do_update(index_elements=["tenant_id", "actor", "key"], set_=answer))
    await _plan_sweep(session, tenant, now)
    return response


async def _plan_sweep(session: AsyncSession, tenant: UUID, now: datetime) -> None:
    """One sweep for the answers of each hour: planning it again changes nothing, so a busy hour cannot postpone it."""
    hour_ends = datetime.fromtimestamp(now.timestamp() // 3600 * 3600 + 3600, UTC)
    await at(session, SWEEP, subject=uuid5(SWEEPS, f"{tenant} {hour_ends:%Y-%m-%dT%H}"), when=hour_ends + KEPT_FOR)


@timers(SWEEP)
async def forget(_subject: UUID, session: AsyncSession, now: datetime) -> None:
    """Forget the answers of a government that are older than 24 hours."""
    await session.execute(delete(StoredAnswer).where(StoredAnswer.created_at <= now - KEPT_FOR))


def _parameter(signature: inspect.Signature, kind: type) -> str:
    names = [name for name, parameter in signature.parameters.items() if _plain(parameter.annotation) is kind]
    if len(names) != 1:
        raise TypeError(f"an idempotent route has exactly one {kind.__name__} parameter, not {len(names)}")
    return names[0]


def _plain(annotation: Any) -> Any:
    return annotation.__origin__ if get_origin(annotation) is Annotated else annotation


async def _fingerprint(request: Request) -> bytes:
    """What was asked, exactly: method, path, query and body."""
    target = f"{request.method} {request.url.path}?{request.url.query}\n"
    return hashlib.sha256(target.encode() + await request.body()).digest()


def _lock(tenant: UUID, actor: UUID, key: str) -> int:
    """64 bits for an advisory lock; two keys that share them by chance only ever wait for a retry."""
    digest = hashlib.blake2b(tenant.bytes + actor.bytes + key.encode(), digest_size=8, person=b"idempotency-key")
    return int.from_bytes(digest.digest(), "big", signed=True)


def _response(result: Any, answer_type: TypeAdapter[Any], request: Request) -> Response:
    """The answer that FastAPI would give, as the bytes that can be stored."""
    status = request.scope["route"].status_code or 200
    if status == NO_CONTENT:
        return _answer(status, b"")
    return _answer(
        status, answer_type.dump_json(answer_type.validate_python(result, from_attributes=True), by_alias=True)
    )


def _answer(status: int, body: bytes, *, replayed: bool = False) -> Response:
    headers = {"idempotency-replayed": "true"} if replayed else None
    return Response(body, status, headers, media_type="application/json" if body else None)
