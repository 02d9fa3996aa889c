"""One's own vote: cast, changed, withdrawn, read; and what is refused."""

import asyncio
import json
from typing import Any
from uuid import uuid4

import orjson
import pytest
from chassis.testing import Answer, Client


async def own(voter: Client, poll_id: str, method: str = "GET") -> Answer:
    return await voter(method, f"/api/v1/polls/{poll_id}/vote")


async def test_a_vote_can_be_changed_and_withdrawn_until_the_poll_closes(town: Any) -> None:
    poll_id, voter = await town.announced(), town.voter()
    assert (await own(voter, poll_id)).json == {"voted": False, "choices": None, "cast_at": None}
    cast = await town.vote(poll_id, 1, voter=voter)
    assert (cast.status, cast.json) == (200, {"voted": True, "choices": [1]})
    assert cast.headers["Cache-Control"] == "private, no-store"
    first = (await own(voter, poll_id)).json
    assert (first["voted"], first["choices"]) == (True, [1])
    await town.vote(poll_id, 2, voter=voter)
    second = (await own(voter, poll_id)).json
    assert second["choices"] == [2]
    assert second["cast_at"] > first["cast_at"]
    assert await town.owner.fetchval("select count(*) from votes") == 1
    assert (await own(voter, poll_id, "DELETE")).status == 204
    assert (await own(voter, poll_id, "DELETE")).status == 204
    assert (await own(voter, poll_id)).json["voted"] is False
    assert (await town.vote(poll_id, 3, voter=voter)).status == 200
    await town.move(poll_id, closes=-1)
    for late in (await town.vote(poll_id, 1, voter=voter), await own(voter, poll_id, "DELETE")):
        assert (late.status, late.json["code"]) == (409, "poll_not_open")
    assert (await own(voter, poll_id)).json["choices"] == [3]


async def test_a_vote_that_is_withdrawn_twice_at_once_is_withdrawn(town: Any) -> None:
    poll_id, voter = await town.announced(), town.voter()
    await town.vote(poll_id, 1, voter=voter)
    waiting = (
        "select count(distinct pid) from pg_locks join pg_stat_activity using (pid)"
        " where not granted and datname = current_database()"
    )
    async with asyncio.timeout(60), town.owner.transaction():
        await town.owner.execute("select from votes for update")
        both = asyncio.gather(*(own(voter, poll_id, "DELETE") for _ in range(2)))
        while await town.owner.fetchval(waiting) < 2:
            pass
    assert [answer.status for answer in await both] == [204, 204]
    assert (await own(voter, poll_id)).json["voted"] is False


async def test_a_vote_that_somebody_traces_is_cast_like_any_other(town: Any) -> None:
    poll_id, voter = await town.announced(), town.voter()
    path, traced = f"/api/v1/polls/{poll_id}/vote", f"00-{'1' * 32}-{'2' * 16}-01"
    cast = await voter("PUT", path, {"choices": [2]}, traceparent=traced)
    assert (cast.status, cast.json) == (200, {"voted": True, "choices": [2]})
    refused = [await voter("PUT", path, {"choices": [9]}, **more) for more in ({"traceparent": traced}, {})]
    assert refused[0].status == 409
    assert refused[0].body == refused[1].body
    assert (await own(voter, poll_id)).json["choices"] == [2]


async def test_a_blank_vote_is_a_vote(town: Any) -> None:
    poll_id, voter = await town.announced(), town.voter()
    assert (await town.vote(poll_id, voter=voter)).json == {"voted": True, "choices": []}
    assert (await own(voter, poll_id)).json["choices"] == []


@pytest.mark.parametrize(
    ("facts", "choices", "stored"),
    [
        ({"rule": "approval"}, [3, 1], [1, 3]),
        ({"rule": "irv"}, [3, 1], [3, 1]),
        ({"rule": "schulze", "compared_with": ["irv", "single"]}, [[3, 2], 1], [[2, 3], 1]),
        ({"rule": "yes_no", "options": []}, [2], [2]),
        ({"rule": "score"}, [[3, 0], [1, 5]], [[1, 5], [3, 0]]),
        ({"rule": "majority_judgment", "compared_with": ["score"]}, [[2, 1]], [[2, 1]]),
    ],
)
async def test_each_rule_takes_its_own_form_of_ballot(
    town: Any, facts: dict[str, Any], choices: list[Any], stored: list[Any]
) -> None:
    poll_id, voter = await town.announced(**facts), town.voter()
    assert (await town.vote(poll_id, *choices, voter=voter)).json["choices"] == stored
    assert (await own(voter, poll_id)).json["choices"] == stored


@pytest.mark.parametrize(
    ("facts", "choices", "status", "code"),
    [
        ({}, [1, 2], 409, "wrong_number_of_choices"),
        ({}, [4], 409, "unknown_option"),
        ({}, [0], 409, "unknown_option"),
        ({}, [10**30], 422, None),
        ({}, [[1, 2]], 409, "equal_ranks_not_allowed"),
        ({}, ["1"], 422, "malformed_choices"),
        ({}, [True], 422, "malformed_choices"),
        ({}, [1.0], 422, "malformed_choices"),
        ({"rule": "irv"}, [1, 1], 409, "option_twice"),
        ({"rule": "irv"}, [[]], 422, "malformed_choices"),
        ({"rule": "irv"}, [[[1]]], 422, "malformed_choices"),
        ({"rule": "approval", "max_choices": 1}, [1, 2], 409, "wrong_number_of_choices"),
        ({"rule": "score"}, [1], 422, "malformed_choices"),
        ({"rule": "score"}, [[1, 6]], 409, "unknown_grade"),
        ({"rule": "score"}, [[4, 1]], 409, "unknown_option"),
        ({"rule": "majority_judgment"}, [[1, 2], [1, 2]], 409, "option_twice"),
    ],
)
async def test_a_ballot_that_the_terms_do_not_allow_is_refused(
    town: Any, facts: dict[str, Any], choices: list[Any], status: int, code: str | None
) -> None:
    poll_id = await town.announced(**facts)
    refused = await town.vote(poll_id, *choices)
    assert refused.status == status
    assert code is None or refused.json["code"] == code
    assert await town.owner.fetchval("select count(*) from votes") == 0


