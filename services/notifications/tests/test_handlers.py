"""Events become mails, each once: a real worker's parts, a real mail server, an identity that answers over HTTP."""

import socket
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.policy import default

import pytest
from aiosmtpd.controller import Controller
from chassis.clock import utc_now, uuid7
from chassis.db import tenant_session
from chassis.events import Undecodable, encode
from chassis.handlers import process
from chassis.testing import serving
from contracts.tenancy import GovernmentRegistered
from contracts.voting import PollOpened, PollOption, ResultPublished
from notifications.handlers import on, timers
from notifications.main import service
from sqlalchemy import text
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

STATES = "select kind, status, reason from deliveries join announcements on announcements.id = announcement_id"


class Postbox:
    """Keeps what a mail server was given."""

    def __init__(self):
        self.mails = []
        self.refuse = None

    async def handle_DATA(self, _server, _session, envelope):  # noqa: N802 - aiosmtpd's name
        if self.refuse:
            return self.refuse
        self.mails.append(message_from_bytes(envelope.content, policy=default))
        return "250 taken"


@pytest.fixture
def postbox():
    box = Postbox()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    controller = Controller(box, hostname="127.0.0.1", port=port)
    controller.start()
    box.url = f"smtp://127.0.0.1:{port}"
    yield box
    controller.stop()


@pytest.fixture
async def people():
    """Identity's answer to the one thing that notifications asks of it."""
    known, asked = {}, []

    async def addresses(request):
        asked.append(request.headers["x-inspraak-tenant"])
        ids = (await request.json())["person_ids"]
        return JSONResponse({each: known[each] for each in ids if each in known})

    async with serving(Starlette(routes=[Route("/internal/v1/addresses", addresses, methods=["POST"])])) as url:
        yield known, url, asked


@pytest.fixture
async def client(running, postbox):
    return await running(service, smtp_url=postbox.url, public_url_pattern="http://{host}:8080")


@pytest.fixture
async def world(client, resources, people):
    """Leuven, its settings pointing at the people's addresses."""
    known, url, _ = people
    resources.settings = client.settings.model_copy(update={"identity_url": url})
    return World(client, resources, known)


class World:
    def __init__(self, client, resources, known):
        self.client, self.resources, self.known = client, resources, known
        self.poll_id = uuid7()

    async def person(self, email, language="nl", topic="polls"):
        person_id = uuid7()
        self.known[str(person_id)] = {"email": email, "language": language}
        await self.client.as_person(person_id)("PUT", f"/api/v1/subscriptions/{topic}")
        return person_id

    async def hears(self, event, *, event_id=None, sequence=1):
        body = encode(event, event_id=event_id or uuid7(), tenant=self.client.tenant, sequence=sequence, time=utc_now())
        return await process(
            body, consumer="notifications", handlers=on, sessions=self.resources.sessions, now=utc_now()
        )

    async def leuven(self, colour="#7a1f3d", sequence=1, name="Leuven", government_id=None):
        state = GovernmentRegistered(
            government_id=government_id or self.client.tenant,
            kind="municipality",
            slug="leuven",
            names={"nl": name},
            hosts=("leuven.localhost",),
            languages=("nl", "fr"),
            colour=colour,
        )
        await self.hears(state, sequence=sequence)

    def poll(self, kind=PollOpened, **facts):
        now = datetime.now(UTC)
        options = tuple(PollOption(number=n, labels={"nl": label}) for n, label in ((1, "Ja"), (2, "Nee")))
        known = {
            "poll_id": self.poll_id,
            "status": "open",
            "titles": {"nl": "Een autovrij plein?"},
            "rule": "yes_no",
            "options": options,
            "opens_at": now - timedelta(hours=1),
            "closes_at": now + timedelta(days=3),
        }
        return kind(**known | facts)

    async def work(self, now=None):
        while await timers.run_next(self.resources.sessions, now or utc_now()):
            pass

    async def states(self):
        async with tenant_session(self.resources.sessions, self.client.tenant) as session:
            return [tuple(row) for row in await session.execute(text(STATES))]


async def test_no_government_is_told_of_in_the_name_of_another(world):
    with pytest.raises(Undecodable, match="government_id"):
        await world.leuven(government_id=uuid7())
    async with tenant_session(world.resources.sessions, world.client.tenant) as session:
        assert (await session.execute(text("select count(*) from governments"))).scalar_one() == 0


async def test_who_asked_gets_one_mail_when_a_poll_opens_in_their_language(world, postbox):
    await world.leuven()
    await world.person("an@example.org", "nl")
    await world.person("luc@example.org", "fr", f"poll-{world.poll_id}")
    await world.hears(world.poll())
    await world.work()
    assert sorted((mail["to"], mail["subject"]) for mail in postbox.mails) == [
        ("an@example.org", "U kunt stemmen: Een autovrij plein?"),
        ("luc@example.org", "Vous pouvez voter : Een autovrij plein?"),
    ]
    mail = next(mail for mail in postbox.mails if mail["to"] == "an@example.org")
    assert f"http://leuven.localhost:8080/nl/polls/{world.poll_id}" in mail.get_content()
    assert mail["list-unsubscribe-post"] == "List-Unsubscribe=One-Click"


async def test_the_same_fact_told_twice_by_two_events_is_one_mail(world, postbox):
    await world.leuven()
    await world.person("an@example.org")
    event, event_id = world.poll(), uuid7()
    assert await world.hears(event, event_id=event_id) == "handled"
    assert await world.hears(event, event_id=event_id) == "duplicate"
    assert await world.hears(event) == "handled"
    await world.work()
    await world.work()
    assert len(postbox.mails) == 1


