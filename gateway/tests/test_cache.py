"""The cache between real clients and real services."""

import asyncio
from typing import Any
from uuid import uuid4

import pytest

PUBLIC = {"cache-control": "public, max-age=30"}


def numbered(world: Any, reply: Any, headers: dict[str, str] | None = None, status: int = 200) -> None:
    """Let web answer with a number that counts its answers."""
    count = 0

    def handler(got: Any) -> Any:
        nonlocal count
        count += 1
        language, coding = got.header("accept-language"), got.header("accept-encoding")
        return reply(f"{count} {got.path} {language} {coding}".encode(), status, PUBLIC if headers is None else headers)

    world.peers["web"].handler = handler


async def test_a_page_for_everybody_is_asked_for_once(world: Any, reply: Any) -> None:
    numbered(world, reply)
    first = await world.ask("GET", "/nl/?a=1")
    second = await world.ask("GET", "/nl/?a=1", headers={"user-agent": "another"})
    assert first.body == second.body
    assert len(world.peers["web"].got) == 1
    assert first.headers["cache-status"] == "gateway; fwd=miss"
    assert second.headers["cache-status"] == "gateway; hit"
    assert second.headers["age"] == "0"
    assert second.headers["cache-control"] == PUBLIC["cache-control"]


async def test_governments_paths_queries_and_languages_are_kept_apart(world: Any, reply: Any) -> None:
    numbered(world, reply)
    asked: list[dict[str, Any]] = [
        {"path": "/nl/"},
        {"path": "/nl/", "host": "gent.localhost"},
        {"path": "/nl/x"},
        {"path": "/nl/?x"},
        {"path": "/nl/", "headers": {"accept-language": "fr"}},
        {"path": "/nl/", "headers": {"accept-encoding": "gzip"}},
    ]
    bodies = [(await world.ask("GET", **each)).body for each in asked]
    assert len(set(bodies)) == len(asked)
    again = [(await world.ask("GET", **each)).body for each in asked]
    assert again == bodies


async def test_words_for_the_same_language_share_a_page(world: Any, reply: Any) -> None:
    numbered(world, reply)
    for words in ("fr", "fr-BE,fr;q=0.9,en;q=0.8", "de, FR;q=0.7, nl;q=0.5"):
        answer = await world.ask("GET", "/nl/", headers={"accept-language": words})
        assert answer.body == b"1 /nl/ fr None"


async def test_a_new_host_of_a_government_gets_no_page_made_for_another(world: Any, reply: Any) -> None:
    world.tenancy.governments[0].hosts = ("leuven.localhost", "www.leuven.localhost")
    numbered(world, reply)
    await asyncio.sleep(0.5)
    bodies = {(await world.ask("GET", "/nl/", host=host)).body for host in ("leuven.localhost", "www.leuven.localhost")}
    assert len(bodies) == 2


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"cache-control": "private, max-age=30"},
        {"cache-control": "no-store"},
        {"cache-control": "no-cache, max-age=30"},
        {"cache-control": "max-age=0"},
        PUBLIC | {"set-cookie": "__Host-session=secret"},
        PUBLIC | {"vary": "*"},
        PUBLIC | {"vary": "accept-language, user-agent"},
        PUBLIC | {"age": "31"},
    ],
)
async def test_what_is_not_for_everybody_is_not_kept(world: Any, reply: Any, headers: dict[str, str]) -> None:
    numbered(world, reply, headers)
    bodies = {(await world.ask("GET", "/nl/")).body for _ in range(3)}
    assert len(bodies) == 3


async def test_who_is_signed_in_neither_fills_nor_reads_the_cache(world: Any, reply: Any) -> None:
    numbered(world, reply)
    for headers in ({"cookie": "__Host-session=x"}, {"cookie": "a=1; __Host-draft=x"}, {"authorization": "Bearer x"}):
        first = await world.ask("GET", "/nl/", headers=headers)
        second = await world.ask("GET", "/nl/", headers=headers)
        assert first.body != second.body
        assert "cache-status" not in second.headers


@pytest.mark.parametrize("headers", [PUBLIC, PUBLIC | {"vary": "Authorization"}])
async def test_the_api_answers_a_token_anew_each_time(world: Any, reply: Any, headers: dict[str, str]) -> None:
    world.peers["voting"].handler = lambda got: reply(str(got.header("authorization")).encode(), headers=headers)
    path = "/api/v1/polls"
    anonymous = await world.ask("GET", path)
    one = await world.ask("GET", path, headers=world.bearer(uuid4()))
    other = await world.ask("GET", path, headers=world.bearer(uuid4()))
    assert len({anonymous.body, one.body, other.body}) == 3
    again = await world.ask("GET", path)
    assert (again.body, again.headers["cache-status"]) == (b"None", "gateway; hit")


