"""How many people have voted: public from opening on, counted when asked, and never anything about the options."""

import asyncio
import re
from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest
from chassis.testing import Answer
from voting import queries
from voting.actions import turnout

WAITING = (
    "select count(distinct pid) from pg_locks join pg_stat_activity using (pid)"
    " where not granted and datname = current_database()"
)


async def asked(town: Any, poll_id: str, **headers: str) -> Answer:
    answer: Answer = await town.visitor("GET", f"/api/v1/polls/{poll_id}/turnout", **headers)
    return answer


@pytest.fixture
def counts(monkeypatch: pytest.MonkeyPatch) -> list[UUID]:
    """Each count that was made."""
    made: list[UUID] = []
    count = queries.count_votes

    async def noted(session: Any, poll_id: UUID) -> int:
        made.append(poll_id)
        return await count(session, poll_id)

    monkeypatch.setattr(queries, "count_votes", noted)
    return made


async def test_turnout_is_public_from_opening_on_and_cached_for_half_a_minute(town: Any) -> None:
    poll_id = await town.announced()
    await town.vote(poll_id, 1)
    await town.vote(poll_id)  # blank
    first = await asked(town, poll_id)
    assert (first.status, first.json["ballots"], set(first.json)) == (200, 2, {"ballots", "at"})
    assert first.headers["Cache-Control"] == "public, max-age=30"
    await town.vote(poll_id, 1)
    again = await asked(town, poll_id)
    assert again.json == first.json, "the same for half a minute"
    unchanged = await asked(town, poll_id, **{"if-none-match": first.headers["ETag"]})
    assert (unchanged.status, unchanged.body) == (304, b"")
    signed_in = await town.voter()("GET", f"/api/v1/polls/{poll_id}/turnout")
    assert (signed_in.json, signed_in.headers["Cache-Control"]) == (first.json, "public, max-age=30")


async def test_after_half_a_minute_it_is_counted_anew_and_changed_votes_count_once(
    town: Any, counts: list[UUID], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turnout, "SECONDS", 0.0)
    poll_id, voter = await town.announced(), town.voter()
    for expected, choices in ((1, [1]), (1, [2])):
        await town.vote(poll_id, *choices, voter=voter)
        assert (await asked(town, poll_id)).json["ballots"] == expected
    await voter("DELETE", f"/api/v1/polls/{poll_id}/vote")
    assert (await asked(town, poll_id)).json["ballots"] == 0
    assert len(counts) == 3


async def test_votes_count_nothing_and_all_who_ask_at_once_share_one_count(town: Any, counts: list[UUID]) -> None:
    poll_id = await town.announced()
    for _ in range(5):
        await town.vote(poll_id, 1)
    assert counts == []
    async with asyncio.timeout(20), town.owner.transaction():
        await town.owner.execute("lock table votes in access exclusive mode")
        asking = asyncio.gather(*(asked(town, poll_id) for _ in range(40)))
        while not await town.owner.fetchval(WAITING):
            pass
    answers = await asking
    assert {answer.body for answer in answers} == {answers[0].body}
    assert answers[0].json["ballots"] == 5
    assert counts == [UUID(poll_id)]


async def test_before_opening_there_is_no_turnout_and_after_closing_it_is_the_number_that_was_counted(
    town: Any, counts: list[UUID]
) -> None:
    draft, later = await town.draft(), await town.announced(**town.window(opens=3600, closes=7200))
    assert (await asked(town, draft)).status == 404
    assert (await asked(town, str(uuid4()))).status == 404
    refused = await asked(town, later)
    assert (refused.status, refused.json["code"], refused.json["poll"]) == (409, "poll_not_begun", "scheduled")
    closed = await town.closed([1], [2], [])
    final = await asked(town, closed)
    poll = (await town.poll(closed)).json
    assert (final.json["ballots"], final.json["at"]) == (3, poll["closes_at"])
    assert counts == []
    assert (await town.visitor.of(uuid4())("GET", f"/api/v1/polls/{closed}/turnout")).status == 404


async def test_no_cache_keeps_a_turnout_past_the_closing(town: Any) -> None:
    poll_id = await town.announced(**town.window(closes=20))
    kept = re.fullmatch(r"public, max-age=(\d+)", (await asked(town, poll_id)).headers["Cache-Control"])
    assert kept
    assert int(kept[1]) <= 20
    await town.move(poll_id, closes=-1)
    cancelled = await town.announced()
    await town.vote(cancelled, 1)
    await town.act(cancelled, "cancel", {"reason": town.reason})
    assert (await asked(town, cancelled)).json["ballots"] == 1


VOTES = {1: 17, 2: 23, 3: 31}
BLANK = 5
BALLOTS = {
    "single": "jsonb_build_array(option)",
    "schulze": "jsonb_build_array(option)",
    "score": "jsonb_build_array(jsonb_build_array(option, 4))",
}


@pytest.mark.parametrize("rule", list(BALLOTS))
async def test_no_public_answer_about_an_open_poll_has_a_number_for_an_option(town: Any, rule: str) -> None:
    """Every GET of the service's document, as a visitor and as somebody who has not voted."""
    poll_id = await town.announced(rule=rule, compared_with=["irv"] if rule == "schulze" else [])
    for option, many in (*VOTES.items(), (None, BLANK)):
        ballot = BALLOTS[rule] if option else "'[]'::jsonb"
        await town.owner.execute(
            f"insert into votes select tenant_id, id, sha256(($2 || i)::text::bytea), {ballot}, now()"  # noqa: S608
            " from polls, generate_series(1, $3::int) as i, (select $4::int as option) as o where id = $1",
            UUID(poll_id), f"{option}-", many, option or 0,
        )  # fmt: skip
    paths = (await town.visitor("GET", "/openapi.json")).json["paths"]
    gets = [path for path, methods in paths.items() if "get" in methods]
    answered = {}
    for path in gets:
        for reader in (town.visitor, town.voter()):
            answer = await reader("GET", path.format(poll_id=poll_id))
            answered[path] = answer.status
            assert not set(numbers_in(answer)) & {*VOTES.values(), BLANK, sum(VOTES.values())}, path
    assert answered["/api/v1/polls/{poll_id}"] == answered["/api/v1/polls"] == 200
    assert answered["/api/v1/polls/{poll_id}/turnout"] == 200
    assert {answered[path] for path in gets if path.startswith("/api/v1/polls/{poll_id}/ballots")} == {409}
    assert answered["/api/v1/polls/{poll_id}/result"] == 409
    assert (await asked(town, poll_id)).json["ballots"] == sum(VOTES.values()) + BLANK


def numbers_in(answer: Answer) -> Iterator[int]:
    """All whole numbers that stand by themselves in an answer, also in text; not those of dates and ids."""
    text = re.sub(rb'"[^"]*[-:T][^"]*"', b'""', answer.body)
    yield from (int(found) for found in re.findall(rb"(?<![\w.-])\d+(?![\w.-])", text))
