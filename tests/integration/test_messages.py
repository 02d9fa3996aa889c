"""Messages that come twice, late, broken or deadly: every event takes effect once, and what cannot be handled waits."""

import random
import re
from datetime import UTC, datetime

import pytest
from aio_pika import DeliveryMode, Message
from chassis.clock import uuid7
from chassis.events import encode
from contracts.tenancy import GovernmentChanged
from contracts.voting import PollOpened
from notifications.actions import ATTEMPTS

from tests.integration.platform import eventually

pytestmark = pytest.mark.fault
TYPE = "tenancy.government_changed.v1"


def message(event, government, *, sequence, event_id=None):
    """An event as the relay sends it."""
    event_id, now = event_id or uuid7(), datetime.now(UTC)
    body = encode(event, event_id=event_id, tenant=government.tenant, sequence=sequence, time=now)
    return Message(body, message_id=str(event_id), type=event.type, delivery_mode=DeliveryMode.PERSISTENT)


def opened(poll):
    """The event that a poll has opened, as voting tells it."""
    now = datetime.now(UTC)
    facts = {"titles": {"nl": "Nog een vraag"}, "rule": "yes_no", "options": (), "opens_at": now}
    return PollOpened(poll_id=poll, status="open", closes_at=now.replace(year=now.year + 1), **facts)


async def test_two_relays_and_two_sets_of_timers_let_every_event_take_effect_once(platform, world, told):
    government = await world.government(people=1)
    (reader,) = government.people
    await government.subscribe(reader)
    await platform.start_beside("voting", "worker")
    async with platform.tap("voting.#") as events:
        polls = {await government.poll(seconds=4) for _ in range(12)}

        async def all_closed():
            return polls == {event["subject"] for event in events if event["type"] == "voting.poll_closed.v1"}

        await eventually(all_closed, what="the end of every poll")
        facts = sorted((event["subject"], event["type"]) for event in events if event["subject"] in polls)
    life = ["voting.poll_closed.v1", "voting.poll_opened.v1", "voting.poll_scheduled.v1"]
    life += ["voting.official_acted.v1"] * 2  # created and scheduled
    assert facts == sorted((poll, fact) for poll in polls for fact in life)
    await told(government, reader, *[f"U kunt stemmen: Vraag van {government.slug}"] * 12)


async def test_events_delivered_many_times_and_in_any_order_leave_the_latest_state_and_one_mail(platform, world, told):
    government = await world.government(people=1)
    (reader,) = government.people
    await government.subscribe(reader)
    facts = {"kind": "municipality", "slug": government.slug, "hosts": (government.host,), "languages": ("nl",)}
    changes = [
        message(
            GovernmentChanged(
                government_id=government.tenant, names={"nl": f"Naam {sequence}"}, colour="#7a1f3d", **facts
            ),
            government,
            sequence=sequence,
        )
        for sequence in range(2, 12)
    ]
    poll = uuid7()
    openings = [message(opened(poll), government, sequence=2) for _ in range(2)]  # two events, one fact
    deliveries = [*changes, *openings] * 4
    random.shuffle(deliveries)
    before = await platform.metric("notifications", "events_handled_total", outcome="duplicate")
    await platform.publish(*deliveries)

    async def all_came():
        duplicates = await platform.metric("notifications", "events_handled_total", outcome="duplicate")
        inbox = "SELECT count(*) FROM inbox WHERE event_id = ANY ($1::uuid[])"
        ids = [one.message_id for one in changes]
        return duplicates == before + len(deliveries) * 3 / 4 and await platform.value("identity", inbox, ids) == 10

    await eventually(all_came, what="every delivery")
    for service, key in (("identity", "id"), ("notifications", "tenant_id")):
        query = f"SELECT sequence, names->>'nl' FROM governments WHERE {key} = $1"  # noqa: S608
        assert [tuple(row) for row in await platform.rows(service, query, government.tenant)] == [(11, "Naam 11")]
    await told(government, reader, "U kunt stemmen: Nog een vraag")


async def test_an_undecodable_message_is_parked_and_listed_and_a_replay_does_not_lose_it(platform, world, told):
    government = await world.government(people=1)
    (reader,) = government.people
    await government.subscribe(reader)
    name = f"broken-{government.slug}"
    await platform.publish(Message(b"\xff no event", message_id=name, type=TYPE), queue="notifications")
    await government.poll()
    await told(government, reader, f"U kunt stemmen: Vraag van {government.slug}")  # the queue goes on
    await eventually(lambda: platform.parked("notifications", name), what="the message parked")
    code, said = await platform.inspraak("parked")
    assert code == 0
    assert re.search(
        rf"^notifications:\n(.*\n)*.*{name}  {TYPE}  -  Undecodable: .*\(1 attempts\)$", said, re.MULTILINE
    )
    code, said = await platform.run("notifications", "replay", "--id", name)
    assert (code, said) == (0, f"sent back {name} {TYPE}\n")
    await eventually(lambda: platform.parked("notifications", name), what="the message parked again")


