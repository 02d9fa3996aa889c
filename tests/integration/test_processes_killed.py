"""Processes of the platform killed with -9 in the middle of their work, and started again."""

import signal

import pytest

from tests.integration.crowd import Crowd, first_choices
from tests.integration.platform import eventually

pytestmark = pytest.mark.fault


async def readers_of(government, *languages):
    """People who asked for mails, each in a language."""
    readers = government.people[: len(languages)]
    for reader, language in zip(readers, languages, strict=True):
        await government.subscribe(reader, language)
    return readers


async def test_votes_accepted_while_voting_is_killed_are_stored_and_counted_once(platform, world):
    government = await world.government(people=1_500)
    poll = await government.poll()
    crowd = Crowd(government, poll)
    async with crowd.voting():
        await crowd.goes_on()
        await platform.kill("voting")
        await crowd.asks_on()
        await platform.start("voting")
        await crowd.goes_on()
    assert crowd.statuses().keys() == {200, 503}
    assert crowd.put_off_without_a_time() == []
    assert await crowd.stored() == len(crowd.accepted)
    result = await government.counted(poll)
    assert result["ballots"] == len(crowd.accepted)
    assert first_choices(result) == crowd.by_option()


async def test_an_event_whose_consumer_is_killed_in_the_handler_takes_effect_once(platform, world, told):
    government = await world.government(people=3)
    readers = await readers_of(government, "nl", "fr", "nl")
    title = f"Vraag van {government.slug}"
    subjects = [f"U kunt stemmen: {title}", f"Vous pouvez voter : Question de {government.slug}"]
    async with platform.owner("notifications") as owner:
        async with owner.transaction():
            await owner.execute("LOCK TABLE deliveries IN EXCLUSIVE MODE")  # the handler gets this far and no further
            await government.poll()
            await eventually(lambda: platform.waiting_for_locks("notifications"), what="the handler at work")
            await platform.kill("notifications")
        await platform.start("notifications")
        for reader, subject in zip(readers, [*subjects, subjects[0]], strict=True):
            await told(government, reader, subject)


async def test_events_sent_by_a_relay_that_is_killed_before_its_commit_are_sent_again_and_take_effect_once(
    platform, world, told
):
    government = await world.government(people=2)
    readers = await readers_of(government, "nl", "nl")
    async with platform.tap("voting.poll_opened.v1") as opened:
        poll = await government.draft()
        await eventually(lambda: everything_sent(platform), what="the relay at rest")
        await platform.kill("rabbitmq", signal.SIGSTOP)  # it takes what is sent, and confirms nothing
        await government.must("POST", f"/api/v1/polls/{poll}/schedule", by=government.official)
        await eventually(lambda: relay_waits_for_the_broker(platform), what="the relay in its transaction")
        await platform.kill("voting")
        await platform.kill("rabbitmq", signal.SIGCONT)
        await platform.start("voting")

        async def copies():
            return [event for event in opened if event["subject"] == poll][1:]

        await eventually(copies, what="a second copy of the event")
        assert len({event["id"] for event in opened if event["subject"] == poll}) == 1
    for reader in readers:
        await told(government, reader, f"U kunt stemmen: Vraag van {government.slug}")
    assert await platform.value("voting", "SELECT count(*) FROM outbox") == 0


async def everything_sent(platform):
    return await platform.value("voting", "SELECT count(*) = 0 FROM outbox")


async def relay_waits_for_the_broker(platform):
    """For a second by the database's clock: what it publishes is on its way, and not confirmed."""
    taken = "state = 'idle in transaction' AND query ILIKE 'delete from outbox%'"
    taken += " AND state_change < clock_timestamp() - interval '1 second'"
    return await platform.transactions("voting", taken)


async def test_people_who_are_signed_in_go_on_voting_while_every_other_service_is_down(platform, world, told):
    government = await world.government(people=400)
    reader, *_ = await readers_of(government, "nl")
    poll = await government.poll()
    await told(government, reader, f"U kunt stemmen: Vraag van {government.slug}")
    crowd = Crowd(government, poll)
    async with crowd.voting():
        await crowd.goes_on(10)
        for name in ("tenancy", "identity", "notifications"):
            await platform.kill(name)
        await crowd.goes_on(40)
        for path in ("/api/v1/me", "/api/v1/subscriptions"):
            answer = await government.ask("GET", path, by=reader)
            assert (answer.status, answer.json["code"]) == (503, "service_unavailable")
            assert answer.headers["retry-after"].isdecimal()
        for name in ("tenancy", "identity", "notifications"):
            await platform.start(name)
        await crowd.goes_on(10)
    assert crowd.statuses().keys() == {200}
    result = await government.counted(poll)
    assert first_choices(result) == crowd.by_option()
    title = f"Vraag van {government.slug}"
    await told(government, reader, f"U kunt stemmen: {title}", f"Het resultaat: {title}")
