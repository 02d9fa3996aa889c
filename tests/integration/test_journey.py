"""From a government that nobody knows to its published result, over HTTP and by mail, as people and officials go."""

import csv
import io
import re
import time
from datetime import UTC, datetime, timedelta

import pytest
from inspraak_dev.demo.client import Client
from inspraak_dev.stack.server import HOST

from tests.integration.platform import eventually

pytestmark = pytest.mark.fault
LIVE_WITHIN = 20.0  # seconds; "within seconds" on two busy cores
REASON = {"reason": {"nl": "Iedereen heeft gestemd.", "fr": "Tout le monde a voté."}}


@pytest.fixture
async def slug(platform):
    """A government made by command, as an operator does it, and live."""
    name = f"dorp{time.time_ns() % 10**9}"
    facts = {"--slug": name, "--name-nl": "Dorp", "--name-fr": "Village", "--host": f"{name}.localhost"}
    facts |= {"--languages": "nl,fr", "--colour": "#1f3a7a", "--contact": f"info@{name}.example"}
    code, said = await platform.run("tenancy", "register", *(part for fact in facts.items() for part in fact))
    assert code == 0, said

    async def live():
        answer = await platform.ask(f"{name}.localhost", "GET", "/api/v1/government")
        return answer.status == 200 and answer.json["names"] == {"nl": "Dorp", "fr": "Village"}

    await eventually(live, within=LIVE_WITHIN, what="the new government on its host")
    return name


@pytest.fixture
async def client(platform, slug):
    mails = f"http://{HOST}:{platform.stack.state.port('mail-catcher')}"
    async with Client(platform.gateway, f"{slug}.localhost", mails=mails) as client:
        yield client


async def official_of(platform, client, slug):
    """An official: the role by command, the sign-in by mail."""
    email = f"griffier@{slug}.example"
    grant = ("grant", "--tenant", slug, "--email", email, "--role", "administrator")

    async def granted():
        return (await platform.run("identity", *grant))[0] == 0

    await eventually(granted, within=LIVE_WITHIN, what="identity to know the government")
    return await client.sign_in(email)


def yes_or_no():
    now = datetime.now(UTC)
    return {
        "titles": {"nl": "Een nieuwe brug?", "fr": "Un nouveau pont ?"},
        "rule": "yes_no",
        "opens_at": now.isoformat(),
        "closes_at": (now + timedelta(days=1)).isoformat(),
    }


async def subjects(platform, email):
    return [mail["subject"] for mail in reversed(await platform.mails(email))]


async def test_a_government_is_registered_and_live_and_its_people_vote_change_and_read_the_result_in_their_language(
    platform, client, slug
):
    official = await official_of(platform, client, slug)
    emails = {"nl": f"an@{slug}.example", "fr": f"anne@{slug}.example"}
    tokens = {language: await client.sign_in(email, language) for language, email in emails.items()}
    for language, token in tokens.items():
        assert (await client.ask("GET", "/api/v1/me", token=token))["language"] == language
        await client.ask("PUT", "/api/v1/subscriptions/polls", token=token)
    poll = (await client.ask("POST", "/api/v1/polls", yes_or_no(), token=official))["poll_id"]
    path = f"/api/v1/polls/{poll}"
    await client.ask("POST", f"{path}/schedule", token=official)
    assert [one["poll_id"] for one in (await client.ask("GET", "/api/v1/polls?status=open"))["items"]] == [poll]

    assert (await client.ask("GET", f"{path}/vote", token=tokens["nl"]))["voted"] is False
    for choices in ([1], [2]):  # a vote, and a change of mind
        cast = await client.ask("PUT", f"{path}/vote", {"choices": choices}, token=tokens["nl"])
        assert cast == {"voted": True, "choices": choices}
    assert (await client.ask("GET", f"{path}/vote", token=tokens["nl"]))["choices"] == [2]
    for token in (tokens["fr"], official):
        await client.ask("PUT", f"{path}/vote", {"choices": [1]}, token=token)
    hidden = await platform.ask(f"{slug}.localhost", "GET", f"{path}/result")
    assert (hidden.status, hidden.json["code"]) == (409, "result_not_published")

    await client.ask("POST", f"{path}/close", REASON, token=official)
    await client.ask("POST", f"{path}/publish", token=official)
    result = await client.ask("GET", f"{path}/result")
    assert (result["ballots"], result["results"][0]["winners"]) == (3, [1])
    rows = list(csv.reader(io.StringIO((await downloaded(platform, slug, f"{path}/ballots.csv")).body.decode())))
    assert (rows[0], sorted(rows[1:])) == (["option_1", "option_2"], [["", "1"], ["1", ""], ["1", ""]])
    exported = (await downloaded(platform, slug, f"{path}/ballots.json")).json
    assert sorted(exported["ballots"]) == [[1], [1], [2]]

    expected = {
        "nl": ["is uw code voor Dorp", "U kunt stemmen: Een nieuwe brug?", "Het resultaat: Een nieuwe brug?"],
        "fr": [
            "est votre code pour Village",
            "Vous pouvez voter : Un nouveau pont ?",
            "Le résultat : Un nouveau pont ?",
        ],
    }
    for language, email in emails.items():
        await eventually(lambda email=email: came(platform, email, 3), what=f"three mails to {email}")
        assert [re.sub(r"^\d{6} ", "", one) for one in await subjects(platform, email)] == expected[language]
        newest = (await platform.mails(email))[0]
        assert f"http://{slug}.localhost:{platform.port}/{language}/polls/{poll}/result" in newest["text"]
    await stop_by_the_link_of(platform, slug, (await platform.mails(emails["fr"]))[0])
    assert (await client.ask("GET", "/api/v1/subscriptions", token=tokens["fr"]))["items"] == []


async def came(platform, email, number):
    return len(await platform.mails(email)) >= number


async def downloaded(platform, slug, path):
    answer = await platform.ask(f"{slug}.localhost", "GET", path)
    assert answer.status == 200
    return answer


async def stop_by_the_link_of(platform, slug, mail):
    """What a mail program does when somebody presses its button (RFC 8058)."""
    headers = {name.lower(): value for name, value in mail["headers"]}
    assert headers["list-unsubscribe-post"] == "List-Unsubscribe=One-Click"
    path = re.search(r"<http://[^/]+(/[^>]+)>", headers["list-unsubscribe"])[1]
    answer = await platform.ask(f"{slug}.localhost", "POST", path, data={"List-Unsubscribe": "One-Click"})
    assert (answer.status, answer.json) == (200, {"topic": "polls"})