async def test_a_message_that_kills_its_consumer_every_time_ends_parked_while_others_go_on_and_can_be_replayed(
    platform, world, told
):
    government = await world.government(people=1)
    (reader,) = government.people
    await government.subscribe(reader)
    poison = message(opened(uuid7()), government, sequence=2)
    async with (
        platform.policy("^notifications$", **{"delivery-limit": 2}),
        platform.owner("notifications") as owner,
        owner.transaction(),
    ):
        # Whoever handles the poison waits here and nowhere else, and is killed: as deadly as a message can be.
        await owner.execute("INSERT INTO inbox VALUES ('notifications', $1, now())", poison.message_id)
        await platform.publish(poison)
        first = await eventually(lambda: waits_but_for(platform, set()), what="the first delivery")
        await platform.kill("notifications")
        await government.poll()  # an innocent one behind it
        await platform.start("notifications")
        second = await eventually(lambda: waits_but_for(platform, first), what="the second delivery")
        await platform.restart("notifications")
        await eventually(lambda: waits_but_for(platform, first | second), what="the third delivery")
        await platform.restart("notifications")
        await told(government, reader, f"U kunt stemmen: Vraag van {government.slug}")
        await eventually(lambda: platform.parked("notifications", poison.message_id), what="it is parked")
        await owner.execute("DELETE FROM inbox WHERE event_id = $1", poison.message_id)
    code, said = await platform.run("notifications", "replay", "--id", poison.message_id)
    assert (code, said) == (0, f"sent back {poison.message_id} {poison.type}\n")
    subjects = [f"U kunt stemmen: Vraag van {government.slug}", "U kunt stemmen: Nog een vraag"]
    await told(government, reader, *subjects)


async def waits_but_for(platform, dead):
    """The connections of a handler that waits for us; PostgreSQL keeps those of killed processes for a while."""
    return await platform.waiting_for_locks("notifications") - dead


async def test_a_handler_that_always_fails_is_parked_after_its_retries_and_replayed_once_it_is_healed(
    platform, world, told
):
    government = await world.government(people=1)
    (reader,) = government.people
    await government.subscribe(reader)
    async with platform.policy(r"^notifications\.wait\.", **{"message-ttl": 200}):  # the waits are minutes long
        async with platform.owner("notifications") as owner:
            await owner.execute("REVOKE INSERT ON deliveries FROM notifications")
            try:
                poll = await government.poll()
                (line,) = await eventually(lambda: platform.parked("notifications", poll), what="it is parked")
                assert "SQLSTATE 42501 (5 attempts)" in line  # insufficient_privilege, once and after four waits
                another = await world.government()  # others go on
                assert await government.mails(reader) == []
            finally:
                await owner.execute("GRANT INSERT ON deliveries TO notifications")
        code, said = await platform.inspraak("replay", "notifications")
    assert another
    assert code == 0
    assert "voting.poll_opened.v1" in said
    await told(government, reader, f"U kunt stemmen: Vraag van {government.slug}")
    assert await platform.parked("notifications", poll) == []


async def test_a_mail_that_cannot_be_sent_is_tried_again_then_parked_and_sent_once_after_a_replay(
    platform, world, told
):
    government = await world.government(people=1)
    (reader,) = government.people
    await government.subscribe(reader)
    await platform.kill("mail-catcher")
    await government.poll()
    due = "FROM due WHERE kind = 'send_mail' AND tenant = $1"
    await eventually(
        lambda: platform.rows("notifications", f"SELECT 1 {due} AND attempts >= 2", government.tenant), what="retries"
    )
    last = "UPDATE due SET attempts = $2, due_at = now() WHERE kind = 'send_mail' AND tenant = $1"
    async with platform.owner("notifications") as owner:  # let the days of the other retries have passed
        await owner.execute(last, government.tenant, ATTEMPTS - 1)
    parked = f"SELECT last_error {due} AND state = 'parked' AND attempts = {ATTEMPTS}"
    await eventually(lambda: platform.rows("notifications", parked, government.tenant), what="it is parked")
    _, said = await platform.run("notifications", "parked")
    assert re.search(rf"timer send_mail of .*Error: .*\({ATTEMPTS} attempts\)", said)
    await platform.start("mail-catcher")
    assert await government.mails(reader) == []
    code, said = await platform.run("notifications", "replay")
    assert code == 0
    assert "timer send_mail of" in said
    await told(government, reader, f"U kunt stemmen: Vraag van {government.slug}")