@pytest.mark.parametrize(
    ("body", "status", "pointer"),
    [
        (b"", 422, ""),
        (b"{", 422, ""),
        (b"[1]", 422, ""),
        (b"{}", 422, "/choices"),
        (b'{"choices": [1], "voter": "somebody else"}', 422, "/voter"),
        (b'{"choices": ' + b"[" * 4000, 422, ""),
        (b'{"choices": [1]}' + b" " * 9000, 413, None),
        (b'{"choices": null}', 422, None),
    ],
)
async def test_a_body_that_is_no_ballot_is_refused_before_anything_is_read(
    town: Any, body: bytes, status: int, pointer: str | None
) -> None:
    poll_id, voter = await town.announced(), town.voter()
    url = f"{voter.base}/api/v1/polls/{poll_id}/vote"
    headers = town.gateway_headers | voter.headers
    async with voter.http.put(url, data=body, headers=headers) as answer:
        problem = orjson.loads(await answer.read())
    assert (answer.status, answer.content_type) == (status, "application/problem+json")
    assert pointer is None or [error["pointer"] for error in problem["errors"]] == [pointer]


async def test_a_hundred_graded_options_fit_however_they_are_indented(town: Any) -> None:
    options = [{"labels": {"nl": f"Antwoord {number}"}} for number in range(1, 101)]
    poll_id, voter = await town.announced(rule="score", options=options), town.voter()
    body = json.dumps({"choices": [[number, 5] for number in range(1, 101)]}, indent=4).encode()
    headers = town.gateway_headers | voter.headers
    async with voter.http.put(f"{voter.base}/api/v1/polls/{poll_id}/vote", data=body, headers=headers) as answer:
        assert answer.status == 200, await answer.text()
    assert len((await own(voter, poll_id)).json["choices"]) == 100


async def test_who_is_not_signed_in_cannot_vote_nor_read_a_vote(town: Any) -> None:
    poll_id = await town.announced()
    for method in ("PUT", "GET", "DELETE"):
        refused = await town.visitor(method, f"/api/v1/polls/{poll_id}/vote", {"choices": [1]})
        assert (refused.status, refused.json["code"]) == (401, "not_signed_in")
        bad = await town.visitor(
            method, f"/api/v1/polls/{poll_id}/vote", {"choices": [1]}, authorization="Bearer x.y.z"
        )
        assert (bad.status, bad.json["code"]) == (401, "bad_token")


async def test_a_draft_takes_no_votes_as_if_it_were_not_there(town: Any) -> None:
    poll_id = await town.draft()
    for answer in (
        await town.vote(poll_id, 1),
        await own(town.voter(), poll_id),
        await own(town.voter(), poll_id, "DELETE"),
    ):
        assert (answer.status, answer.json["code"]) == (404, "not_found")


async def test_votes_are_stored_under_a_voter_that_only_the_polls_key_explains(town: Any) -> None:
    person, polls = uuid4(), [await town.announced(), await town.announced()]
    for poll_id in polls:
        await town.vote(poll_id, 1, voter=town.voter(person))
    voters = [row["voter"] for row in await town.owner.fetch("select voter from votes")]
    assert len(set(voters)) == 2
    assert {len(voter) for voter in voters} == {32}
    everything = await town.owner.fetch("select votes::text as row from votes")
    assert not any(person.hex in row["row"].replace("-", "") for row in everything)


async def test_terms_are_remembered_but_an_extension_counts_at_once(town: Any) -> None:
    poll_id = await town.announced()
    assert (await town.vote(poll_id, 1)).status == 200  # the terms are in memory from here on
    await town.act(poll_id, "extend", {"closes_at": town.moment(hours=5), "reason": town.reason})
    assert (await town.vote(poll_id, 1)).status == 200
    await town.move(poll_id, closes=-1)
    assert (await town.vote(poll_id, 1)).json["code"] == "poll_not_open"
    await town.move(poll_id, closes=60)
    assert (await town.vote(poll_id, 1)).status == 200


async def test_accepted_and_refused_votes_are_counted_by_reason(town: Any) -> None:
    async def counters() -> dict[str, float]:
        lines = (await town.visitor("GET", "/metrics")).body.decode().splitlines()
        ours = (line for line in lines if line.startswith("voting_ballots_") and "_created" not in line)
        return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in ours)}

    poll_id, before = await town.announced(), await counters()
    await town.vote(poll_id, 1)
    await town.vote(poll_id, 9)
    after = await counters()
    rejected = 'voting_ballots_rejected_total{reason="unknown_option"}'
    for name in ("voting_ballots_accepted_total", rejected):
        assert after[name] == before.get(name, 0) + 1


async def test_the_document_of_the_api_tells_how_to_vote(town: Any) -> None:
    paths = (await town.visitor("GET", "/openapi.json")).json["paths"]
    put = paths["/api/v1/polls/{poll_id}/vote"]["put"]
    assert put["requestBody"]["content"]["application/json"]["schema"]["required"] == ["choices"]
    assert {"401", "403", "404", "409", "413", "422"} <= set(put["responses"])
