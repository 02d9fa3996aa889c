"""Both roles in one process, over the real broker and a real mail server: `identity all`."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any
from uuid import uuid4

from aio_pika import DeliveryMode, Message
from chassis.bus import EVENTS, Publisher, topology
from chassis.clock import utc_now, uuid7
from chassis.events import CONTENT_TYPE, encode
from chassis.outbox import Outbox
from chassis.testing import serving
from contracts.tenancy import GovernmentRegistered
from identity.actions.sessions import hash_of
from identity.handlers import on
from identity.main import service
from identity.models import Government, RefreshToken
from sqlalchemy import func, select, update


async def eventually(check: Callable[[], Awaitable[Any]], *, within: float = 30.0) -> Any:
    """What the check gives as soon as it gives something true."""
    deadline = asyncio.get_running_loop().time() + within
    while not (result := await check()):
        assert asyncio.get_running_loop().time() < deadline, f"not within {within} s"
        await asyncio.sleep(0.05)
    return result


async def publish(world: Any, event: GovernmentRegistered) -> None:
    """As tenancy's relay would."""
    event_id = uuid7()
    body = encode(event, event_id=event_id, tenant=event.government_id, sequence=1, time=utc_now())
    message = Message(body, message_id=str(event_id), content_type=CONTENT_TYPE, delivery_mode=DeliveryMode.PERSISTENT)
    publisher = Publisher(str(world.client.settings.amqp_url), topology("identity", on.types))
    await publisher.publish((EVENTS, event.type, message))
    await publisher.close()


async def test_a_government_is_told_a_code_is_mailed_and_a_stolen_token_is_told_on(world: Any) -> None:
    tenant = uuid4()
    async with serving(service.app(world.client.settings, work=True)) as base:
        client = replace(world.client, base=base, tenant=tenant)

        async def ready() -> bool:
            async with client.http.get(f"{base}/readyz") as answer:
                return bool(answer.status == 200)

        await eventually(ready)
        state: dict[str, Any] = {
            "kind": "municipality",
            "slug": "mechelen",
            "names": {"nl": "Mechelen"},
            "hosts": ["m.localhost"],
        }
        state |= {"languages": ["nl"], "colour": "#112233", "government_id": tenant}
        await publish(world, GovernmentRegistered.model_validate(state))

        async def known() -> Any:
            async with world.session(tenant) as session:
                return await session.get(Government, tenant)

        assert (await eventually(known)).slug == "mechelen"
        handle = await world.ask("an@example.com", client=client)

        async def mailed() -> bool:
            return bool(world.mailbox.mails)

        await eventually(mailed)
        assert "Mechelen" in world.mailbox.mails[0]["Subject"]
        signed_in = await world.guess({"handle": handle, "code": world.newest_code()}, client)
        stolen = {"refresh_token": signed_in.json["refresh_token"]}
        assert (await client("POST", "/api/v1/sign-in/refresh", stolen)).status == 200
        async with world.session(tenant) as session:  # as if the grace were over
            row = update(RefreshToken).where(RefreshToken.token_hash == hash_of(stolen["refresh_token"]))
            await session.execute(row.values(rotated_at=func.now() - func.make_interval(0, 0, 0, 0, 0, 1)))
        assert (await client("POST", "/api/v1/sign-in/refresh", stolen)).status == 401

        async def sent() -> bool:
            async with world.session(tenant) as session:
                return not (await session.scalars(select(Outbox.id))).all()

        await eventually(sent)
