"""HTTP in, HTTP out."""

from chassis.auth import Person
from chassis.clock import Now
from chassis.db import Session
from chassis.problems import problems
from fastapi import APIRouter

from notifications import actions, queries
from notifications.schemas import Stopped, SubscriptionList, SubscriptionOut
from notifications.stop_links import read_stop_token

router = APIRouter(prefix="/api/v1")


@router.get("/subscriptions", responses=problems("not_signed_in"))
async def get_subscriptions(session: Session, person: Person) -> SubscriptionList:
    """What I asked to be told by mail."""
    found = await queries.subscriptions_of(session, person.person_id)
    return SubscriptionList(items=[SubscriptionOut(topic=one.topic) for one in found])


@router.put("/subscriptions/{topic}", status_code=204, responses=problems("not_signed_in", "not_found"))
async def put_subscription(topic: str, session: Session, person: Person, now: Now) -> None:
    """Mail me about a topic: `polls` for all, `poll-<id>` for one."""
    await actions.subscribe(session, person.person_id, topic, now=now)


@router.delete("/subscriptions/{topic}", status_code=204, responses=problems("not_signed_in", "not_found"))
async def delete_subscription(topic: str, session: Session, person: Person) -> None:
    """Mail me no more about a topic."""
    await actions.unsubscribe(session, person.person_id, topic)


@router.get("/unsubscribe", responses=problems("not_found", "invalid"))
async def get_unsubscribe(token: str, session: Session) -> Stopped:
    """What a link at a mail's end would stop; looking changes nothing, since mail scanners follow links."""
    _, topic = await read_stop_token(session, token)
    return Stopped(topic=topic)


@router.post("/unsubscribe", responses=problems("not_found", "invalid"))
async def post_unsubscribe(token: str, session: Session) -> Stopped:
    """Stop the mails of the link's topic, without signing in (RFC 8058)."""
    person_id, topic = await read_stop_token(session, token)
    await actions.unsubscribe(session, person_id, topic)
    return Stopped(topic=topic)
