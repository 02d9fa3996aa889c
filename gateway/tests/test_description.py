"""One description of the whole API."""

import json
from html.parser import HTMLParser
from typing import Any

import pytest
from chassis.problems import problems
from gateway.description import merge
from gateway.routes import Table

POLL = {"type": "object", "title": "Poll", "properties": {"id": {"type": "string"}}}


def document(path: str, schema: dict[str, Any], **more: Any) -> dict[str, Any]:
    answer = {"description": "ok", "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Thing"}}}}
    operation = {"operationId": "get_thing", "summary": "Get it", "responses": {"200": answer}}
    return {"paths": {path: {"get": operation}}, "components": {"schemas": {"Thing": schema, **more}}}


def test_only_what_the_table_lets_through_is_described() -> None:
    voting = document("/api/v1/polls", POLL)
    voting["paths"]["/internal/v1/secrets"] = voting["paths"]["/api/v1/polls"]
    voting["paths"]["/api/v1/me"] = voting["paths"]["/api/v1/polls"]
    merged = merge({"voting": voting}, Table.load())
    assert list(merged["paths"]) == ["/api/v1/polls"]


def test_parts_of_one_name_and_different_meaning_are_told_apart() -> None:
    other = {"type": "object", "properties": {"e_mail": {"type": "string"}}}
    merged = merge(
        {"voting": document("/api/v1/polls/{poll_id}", POLL), "identity": document("/api/v1/me", other)}, Table.load()
    )
    schemas = merged["components"]["schemas"]
    assert schemas["VotingThing"] == POLL
    assert schemas["IdentityThing"] == other
    used = merged["paths"]["/api/v1/me"]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    assert used == {"$ref": "#/components/schemas/IdentityThing"}
    names = [item["get"]["operationId"] for item in merged["paths"].values()]
    assert len(set(names)) == 2


def test_parts_that_are_the_same_but_refer_to_different_ones_are_told_apart() -> None:
    page = {"type": "array", "items": {"$ref": "#/components/schemas/Item"}}
    merged = merge(
        {
            "voting": document("/api/v1/polls", page, Item={"type": "string"}),
            "identity": document("/api/v1/me", page, Item={"type": "integer"}),
        },
        Table.load(),
    )
    schemas = merged["components"]["schemas"]
    assert schemas["VotingThing"]["items"] == {"$ref": "#/components/schemas/VotingItem"}
    assert schemas["IdentityThing"]["items"] == {"$ref": "#/components/schemas/IdentityItem"}


def test_parts_that_are_the_same_are_one_and_unused_ones_are_left_out() -> None:
    merged = merge(
        {"voting": document("/api/v1/polls", POLL, Unused={}), "identity": document("/api/v1/me", POLL)}, Table.load()
    )
    assert set(merged["components"]["schemas"]) == {"Thing", "Problem"}


def test_an_operation_says_what_the_gateway_may_answer() -> None:
    operation = merge({"identity": document("/api/v1/me", POLL)}, Table.load())["paths"]["/api/v1/me"]["get"]
    assert operation["security"] == [{"accessToken": []}]
    assert {"401", "429", "503", "504"} <= set(operation["responses"])


def test_the_problem_is_written_once() -> None:
    me = document("/api/v1/me", POLL)
    me["paths"]["/api/v1/me"]["get"]["responses"]["404"] = problems("not_found")[404]
    merged = merge({"identity": me}, Table.load())
    missing = merged["paths"]["/api/v1/me"]["get"]["responses"]["404"]
    assert missing["content"]["application/problem+json"]["schema"] == {"$ref": "#/components/schemas/Problem"}


def test_the_order_of_the_services_changes_nothing() -> None:
    voting, identity = document("/api/v1/polls", POLL), document("/api/v1/me", {"type": "string"})
    one = merge({"voting": voting, "identity": identity}, Table.load())
    other = merge({"identity": identity, "voting": voting}, Table.load())
    assert json.dumps(one) == json.dumps(other)


class Outline(HTMLParser):
    """What a page refers to, and its headings."""

    def __init__(self) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.elsewhere: list[str] = []
        self.headings: list[int] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        assert tag not in {"script", "iframe", "object"}
        assert "style" not in named
        if named.get("id"):
            self.ids.append(str(named["id"]))
        address = str(named.get("href") or named.get("src") or "")
        if address.startswith("#"):
            self.links.append(address[1:])
        elif address and not address.startswith("/"):
            self.elsewhere.append(address)
        if tag in {"h1", "h2", "h3"}:
            self.headings.append(int(tag[1]))


@pytest.fixture
def described(world: Any, reply: Any) -> Any:
    """The world with a voting service that describes itself, with a description that tries to be HTML."""
    text = {**POLL, "description": "<script>alert(1)</script>"}
    body = json.dumps(document("/api/v1/polls/{poll_id}", text)).encode()
    world.peers["voting"].handler = lambda _: reply(body, headers={"content-type": "application/json"})
    return world


async def test_the_document_and_its_page_are_there_for_everybody(described: Any) -> None:
    answer = await described.ask("GET", "/api/openapi.json")
    assert "/api/v1/polls/{poll_id}" in answer.json["paths"]
    again = await described.ask("GET", "/api/openapi.json", headers={"if-none-match": answer.headers["etag"]})
    assert again.status == 304
    page = await described.ask("GET", "/api/docs")
    assert page.headers["content-type"].startswith("text/html")
    assert "script-src" not in page.headers["content-security-policy"]
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert b"<script" not in page.body
    assert (await described.ask("GET", "/api/docs.css")).headers["content-type"].startswith("text/css")
    assert (await described.ask("POST", "/api/docs")).status == 405


async def test_the_page_is_whole_in_itself(described: Any) -> None:
    outline = Outline()
    outline.feed((await described.ask("GET", "/api/docs")).body.decode())
    assert outline.elsewhere == []
    assert set(outline.links) <= set(outline.ids)
    assert len(outline.ids) == len(set(outline.ids))
    assert outline.headings.count(1) == 1
    assert all(after - before <= 1 for before, after in zip(outline.headings, outline.headings[1:], strict=False))


async def test_a_service_that_is_down_keeps_the_part_that_it_told_last(
    described: Any, reply: Any, eventually: Any
) -> None:
    before = (await described.ask("GET", "/api/openapi.json")).json["paths"]
    described.peers["voting"].handler = lambda _: reply(b"", 503)
    asked = len(described.peers["voting"].got)

    async def asked_again() -> bool:
        assert (await described.ask("GET", "/api/openapi.json")).json["paths"] == before
        return len(described.peers["voting"].got) > asked

    await eventually(asked_again)
