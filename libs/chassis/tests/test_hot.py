from collections.abc import AsyncIterator

import aiohttp
import pytest
from chassis import errors
from chassis.hot import ShortWay
from chassis.refusals import Refused
from chassis.testing import serving
from fastapi import APIRouter, FastAPI, Request, Response
from starlette.routing import Route

TRACED, UNTRACED = (f"00-{'1' * 32}-{'2' * 16}-{flags}" for flags in ("01", "00"))


async def put_thing(request: Request) -> Response:
    name = request.path_params["name"]
    if name == "refused":
        raise Refused("no_such_thing", status=404, name=name)
    if name == "broken":
        raise ZeroDivisionError
    body = await request.body()
    return Response(f"{name} {body.decode()} {request.app.state.here} {'fastapi_inner_astack' in request.scope}")


@pytest.fixture
async def base() -> AsyncIterator[str]:
    router = APIRouter()
    router.add_api_route("/things/{name}", put_thing, methods=["PUT"], response_model=None)

    @router.get("/things/{name}")
    async def get_thing(name: str) -> str:
        return name

    app = FastAPI()
    app.state.here = "here"
    errors.install(app, {})
    app.include_router(router)
    async with serving(ShortWay(app, [Route("/things/{name}", put_thing, methods=["PUT"])])) as url:
        yield url


async def ask(url: str, method: str, traceparent: str | None) -> tuple[int, str, str]:
    headers = {"traceparent": traceparent} if traceparent else {}
    async with aiohttp.ClientSession() as http, http.request(method, url, headers=headers, data=b"body") as answer:
        return answer.status, answer.content_type, await answer.text()


async def test_a_hot_route_is_answered_past_fastapi_and_a_traced_request_by_it(base: str) -> None:
    for traceparent, by_fastapi in ((None, False), (UNTRACED, False), (TRACED, True)):
        status, _, text = await ask(f"{base}/things/one", "PUT", traceparent)
        assert (status, text) == (200, f"one body here {by_fastapi}")


@pytest.mark.parametrize(("name", "status"), [("refused", 404), ("broken", 500)])
async def test_what_goes_wrong_is_the_same_problem_both_ways(base: str, name: str, status: int) -> None:
    ways = [await ask(f"{base}/things/{name}", "PUT", traceparent) for traceparent in (UNTRACED, TRACED)]
    assert ways[0] == ways[1]
    assert ways[0][:2] == (status, "application/problem+json")


async def test_other_methods_and_paths_are_left_to_the_app(base: str) -> None:
    assert (await ask(f"{base}/things/one", "GET", None))[2] == '"one"'
    assert (await ask(f"{base}/nothing", "PUT", None))[0] == 404