async def test_a_harmless_cookie_reads_what_is_kept_but_not_what_varies_by_it(world: Any, reply: Any) -> None:
    harmless = {"cookie": "__Host-language=fr"}
    numbered(world, reply)
    assert (await world.ask("GET", "/nl/", headers=harmless)).body == (await world.ask("GET", "/nl/")).body
    assert world.peers["web"].got[-1].header("cookie") is None
    numbered(world, reply, PUBLIC | {"vary": "cookie"})
    kept = (await world.ask("GET", "/other")).body
    assert (await world.ask("GET", "/other", headers=harmless)).body != kept
    assert world.peers["web"].got[-1].header("cookie") == "__Host-language=fr"


async def test_an_answer_not_for_keeping_reaches_a_harmless_cookie_as_asked(world: Any, reply: Any) -> None:
    world.peers["web"].handler = lambda got: reply(b"", 302, {"location": str(got.header("cookie"))})
    answer = await world.ask("GET", "/", headers={"cookie": "__Host-language=fr"})
    assert answer.headers["location"] == "__Host-language=fr"


async def test_a_client_that_has_it_is_told_so(world: Any, reply: Any) -> None:
    for headers in (PUBLIC, PUBLIC | {"etag": '"v1"', "content-type": "text/html"}, PUBLIC | {"etag": 'W/"v1"'}):
        numbered(world, reply, headers)
        path = f"/{len(headers)}{headers.get('etag', '')}"
        tag = (await world.ask("GET", path)).headers["etag"]
        for sent in (tag, f'"other", {tag}', "*", f"W/{tag.removeprefix('W/')}"):
            answer = await world.ask("GET", path, headers={"if-none-match": sent})
            assert (answer.status, answer.body, answer.headers["etag"]) == (304, b"", tag)
            assert "content-type" not in answer.headers
        assert (await world.ask("GET", path, headers={"if-none-match": '"other"'})).status == 200
    assert all(got.header("if-none-match") is None for got in world.peers["web"].got)


async def test_a_stampede_is_one_request(world: Any, reply: Any) -> None:
    goes_on = asyncio.Event()

    async def handler(_: Any) -> Any:
        await goes_on.wait()
        return reply(b"page", headers=PUBLIC)

    world.peers["web"].handler = handler
    asked = [asyncio.create_task(world.ask("GET", "/nl/")) for _ in range(200)]
    await asyncio.sleep(0.3)
    goes_on.set()
    answers = await asyncio.gather(*asked)
    assert {answer.body for answer in answers} == {b"page"}
    assert len(world.peers["web"].got) == 1


async def test_a_stampede_for_what_is_each_ones_own_gives_each_its_own(world: Any, reply: Any) -> None:
    count = 0

    async def handler(_: Any) -> Any:
        nonlocal count
        count += 1
        mine = count
        await asyncio.sleep(0.2)
        return reply(str(mine).encode(), headers={"set-cookie": f"csrf={mine}"})

    world.peers["web"].handler = handler
    answers = await asyncio.gather(*(world.ask("GET", "/nl/") for _ in range(20)))
    assert len({answer.body for answer in answers}) == 20
    assert len({answer.headers["set-cookie"] for answer in answers}) == 20


async def test_a_stampede_onto_a_failing_service_is_one_request(world: Any, reply: Any) -> None:
    async def handler(_: Any) -> Any:
        await asyncio.sleep(0.3)
        return reply(b"failed", 500)

    world.peers["web"].handler = handler
    answers = await asyncio.gather(*(world.ask("GET", "/nl/") for _ in range(50)))
    assert {answer.status for answer in answers} == {500}
    assert len(world.peers["web"].got) == 1


async def test_the_first_one_may_leave_and_the_others_still_get_their_page(world: Any, reply: Any) -> None:
    async def handler(_: Any) -> Any:
        await asyncio.sleep(1)
        return reply(b"page", headers=PUBLIC)

    world.peers["web"].handler = handler
    _, writer = await asyncio.open_connection("127.0.0.1", world.running.public_port)
    writer.write(b"GET /nl/ HTTP/1.1\r\nhost: leuven.localhost\r\n\r\n")
    await asyncio.sleep(0.2)
    others = [asyncio.create_task(world.ask("GET", "/nl/")) for _ in range(3)]
    await asyncio.sleep(0.3)
    writer.close()
    await writer.wait_closed()
    assert {(await other).body for other in others} == {b"page"}
    assert len(world.peers["web"].got) == 1