async def test_who_follows_all_polls_and_this_one_gets_one_mail(world, postbox):
    await world.leuven()
    person_id = await world.person("an@example.org")
    one_poll = f"/api/v1/subscriptions/poll-{world.poll_id}"
    await world.client.as_person(person_id)("PUT", one_poll)
    await world.hears(world.poll())
    await world.work()
    assert len(postbox.mails) == 1


async def test_a_result_is_mailed_with_its_outcome(world, postbox):
    await world.leuven()
    await world.person("an@example.org")
    facts = {"status": "published", "ballots": 12, "blank": 1, "winners": (2,), "ranking": ((2,), (1,)), "tied": False}
    await world.hears(world.poll(ResultPublished, **facts))
    await world.work()
    assert "De uitslag: Nee. Aantal uitgebrachte stemmen: 12." in postbox.mails[0].get_content()


async def test_news_of_an_opening_that_comes_after_the_closing_is_no_news(world, postbox):
    await world.leuven()
    await world.person("an@example.org")
    await world.hears(world.poll(closes_at=datetime.now(UTC) - timedelta(seconds=1)))
    await world.work()
    assert postbox.mails == []


async def test_a_mail_server_that_is_busy_gets_the_mail_later_and_only_once(world, postbox):
    await world.leuven()
    await world.person("an@example.org")
    await world.hears(world.poll())
    postbox.refuse = "451 busy"
    await world.work()
    assert (postbox.mails, await world.states()) == ([], [("poll_opened", "queued", None)])
    postbox.refuse = None
    await world.work(utc_now() + timedelta(minutes=1))
    assert (len(postbox.mails), await world.states()) == (1, [("poll_opened", "sent", None)])


async def test_an_address_that_is_refused_for_good_is_not_tried_again(world, postbox):
    await world.leuven()
    await world.person("an@example.org")
    await world.hears(world.poll())
    postbox.refuse = "550 no such mailbox"
    await world.work()
    assert [state[:2] for state in await world.states()] == [("poll_opened", "failed")]


async def test_a_person_who_has_gone_gets_nothing(world, postbox):
    await world.leuven()
    person_id = await world.person("an@example.org")
    del world.known[str(person_id)]
    await world.hears(world.poll())
    await world.work()
    assert (postbox.mails, await world.states()) == ([], [("poll_opened", "skipped", "the person has gone")])


async def test_an_older_state_of_a_government_that_comes_late_changes_nothing(world, postbox):
    await world.leuven(sequence=2, name="Stad Leuven")
    await world.leuven(sequence=1, name="Leuven")
    await world.person("an@example.org")
    await world.hears(world.poll())
    await world.work()
    assert "van Stad Leuven is open" in postbox.mails[0].get_content()


async def test_a_poll_that_very_many_follow_is_announced_at_once_and_each_is_mailed_once(world):
    await world.leuven()
    async with tenant_session(world.resources.sessions, world.client.tenant) as session:
        fans = "select :tenant, gen_random_uuid(), 'polls', now() from generate_series(1, 20000)"
        await session.execute(text(f"insert into subscriptions {fans}"), {"tenant": world.client.tenant})
    await world.person("an@example.org")
    event = world.poll()
    assert await world.hears(event) == "handled"
    assert await world.hears(event) == "handled"
    async with tenant_session(world.resources.sessions, world.client.tenant) as session:
        due = await session.execute(text("select count(*), count(distinct subject) from due where kind = 'send_mail'"))
        assert tuple(due.one()) == (20001, 20001)


async def test_a_mail_is_in_the_language_that_its_reader_chose_last(world, postbox):
    await world.leuven()
    person_id = await world.person("an@example.org", "nl")
    await world.hears(world.poll())
    world.known[str(person_id)]["language"] = "de"
    await world.work()
    assert [mail["content-language"] for mail in postbox.mails] == ["de"]
    assert "/de/polls/" in postbox.mails[0].get_content()


async def test_a_mail_that_waited_until_the_poll_closed_is_not_sent(world, postbox):
    await world.leuven()
    await world.person("an@example.org")
    await world.hears(world.poll())
    await world.work(utc_now() + timedelta(days=4))
    assert (postbox.mails, await world.states()) == ([], [("poll_opened", "skipped", "the poll has closed")])


async def test_a_mail_server_that_is_away_for_a_day_is_waited_for(world, postbox):
    await world.leuven()
    await world.person("an@example.org")
    await world.hears(world.poll())
    postbox.refuse = "451 busy"
    for hours in range(24):
        await world.work(utc_now() + timedelta(hours=hours))
    postbox.refuse = None
    await world.work(utc_now() + timedelta(hours=25))
    assert (len(postbox.mails), await world.states()) == (1, [("poll_opened", "sent", None)])


async def test_who_was_mailed_about_what_is_forgotten_after_three_months(world, postbox):
    await world.leuven()
    await world.person("an@example.org")
    await world.hears(world.poll())
    await world.work()
    assert len(postbox.mails) == 1
    await world.work(utc_now() + timedelta(days=89))
    assert len(await world.states()) == 1
    await world.work(utc_now() + timedelta(days=91))
    async with tenant_session(world.resources.sessions, world.client.tenant) as session:
        left = await session.execute(text("select (select count(*) from deliveries), count(*) from announcements"))
        assert tuple(left.one()) == (0, 0)
