from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import pytest
from chassis.entrance import TENANTS_REMEMBERED, Entrance
from chassis.telemetry import ACTIVE_REQUESTS, REQUEST_SECONDS
from fastapi import APIRouter, Request
from hypothesis import given
from hypothesis import strategies as st

from libs.chassis.tests.asking import GENT, KEY, LEUVEN, Ask, asked

router = APIRouter()


@router.get("/where")
@router.get("/internal/v1/where")
async def get_where(request: Request) -> dict[str, str | None]:
    tenant = request.state.tenant_id if hasattr(request.state, "tenant_id") else None
    return {"tenant": str(tenant) if tenant else None, "client": request.state.client}


@router.get("/livez")
async def get_livez() -> str:
    return "ok"


@router.get("/things/{name}")
async def get_thing(name: str) -> float:
    return ACTIVE_REQUESTS.labels("test")._value.get() if name != "broken" else 1 / 0


@pytest.fixture
async def ask() -> AsyncIterator[Ask]:
    async with asked(router) as ask:
        yield ask


async def code(ask: Ask, path: str = "/where", **headers: str | None) -> tuple[int, str | None]:
    answer = await ask("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})
    return answer.status, answer.json.get("code")


@pytest.mark.parametrize("key", [None, "", "nonsense", KEY[:-1], f"{KEY} ", KEY.upper(), "é" * 20, "x" * 5000])
async def test_nobody_comes_in_past_the_gateway(ask: Ask, key: str | None) -> None:
    for path in ("/where", "/internal/v1/where", "/nowhere", "/livez/", "/openapi.json", "/.well-known/jwks.json"):
        assert await code(ask, path, x_inspraak_key=key) == (403, "not_through_the_gateway")


async def test_who_sends_two_keys_is_held_to_the_last(ask: Ask) -> None:
    for keys, status in (((KEY, "forged"), 403), (("forged", KEY), 200)):
        headers = [("x-inspraak-key", key) for key in keys] + [("x-inspraak-tenant", str(LEUVEN))]
        async with ask.http.get(f"{ask.base}/where", headers=headers) as answer:
            assert answer.status == status


@pytest.mark.parametrize("tenant", [None, "", "leuven", "0" * 31, str(LEUVEN) + "0", "é" * 32, "{" * 400])
async def test_a_request_names_a_government_that_can_be_one(ask: Ask, tenant: str | None) -> None:
    assert await code(ask, x_inspraak_tenant=tenant) == (404, "no_such_government")


async def test_each_request_works_for_the_government_that_it_names(ask: Ask) -> None:
    for tenant in (LEUVEN, GENT, LEUVEN):
        assert (await ask("GET", "/where", tenant=tenant)).json["tenant"] == str(tenant)


async def test_the_clients_address_is_the_one_that_the_gateway_tells(ask: Ask) -> None:
    assert (await ask("GET", "/where")).json["client"] is None
    told = await ask("GET", "/where", headers={"x-inspraak-client": "2001:db8::1", "x-forwarded-for": "10.0.0.1"})
    assert told.json["client"] == "2001:db8::1"


async def test_routes_between_services_may_speak_for_no_government(ask: Ask) -> None:
    inside = await ask("GET", "/internal/v1/where", headers={"x-inspraak-tenant": None})
    assert (inside.status, inside.json["tenant"]) == (200, None)
    assert (await ask("GET", "/internal/v1/where", tenant=GENT)).json["tenant"] == str(GENT)
    for path in ("/internal", "/internalise", "/x/internal/v1/where", "//internal/v1/where", "/%69nternals"):
        assert (await code(ask, path, x_inspraak_tenant=None))[1] == "no_such_government"


async def test_health_is_open_to_all(ask: Ask) -> None:
    async with ask.http.get(f"{ask.base}/livez") as answer:
        assert answer.status == 200


def measured() -> dict[tuple[str, ...], float]:
    """Requests of this app by method, route and status."""
    return {
        (sample.labels["method"], sample.labels["route"], sample.labels["code"]): sample.value
        for metric in REQUEST_SECONDS.collect()
        for sample in metric.samples
        if sample.name.endswith("_count") and sample.labels["service"] == "test"
    }


async def test_requests_are_measured_under_their_route_never_under_what_a_client_wrote(ask: Ask) -> None:
    before = measured()
    for number in range(30):
        await ask("GET", f"/things/{number}-{uuid4()}")
        await ask("GET", f"/nowhere/{uuid4()}")
        await ask("POST", f"/things/{number}")
    for method in ("PROPFIND", "MKCOL", "BIND", "TRACE"):
        await ask(method, f"/{uuid4()}")
    assert (await ask("GET", "/things/broken")).status == 500
    counted = {key: count - before.get(key, 0) for key, count in measured().items()}
    assert {key: count for key, count in counted.items() if count} == {
        ("GET", "/things/{name}", "200"): 30,
        ("GET", "other", "404"): 30,
        ("POST", "/things/{name}", "405"): 30,
        ("other", "other", "404"): 4,
        ("GET", "/things/{name}", "500"): 1,
    }


async def test_requests_under_way_are_counted_and_forgotten(ask: Ask) -> None:
    assert (await ask("GET", "/things/one")).json == 1
    await ask("GET", "/things/broken")
    assert ACTIVE_REQUESTS.labels("test")._value.get() == 0


async def nothing(*_: Any) -> None:
    """An app that does nothing."""


def entered(entrance: Entrance, tenant: bytes) -> UUID | None:
    scope: dict[str, Any] = {"path": "/", "headers": [(b"x-inspraak-key", b"k"), (b"x-inspraak-tenant", tenant)]}
    entrance._admit(scope)
    found: UUID | None = scope["state"]["tenant_id"]
    return found


def test_governments_remembered_are_bounded() -> None:
    entrance = Entrance(nothing, service="test", key="k")
    for number in range(TENANTS_REMEMBERED + 10):
        assert entered(entrance, str(UUID(int=number)).encode()) == UUID(int=number)
    assert len(entrance._tenants) <= TENANTS_REMEMBERED


@given(st.binary(max_size=60))
def test_no_header_gives_a_government_that_it_does_not_name(header: bytes) -> None:
    found = entered(Entrance(nothing, service="test", key="k"), header)
    assert found is None or found.hex in header.decode("latin-1").lower().replace("-", "")


async def test_what_is_no_request_passes(ask: Ask) -> None:
    assert ask
    seen = []

    async def app(scope: Any, *_: Any) -> None:
        seen.append(scope["type"])

    await Entrance(app, service="test", key="k")({"type": "lifespan"}, nothing, nothing)
    assert seen == ["lifespan"]