async def test_while_it_is_renewed_the_old_page_is_shown(world: Any, reply: Any, eventually: Any) -> None:
    numbered(world, reply, {"cache-control": "max-age=0, s-maxage=1, stale-while-revalidate=30"})
    first = (await world.ask("GET", "/nl/")).body
    await asyncio.sleep(1.1)
    stale = await world.ask("GET", "/nl/")
    assert (stale.body, stale.headers["cache-status"]) == (first, "gateway; hit; detail=renewing")

    async def renewed() -> bool:
        return bool((await world.ask("GET", "/nl/")).body != first)

    await eventually(renewed)


async def test_while_the_service_fails_the_last_page_is_shown_for_a_while(start: Any, reply: Any) -> None:
    world = await start()
    numbered(world, reply, {"cache-control": "max-age=1, stale-if-error=2"})
    last = (await world.ask("GET", "/nl/")).body
    await asyncio.sleep(1.1)
    world.peers["web"].handler = lambda _: reply(b"failed", 503)
    shown = await world.ask("GET", "/nl/")
    assert (shown.status, shown.body) == (200, last)
    assert (await world.ask("GET", "/other")).status == 503
    await asyncio.sleep(2.1)
    assert (await world.ask("GET", "/nl/")).status == 503


async def test_a_page_that_must_be_new_is_never_shown_old(world: Any, reply: Any) -> None:
    numbered(world, reply, {"cache-control": "max-age=1, must-revalidate, stale-if-error=60"})
    await world.ask("GET", "/nl/")
    await asyncio.sleep(1.1)
    world.peers["web"].handler = lambda _: reply(b"failed", 500)
    assert (await world.ask("GET", "/nl/")).status == 500


async def test_a_service_that_hangs_is_504_for_all_who_wait(start: Any, reply: Any, changed: Any) -> None:
    world = await start(table=changed(("timeout = 15", "timeout = 0.3")))

    async def handler(_: Any) -> Any:
        await asyncio.sleep(2)
        return reply(b"late", headers=PUBLIC)

    world.peers["web"].handler = handler
    answers = await asyncio.gather(*(world.ask("GET", "/nl/") for _ in range(5)))
    assert {answer.status for answer in answers} == {504}


async def test_head_is_answered_from_the_cache(world: Any, reply: Any) -> None:
    numbered(world, reply)
    body = (await world.ask("GET", "/nl/")).body
    head = await world.ask("HEAD", "/nl/")
    assert (head.body, head.headers["content-length"]) == (b"", str(len(body)))
    assert len(world.peers["web"].got) == 1


async def test_a_part_of_a_page_is_asked_of_the_service(world: Any, reply: Any) -> None:
    world.peers["web"].handler = lambda got: reply(b"part", 206, PUBLIC | {"content-range": str(got.header("range"))})
    for _ in range(2):
        answer = await world.ask("GET", "/nl/", headers={"range": "bytes=0-3"})
        assert (answer.status, answer.headers["content-range"]) == (206, "bytes=0-3")
    assert len(world.peers["web"].got) == 2


async def test_what_is_too_large_to_keep_arrives_whole(world: Any, reply: Any) -> None:
    body = bytes(range(256)) * 8192
    world.peers["web"].handler = lambda _: reply(body, headers=PUBLIC)
    for _ in range(2):
        assert (await world.ask("GET", "/large")).body == body


async def test_web_reads_the_api_from_the_cache_too(world: Any, reply: Any) -> None:
    world.peers["voting"].handler = lambda _: reply(b"[]", headers=PUBLIC)
    headers = {"x-inspraak-tenant": str(world.gent.id)}
    for _ in range(3):
        assert (await world.ask_within("GET", "/api/v1/polls")).status == 200
        assert (await world.ask_within("GET", "/api/v1/polls", headers=headers)).status == 200
    assert len(world.peers["voting"].got) == 2


async def test_routes_that_are_not_for_the_cache_are_not_in_it(world: Any, reply: Any) -> None:
    world.peers["voting"].handler = lambda _: reply(b"a;b", headers=PUBLIC)
    for _ in range(2):
        await world.ask("GET", "/api/v1/polls/x/ballots.csv")
    assert len(world.peers["voting"].got) == 2
