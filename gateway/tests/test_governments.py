"""Which government a host is."""

import asyncio
from typing import Any

import pytest
from gateway.governments import COPY, bare


async def test_a_host_that_is_nobodys_is_404(world: Any) -> None:
    answer = await world.ask("GET", "/nl/", host="nobody.example")
    assert (answer.status, answer.code) == (404, "no_such_government")


async def test_a_new_government_is_live_at_once(world: Any, government: Any) -> None:
    assert (await world.ask("GET", "/nl/", host="new.localhost")).status == 404
    world.tenancy.governments.append(government(("new.localhost",)))
    await asyncio.sleep(0.5)  # as long as a look may be old
    assert (await world.ask("GET", "/nl/", host="new.localhost")).status == 200


async def test_a_government_that_is_no_longer_active_is_gone(world: Any, eventually: Any) -> None:
    assert (await world.ask("GET", "/nl/")).status == 200
    world.tenancy.governments[0].active = False

    async def gone() -> bool:
        return bool((await world.ask("GET", "/nl/")).status == 404)

    await eventually(gone)


async def test_unknown_hosts_do_not_become_a_flood_for_tenancy(world: Any) -> None:
    before = len(world.tenancy.got)
    answers = await asyncio.gather(*(world.ask("GET", "/nl/", host=f"h{n}.example") for n in range(100)))
    assert {answer.status for answer in answers} == {404}
    assert len(world.tenancy.got) - before <= 4


async def test_the_table_stays_while_tenancy_is_down(world: Any, reply: Any) -> None:
    world.tenancy.handler = lambda _: reply(b"", 503)
    await asyncio.sleep(2.2)  # past the next look
    assert (await world.ask("GET", "/nl/")).status == 200
    world.tenancy.handler = lambda _: reply(b"no json")
    await asyncio.sleep(2.2)
    assert (await world.ask("GET", "/nl/")).status == 200


async def test_a_table_that_did_not_change_is_not_sent_again(world: Any, eventually: Any) -> None:
    await eventually(lambda: len(world.tenancy.got) >= 2)
    assert world.tenancy.got[-1].header("if-none-match") is not None
    assert world.tenancy.got[-1].header("x-inspraak-key")


async def test_a_start_without_tenancy_takes_redis_copy(start: Any, redis: Any, nobody: str, eventually: Any) -> None:
    first = await start()
    await eventually(lambda: redis.exists(COPY))
    second = await start(urls={"tenancy": nobody})
    assert (await second.ask("GET", "/nl/")).status == 200
    assert (await second.ask("GET", "/nl/", host="nobody.example")).status == 404
    assert first.running


async def test_without_any_table_the_process_is_not_ready(start: Any, nobody: str) -> None:
    world = await start(urls={"tenancy": nobody}, known=False)
    ready = await world.ask_within("GET", "/readyz")
    assert (ready.status, ready.json) == (503, {"governments": "none known yet"})
    assert (await world.ask("GET", "/livez")).status == 200


async def test_without_any_table_nobody_is_told_that_a_government_does_not_exist(start: Any, nobody: str) -> None:
    world = await start(urls={"tenancy": nobody}, known=False)
    for answer in (await world.ask("GET", "/nl/"), await world.ask_within("GET", "/api/v1/polls")):
        assert (answer.status, answer.code) == (503, "service_unavailable")
        assert int(answer.headers["retry-after"]) > 0


async def test_with_a_table_that_is_empty_every_host_is_nobodys(start: Any, world: Any) -> None:
    world.tenancy.governments.clear()
    empty = await start()
    assert (await empty.ask("GET", "/nl/")).status == 404


@pytest.mark.parametrize(
    ("sent", "host"),
    [
        (b"Leuven.Be", b"leuven.be"),
        (b"leuven.be.", b"leuven.be"),
        (b"leuven.be:8080", b"leuven.be"),
        (b"leuven.be.:443", b"leuven.be"),
        (b"[::1]:80", b"[::1]"),
        (b"[::1]", b"[::1]"),
    ],
)
def test_a_host_is_the_same_with_port_dot_and_capitals(sent: bytes, host: bytes) -> None:
    assert bare(sent) == host


async def test_a_page_of_the_gateway_s_own_names_the_government_to_ask(world: Any) -> None:
    for language, name in (("nl", "Vragen? Gent &amp; co"), ("fr", "Des questions ? Gand &amp; co")):
        answer = await world.ask("POST", "/api/v1/none", headers={"accept": "text/html", "accept-language": language})
        assert "mailto" not in answer.body.decode(), "a program asked"
        answer = await world.ask("DELETE", "/nl/", headers={"accept": "text/html", "accept-language": language})
        assert answer.status == 405
        page = answer.body.decode()
        assert f'{name}, <a href="mailto:inspraak@gent.example">' in page
    nowhere = await world.ask("GET", "/nl/", host="nobody.example", headers={"accept": "text/html"})
    assert nowhere.status == 404
    assert "mailto" not in nowhere.body.decode()
