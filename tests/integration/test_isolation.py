"""Every route of the merged OpenAPI: what one government's people and ids are worth at another government. Nothing."""

import re
from dataclasses import dataclass
from typing import Any

import pytest

from tests.integration.platform import Answer, eventually
from tests.integration.world import EVERYONE, Government, Person

pytestmark = pytest.mark.fault
METHODS = ("get", "post", "put", "patch", "delete")
NOTHING = {401, 403, 404}
OWN = {  # routes that name nothing of another government: what they answer to B's official is B's
    "get_audit", "get_government", "get_me", "get_my_votes", "get_people", "get_polls", "get_subscriptions",
    "patch_government", "patch_me", "post_poll", "post_person", "post_code", "post_sign_out", "put_subscription",
    "delete_subscription",
}  # fmt: skip
MARK = "van-a-alleen"


@dataclass
class Estate:
    """A government with one of everything; `marks` are texts and ids that nobody else may ever read."""

    government: Government
    poll: str
    draft: str
    person: Person
    handle: str
    refresh_token: str
    stop_token: str

    @property
    def marks(self) -> list[str]:
        return [MARK, str(self.government.tenant), self.government.slug, self.poll, self.draft, str(self.person.id)]


@dataclass
class Operation:
    """One operation of the document."""

    method: str
    path: str
    facts: dict[str, Any]

    @property
    def name(self) -> str:
        return str(self.facts["operationId"])

    @property
    def protected(self) -> bool:
        """Whether nobody is answered without a token."""
        return bool(self.facts["security"]) and {} not in self.facts["security"]

    @property
    def reads_tokens(self) -> bool:
        return bool(self.facts["security"])

    def request(self, estate: Estate, poll: str) -> dict[str, Any]:
        """A request that is right in every way, with an estate's ids."""
        values = {"poll_id": poll, "person_id": str(estate.person.id), "role": "moderator", "topic": f"poll-{poll}"}
        query = {"token": estate.stop_token} if self.path == "/api/v1/unsubscribe" else {}
        body = self._body(estate) if "requestBody" in self.facts else None
        return {"path": self.path.format(**values), "params": query, "json": body}

    def _body(self, estate: Estate) -> Any:
        bodies = {
            "patch_me": {"display_name": "B"},
            "patch_government": {"colour": "#004b87"},
            "post_person": {"email": "b@b.example", "roles": ["moderator"]},
            "post_poll": {"titles": {"nl": "Van B"}, "rule": "yes_no"},
            "patch_poll": {"titles": {"nl": "Veranderd"}},
            "post_cancel": {"reason": EVERYONE},
            "post_close": {"reason": EVERYONE},
            "post_schedule": {"version": 1},
            "post_extend": {"reason": EVERYONE, "closes_at": "2199-01-01T00:00:00Z"},
            "put_vote": {"choices": [1]},
            "post_sign_in": {"handle": estate.handle, "code": "000000"},
            "post_code": {"email": estate.person.email, "language": "nl"},
            "post_refresh": {"refresh_token": estate.refresh_token},
            "post_sign_out": {"refresh_token": estate.refresh_token},
            "put_subscription": {"language": "nl"},
        }
        assert self.name in bodies, f"a new route: give {self.name} a body here"
        return bodies[self.name]


@pytest.fixture(scope="module")
async def both(the_world):
    """A, with one of everything, and B."""
    a = await the_world.government(people=3, names={"nl": MARK, "fr": MARK})
    b = await the_world.government(people=2)
    return await estate_of(a), b


async def estate_of(government):
    titles = {"titles": {"nl": MARK, "fr": MARK}}
    person = government.people[0]
    await government.subscribe(person)
    poll = await government.poll(**titles)
    await government.must("PUT", f"/api/v1/polls/{poll}/vote", {"choices": [1]}, by=person)
    await government.counted(poll)
    draft = await government.draft(**titles)
    stop = await eventually(lambda: stop_token_of(government, person), what="a mail with a stop link")
    return Estate(government, poll, draft, person, *await signed_in(government, person), stop)


async def stop_token_of(government, person):
    mails = await government.platform.mails(person.email)
    found = [re.search(r"/unsubscribe\?token=([\w-]+)", mail["text"]) for mail in mails]
    return found[0][1] if found and found[0] else None


async def signed_in(government, person):
    """By mail, as everybody: a handle that waits for its code, and a refresh token."""
    waiting, used = [await handle_of(government, email) for email in (government.people[1].email, person.email)]

    async def code():
        subjects = await government.mails(person)
        return next((found[0] for one in subjects if (found := re.match(r"\d{6}", one))), None)

    found = await eventually(code, what="a mail with a code")
    tokens = await government.must("POST", "/api/v1/sign-in", {"handle": used, "code": found})
    return waiting, tokens["refresh_token"]


async def handle_of(government, email):
    body = {"email": email, "language": "nl"}
    return (await government.must("POST", "/api/v1/sign-in/codes", body))["handle"]


