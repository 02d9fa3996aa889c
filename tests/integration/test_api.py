"""The merged OpenAPI is true: whatever is sent to any operation, what comes back is what the document says."""

import asyncio
import contextlib
import itertools
import os
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

pytestmark = pytest.mark.fault
EXAMPLES = int(os.environ.get("INSPRAAK_API_EXAMPLES", "8"))  # of each operation, right ones and again wrong ones
ACCOUNTS = 12  # signed-in people are limited by account
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    response_headers_conformance,
]
QUIET = settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    derandomize="INSPRAAK_API_EXAMPLES" not in os.environ,  # the same requests each time, unless asked for more
    phases=(Phase.generate,),
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module")
async def government(the_world):
    """A government whose polls are at every stage; its people are administrators, so that requests get far."""
    made = await the_world.government(people=ACCOUNTS)
    for person in made.people:
        person.roles = ("administrator", "project_manager")
    drafts = [made.draft(rule=rule) for rule in ("single", "irv", "approval", "yes_no")]
    polls = [made.poll(rule=rule) for rule in ("single", "schulze", "approval", "yes_no", "irv")]
    await asyncio.gather(*drafts, *polls)
    counted = await made.poll()
    await made.must("PUT", f"/api/v1/polls/{counted}/vote", {"choices": [2]}, by=made.people[0])
    await made.counted(counted)
    made.polls.append(counted)
    return made


@pytest.fixture(scope="module")
async def operations(government):
    answer = await government.ask("GET", "/api/openapi.json")
    schema = schemathesis.openapi.from_dict(answer.json)
    return [result.ok() for result in schema.get_all_operations()]


@pytest.fixture
def ask(government) -> Any:
    """Sends a case to the gateway and checks what comes back, as each official in turn."""
    session, officials = requests.Session(), itertools.cycle(government.people)
    session.trust_env = False

    def send(case: schemathesis.Case) -> None:
        official = next(officials)
        headers = {"host": f"{government.host}:{government.platform.port}", **official.bearer}
        case.call_and_validate(government.platform.gateway, session=session, headers=headers, checks=CHECKS, timeout=40)

    yield send
    session.close()


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
def test_every_operation_answers_as_it_says_and_never_with_an_error_of_its_own(government, operations, ask, mode):
    found: dict[str, BaseException] = {}
    for operation in operations:

        @QUIET
        @given(case=operation.as_strategy(generation_mode=mode), poll=st.sampled_from([None, *government.polls]))
        def trial(case, poll):
            if poll and "poll_id" in case.path_parameters:
                case.path_parameters["poll_id"] = poll
            ask(case)

        try:
            with contextlib.suppress(Unsatisfiable):  # where nothing is asked for, nothing can be wrong
                trial()
        except Exception as error:  # noqa: BLE001 - whatever it is, the other operations are tried too
            found[operation.label] = error
    assert not found, "\n\n".join(f"{label}\n{error!r}" for label, error in found.items())
