"""What reaches a service, over real HTTP."""

import json
from typing import Any
from uuid import uuid4

import pytest

VOTE = "/api/v1/polls/0196b1f2-0000-7000-8000-000000000001/vote"
BALLOT = b'{"choices":[1]}'
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


async def test_a_service_learns_for_whom_it_answers_and_the_client_cannot_say_so(world: Any) -> None:
    forged = {
        "x-inspraak-tenant": str(uuid4()),
        "x-inspraak-key": "forged",
        "x-inspraak-client": "203.0.113.9",
        "x-inspraak-roles": "operator",
        "forwarded": "for=203.0.113.9",
        "x-forwarded-for": "203.0.113.9",
        "x-forwarded-host": "evil.example",
        "traceparent": "00-" + "a" * 32 + "-" + "b" * 16 + "-01",
    }
    answer = await world.ask("GET", "/api/v1/polls?status=open", headers=forged)
    assert answer.status == 200
    got = world.peers["voting"].got[-1]
    said = [(name, value) for name, value in got.headers if name.startswith(("x-inspraak-", "x-forwarded-", "forw"))]
    assert sorted(name for name, _ in said) == ["x-inspraak-client", "x-inspraak-key", "x-inspraak-tenant"]
    assert got.header("x-inspraak-tenant") == str(world.leuven.id)
    assert got.header("x-inspraak-client") == "127.0.0.1"
    assert "forged" not in str(got.header("x-inspraak-key"))
    assert "a" * 32 not in str(got.header("traceparent"))
    assert len(str(got.header("traceparent"))) == 55
    assert got.query == "status=open"
    assert got.header("host") == "leuven.localhost"


async def test_each_host_is_its_own_government(world: Any) -> None:
    for host, government in (("leuven.localhost:8080", world.leuven), ("GENT.localhost.", world.gent)):
        await world.ask("GET", "/api/v1/polls", host=host)
        assert world.peers["voting"].got[-1].header("x-inspraak-tenant") == str(government.id)


async def test_a_body_and_its_type_arrive_as_sent(world: Any) -> None:
    answer = await world.ask("PUT", VOTE, headers=world.bearer() | {"content-type": "application/json"}, data=BALLOT)
    assert answer.status == 200
    got = world.peers["voting"].got[-1]
    assert (got.method, got.path, got.body) == ("PUT", VOTE, BALLOT)
    assert got.header("content-type") == "application/json"
    assert got.header("content-length") == str(len(BALLOT))


async def test_only_web_sees_cookies_and_nobody_sees_a_token_where_none_is_asked(world: Any) -> None:
    headers = world.bearer() | {"cookie": "__Host-session=secret"}
    await world.ask("GET", "/nl/", headers=headers)
    web = world.peers["web"].got[-1]
    assert web.header("cookie") == "__Host-session=secret"
    assert web.header("authorization") is None
    await world.ask("GET", "/api/v1/polls", headers=headers)
    voting = world.peers["voting"].got[-1]
    assert voting.header("cookie") is None
    assert voting.header("authorization") == headers["authorization"]


async def test_an_api_answer_says_that_it_is_data(world: Any, reply: Any) -> None:
    world.peers["voting"].handler = lambda _: reply(b"{}", headers={"x-inspraak-debug": "1", "server": "x"})
    answer = await world.ask("GET", "/api/v1/polls", headers=world.bearer())
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store"
    assert "x-inspraak-debug" not in answer.headers
    assert "server" not in {name.lower() for name in answer.headers}


async def test_nobody_reaches_what_services_keep_among_themselves(world: Any) -> None:
    paths = ["/internal/v1/addresses", "/.well-known/jwks.json", "/api/v2/polls", "/api", "/%69nternal/v1/addresses"]
    for path in paths:
        answer = await world.ask("GET", path)
        assert (answer.status, answer.code) == (404, "not_found"), path
    assert not any(peer.got for name, peer in world.peers.items() if name not in {"tenancy", "identity"})


async def test_a_path_written_otherwise_is_the_same_route(world: Any) -> None:
    answer = await world.ask("POST", "/api/v1/sign-in/%63odes", data=b"{}")
    assert answer.status == 200
    assert await world.metric('gateway_limits_asked_total{limit="codes"}') >= 1


async def test_a_method_that_a_path_does_not_take_is_told(world: Any) -> None:
    answer = await world.ask("DELETE", "/api/v1/government")
    assert (answer.status, answer.headers["allow"]) == (405, "GET, PATCH")


async def test_the_client_behind_a_trusted_proxy_is_the_last_that_the_proxy_names(start: Any) -> None:
    world = await start(trusted_proxies=("127.0.0.0/8", "10.0.0.0/8"))
    headers = {"x-forwarded-for": "203.0.113.1, 198.51.100.2, 10.1.2.3"}
    await world.ask("GET", "/api/v1/polls", headers=headers)
    assert world.peers["voting"].got[-1].header("x-inspraak-client") == "198.51.100.2"


async def test_a_problem_is_json_with_a_code(world: Any) -> None:
    answer = await world.ask("GET", "/api/v1/me")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["www-authenticate"] == "Bearer"
    assert json.loads(answer.body) == {
        "type": "about:blank",
        "title": "Not signed in",
        "status": 401,
        "code": "not_signed_in",
    }


async def test_head_is_get_without_the_body(world: Any, reply: Any) -> None:
    world.peers["voting"].handler = lambda _: reply(b"12345")
    answer = await world.ask("HEAD", "/api/v1/polls", headers=world.bearer())
    assert (answer.status, answer.body, answer.headers["content-length"]) == (200, b"", "5")
    assert world.peers["voting"].got[-1].method == "GET"


@pytest.mark.parametrize("status", [204, 304])
async def test_an_answer_without_body_keeps_the_connection_in_step(world: Any, reply: Any, status: int) -> None:
    world.peers["voting"].handler = lambda _: reply(b"", status, {"content-length": "0"})
    for _ in range(2):
        assert (await world.ask("GET", "/api/v1/polls", headers=world.bearer())).status == status


@pytest.mark.parametrize(
    ("accepted", "tag", "says"),
    [("nl-BE", "nl", "niet aangekomen"), ("fr", "fr", "n’est pas arrivé"), ("xx", "nl", "niet aangekomen")],
)
async def test_a_person_gets_a_page_when_web_is_down(
    start: Any, nobody: str, accepted: str, tag: str, says: str
) -> None:
    world = await start(urls={"web": nobody})
    browser = {"accept": "text/html,*/*;q=0.8", "accept-language": accepted}
    answer = await world.ask("POST", "/nl/polls/x/cast", headers=browser, data=b"choice=1")
    assert answer.status == 503
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert int(answer.headers["retry-after"]) >= 3
    assert f'<html lang="{tag}">' in answer.body.decode()
    assert says in answer.body.decode()
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert (await world.ask("GET", "/api/v1/me", headers=browser)).code == "not_signed_in"


async def test_a_person_at_an_unknown_address_gets_a_page(world: Any) -> None:
    answer = await world.ask("GET", "/", host="nobody.example", headers={"accept": "text/html"})
    assert (answer.status, answer.headers["content-type"]) == (404, "text/html; charset=utf-8")