@pytest.fixture(scope="module")
async def operations(the_platform):
    answer = await the_platform.ask("platform.localhost", "GET", "/api/openapi.json")
    assert answer.status == 200
    found = [
        Operation(method.upper(), path, facts)
        for path, item in answer.json["paths"].items()
        for method, facts in item.items()
        if method in METHODS
    ]
    assert len(found) >= 30
    return found


async def ask(government: Government, operation: Operation, request: dict[str, Any], **headers: str) -> Answer:
    how = {"params": request["params"], "json": request["json"]}
    return await government.platform.ask(government.host, operation.method, request["path"], headers=headers, **how)


def of_a(estate: Estate, answer: Answer) -> list[str]:
    """What of A stands in an answer, its headers included."""
    headers = "".join(f"{name}: {value}\n" for name, value in answer.headers.items())
    said = headers + answer.body.decode(errors="replace")
    return [mark for mark in estate.marks if mark in said]


async def test_nobody_without_a_token_is_answered_by_a_protected_route(both, operations):
    estate, _ = both
    for operation in (one for one in operations if one.protected):
        answer = await ask(estate.government, operation, operation.request(estate, estate.poll))
        assert (answer.status, answer.json["code"]) == (401, "not_signed_in"), operation
        assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("forged", [False, True], ids=["", "with_forged_headers"])
async def test_a_token_of_one_government_is_worth_nothing_on_the_host_of_another(both, operations, forged):
    estate, b = both
    a = estate.government
    forgery = {"x-inspraak-tenant": str(a.tenant), "x-inspraak-key": "0" * 43, "x-inspraak-client": "127.0.0.1"}
    for operation in (one for one in operations if one.reads_tokens):
        for person in (a.official, estate.person):
            for poll in (estate.poll, estate.draft):
                request = operation.request(estate, poll)
                answer = await ask(b, operation, request, **person.bearer, **(forgery if forged else {}))
                assert (answer.status, answer.json["code"]) == (401, "wrong_government"), operation
                assert of_a(estate, answer) == [], operation


async def test_ids_of_one_government_are_worth_nothing_on_the_host_of_another(both, operations, platform):
    """B's own official, with every right at B, asks for all that A has: polls, people, tokens from links and mails."""
    estate, b = both
    a = estate.government
    before = await everything_of(platform, a)
    told_at_a = set()
    for operation in operations:
        for poll in (estate.poll, estate.draft):
            request = operation.request(estate, poll)
            if operation.method == "GET":  # first at A: a cache that mixed hosts would show it at B
                told_at_a.update(operation.name for _ in of_a(estate, await ask(a, operation, request)))
            answer = await ask(b, operation, request, **b.official.bearer)
            assert operation.name in OWN or answer.status in NOTHING, (operation, answer)
            assert of_a(estate, answer) == [], (operation, answer)
    told = {"get_government", "get_polls", "get_poll", "get_result", "get_ballots_json", "get_ballots_preflib"}
    assert told_at_a >= told
    assert await everything_of(platform, a) == before


async def test_votes_of_one_government_are_listed_there_and_nowhere_else(both):
    estate, b = both
    at_a = await estate.government.ask("GET", "/api/v1/my-votes", by=estate.person)
    assert [item["poll"]["poll_id"] for item in at_a.json["items"]] == [estate.poll]
    for person in b.people:
        assert (await b.ask("GET", "/api/v1/my-votes", by=person)).json == {"items": [], "next": None}


async def everything_of(platform, government):
    """What the databases hold of a government, but for what time changes by itself."""
    found = {}
    for service, tables in {
        "identity": ("people", "role_grants", "sessions", "refresh_tokens"),
        "voting": ("polls", "votes", "outcomes"),
        "notifications": ("subscriptions", "deliveries"),
    }.items():
        for table in tables:
            query = f"SELECT t::text AS row FROM {table} t WHERE tenant_id = $1 ORDER BY 1"  # noqa: S608
            found[table] = [row["row"] for row in await platform.rows(service, query, government.tenant)]
    assert all(found[table] for table in ("people", "sessions", "polls", "votes", "subscriptions"))
    return found


async def test_headers_that_only_the_gateway_may_write_change_nothing_when_a_client_sends_them(both, platform):
    estate, b = both
    a = estate.government
    forgery = {
        "x-inspraak-tenant": str(a.tenant),
        "x-inspraak-key": platform.settings("gateway")["INSPRAAK_INTERNAL_KEY"],  # even if it ever leaked
        "x-inspraak-client": "203.0.113.7",
        "x-forwarded-host": a.host,
        "forwarded": f"host={a.host}",
    }
    shown = await b.ask("GET", "/api/v1/government", headers=forgery)
    assert (shown.status, shown.json["slug"]) == (200, b.slug)
    assert (await b.ask("GET", f"/api/v1/polls/{estate.poll}", headers=forgery)).status == 404
    polls = await b.ask("GET", "/api/v1/polls", headers=forgery)
    assert of_a(estate, polls) == []
    for method, path, body in (
        ("GET", "/internal/v1/governments", None),
        ("POST", "/internal/v1/addresses", {"person_ids": [str(estate.person.id)]}),
    ):
        assert (await b.ask(method, path, body, headers=forgery)).status == 404
