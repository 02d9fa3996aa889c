"""Results and exports: hidden until they are published, exact, and nothing in them tells whose a ballot is."""

import asyncio
import itertools
import json
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import orjson
import pytest
from chassis.testing import Answer, Servers
from voting import tally_cli

END_WHO_WAITS = """
select count(pg_terminate_backend(pid)) from pg_stat_activity where datname = $1 and wait_event_type = 'Lock'
"""


async def result(town: Any, poll_id: str, client: Any = None) -> Answer:
    answer: Answer = await (client or town.visitor)("GET", f"/api/v1/polls/{poll_id}/result")
    return answer


async def test_a_result_is_hidden_until_it_is_published_and_officials_see_it_from_closing_on(town: Any) -> None:
    poll_id = await town.announced()
    await town.vote(poll_id, 2)
    for reader in (town.visitor, town.voter(), town.official):
        hidden = await result(town, poll_id, reader)
        assert (hidden.status, hidden.json["code"]) == (409, "result_not_published")
    assert (await town.poll(poll_id, town.official)).json["ballots"] is None
    await town.act(poll_id, "close", {"reason": town.reason})
    for reader in (town.visitor, town.voter()):
        assert (await result(town, poll_id, reader)).json["code"] == "result_not_published"
        for kind in ("csv", "json", "preflib"):
            export = await reader("GET", f"/api/v1/polls/{poll_id}/ballots.{kind}")
            assert (export.status, export.json["code"]) == (409, "result_not_published")
        seen = (await town.poll(poll_id, reader)).json
        assert (seen["ballots"], seen["blank"]) == (1, None)  # the turnout is no secret after closing, the rest is
    early = await result(town, poll_id, town.official)
    assert (early.status, early.headers["Cache-Control"]) == (200, "private, no-store")
    assert (await town.act(poll_id, "publish")).status == 200
    published = await result(town, poll_id)
    assert (published.status, published.headers["Cache-Control"]) == (200, "public, max-age=60")
    assert published.json == early.json


async def test_results_by_several_rules_stand_side_by_side_the_polls_own_first(town: Any) -> None:
    ranked = [[1, 2, 3]] * 4 + [[2, 3, 1]] * 3 + [[3, 2, 1]] * 2 + [[]]
    poll_id = await town.published(*ranked, rule="irv", compared_with=["schulze", "single"])
    answer = (await result(town, poll_id)).json
    assert (answer["poll_id"], answer["ballots"], answer["blank"]) == (poll_id, 10, 1)
    assert [(each["rule"], each["winners"]) for each in answer["results"]] == [
        ("irv", [2]),
        ("schulze", [2]),
        ("single", [1]),
    ]
    assert answer["results"][0]["rounds"][0]["totals"] == {"1": "4", "2": "3", "3": "2"}
    assert answer["results"][1]["pairwise"]["2"]["1"] == 5


async def test_equal_ranks_are_counted_in_exact_fractions_and_a_tie_is_declared(town: Any) -> None:
    poll_id = await town.published([[1, 2, 3]], [[1, 2]], [[1, 2]], rule="irv", compared_with=["single"])
    irv, single = (await result(town, poll_id)).json["results"]
    assert single["rounds"][0]["totals"] == {"1": "4/3", "2": "4/3", "3": "1/3"}
    assert (single["winners"], single["tied"]) == ([1, 2], True)
    assert irv["tied"] is True


async def test_a_grade_that_was_not_given_counts_as_the_lowest_by_both_rules_on_grades(town: Any) -> None:
    graded = [[[1, 5], [2, 3]], [[2, 3], [1, 4]], [[3, 5]], []]
    poll_id = await town.published(*graded, rule="majority_judgment", compared_with=["score"])
    judged, scored = (await result(town, poll_id)).json["results"]
    assert (
        judged["grades"]
        == scored["grades"]
        == {
            "1": [1, 0, 0, 0, 1, 1],
            "2": [1, 0, 0, 2, 0, 0],
            "3": [2, 0, 0, 0, 0, 1],
        }
    )
    assert (judged["winners"], judged["majority_grades"]) == ([1], {"1": 4, "2": 3, "3": 0})
    assert (scored["winners"], scored["means"]) == ([1], {"1": "3", "2": "2", "3": "5/3"})
    ballots = (await town.visitor("GET", f"/api/v1/polls/{poll_id}/ballots.json")).json["ballots"]
    assert sorted(ballots) == [[], [[1, 4], [2, 3]], [[1, 5], [2, 3]], [[3, 5]]]


@pytest.mark.parametrize(
    ("facts", "votes", "rows"),
    [
        ({}, [[2], [], [1], [2]], [",,", "1,,", ",1,", ",1,"]),
        ({"rule": "approval"}, [[3, 1], [2]], ["1,,1", ",1,"]),
        ({"rule": "irv"}, [[3, [2, 1]], [2]], ["2,2,1", ",1,"]),
        ({"rule": "score"}, [[[1, 5], [3, 0]], [], [[2, 1]]], ["5,,0", ",,", ",1,"]),
    ],
)
async def test_the_csv_has_a_row_for_each_ballot(
    town: Any, facts: dict[str, Any], votes: list[list[Any]], rows: list[str]
) -> None:
    poll_id = await town.published(*votes, **facts)
    export = await town.visitor("GET", f"/api/v1/polls/{poll_id}/ballots.csv")
    assert export.headers["Content-Type"] == "text/csv; charset=utf-8"
    head, *lines = export.body.decode().splitlines()
    assert head == "option_1,option_2,option_3"
    assert sorted(lines) == sorted(rows)


async def test_an_export_of_20000_ballots_is_complete_in_one_order_that_says_nothing(town: Any) -> None:
    poll_id = await town.announced(rule="irv")
    await town.owner.execute(
        "insert into votes select tenant_id, id, sha256(i::text::bytea), case i % 4 when 0 then '[]'"
        " when 1 then '[1]' when 2 then '[2, 1]' else '[[1, 3], 2]' end::jsonb, now() - i * interval '1 second'"
        " from polls, generate_series(1, 20000) as i where id = $1",
        UUID(poll_id),
    )
    await town.act(poll_id, "close", {"reason": town.reason})
    await town.act(poll_id, "publish")
    as_csv, as_json = await asyncio.gather(
        *(town.visitor("GET", f"/api/v1/polls/{poll_id}/ballots.{kind}") for kind in ("csv", "json"))
    )
    assert len(as_csv.body.splitlines()) == 20_001
    ballots = orjson.loads(as_json.body)["ballots"]
    assert len(ballots) == 20_000 == (await town.poll(poll_id)).json["ballots"]
    runs = sum(one != other for one, other in itertools.pairwise(ballots))
    assert runs == 3  # equal ballots stand together, so no order of arrival is left
    assert set(orjson.loads(as_json.body)) == {"poll_id", "rule", "options", "ballots"}


GRADED = [[[1, 5], [2, 3]], [[3, 4]], [[1, 1], [2, 4], [3, 0]], []]
RANKED = [[1, 2, 3], [[2, 1], 3], [3], [], [3, 2]]


@pytest.mark.parametrize(
    ("facts", "votes", "kind"),
    [
        ({"rule": "yes_no", "options": []}, [[1], [2], [1], []], "cat"),
        ({"rule": "single"}, [[1], [3], [1], []], "cat"),
        ({"rule": "approval"}, [[1, 2], [3], [], [2]], "cat"),
        ({"rule": "irv", "compared_with": ["single", "schulze"]}, RANKED, "toi"),
        ({"rule": "schulze"}, [[1, 2, 3], [3, 2, 1], [1, 2, 3]], "soc"),
        ({"rule": "single", "compared_with": ["irv"]}, [[1, 2, 3], [3]], "soi"),
        ({"rule": "schulze", "compared_with": ["irv"]}, [[[1, 2], 3], [1, 2, 3]], "toc"),
        ({"rule": "score", "compared_with": ["majority_judgment"]}, GRADED, "cat"),
        ({"rule": "majority_judgment"}, GRADED, "cat"),
        ({"rule": "irv"}, [[], []], "soc"),
        ({"rule": "score"}, [], "cat"),
    ],
)
async def test_voting_tally_of_the_preflib_file_gives_the_published_result_again(  # noqa: PLR0917
    town: Any,
    facts: dict[str, Any],
    votes: list[list[Any]],
    kind: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    poll_id = await town.published(*votes, **facts)
    export = await town.visitor("GET", f"/api/v1/polls/{poll_id}/ballots.preflib")
    assert (export.status, export.headers["Content-Type"]) == (200, "text/plain; charset=utf-8")
    name = f"ballots-{poll_id}.{kind}"
    assert export.headers["Content-Disposition"] == f'attachment; filename="{name}"'
    file = tmp_path / name
    file.write_bytes(export.body)
    labels = {each["number"]: each["labels"]["nl"] for each in (await town.poll(poll_id)).json["options"]}
    for published in (await result(town, poll_id)).json["results"]:
        assert tally_cli.main([str(file), "--rule", published["rule"], "--json"]) == 0
        counted = json.loads(capsys.readouterr().out)
        assert counted.pop("title") == "Waar komt het plein?"
        assert counted == named(published, labels)
        assert tally_cli.main([str(file), "--rule", published["rule"]]) == 0  # also in words
        assert f"{published['ballots']} ballots" in capsys.readouterr().out


OPTIONS = {"winners", "ranking", "eliminated", "options", "tied", "outcomes"}


def named(published: Any, labels: dict[int, str], key: str = "") -> Any:
    """A published result as the command shows it: with labels, where the API has numbers of options."""
    match published:
        case dict() if key == "rounds":
            return {name: named(value, labels, name) for name, value in published.items()}
        case dict():
            by_option = all(name.isdigit() for name in published)
            keys = {name: labels[int(name)] if by_option else name for name in published}
            return {keys[name]: named(value, labels, key if by_option else name) for name, value in published.items()}
        case list():
            return [named(each, labels, key) for each in published]
        case int() if (
            key in {"winners", "ranking", "eliminated", "options", "tied", "outcomes"} and published in labels
        ):
            return published if isinstance(published, bool) else labels[published]
        case _:
            return published


async def test_an_export_of_no_ballots_is_complete_too(town: Any) -> None:
    poll_id = await town.published()
    assert (await town.visitor("GET", f"/api/v1/polls/{poll_id}/ballots.json")).json["ballots"] == []
    assert (await town.visitor("GET", f"/api/v1/polls/{poll_id}/ballots.csv")).body.count(b"\n") == 1


async def test_an_export_that_the_database_gives_nothing_for_is_a_problem_and_no_half_file(
    town: Any, servers: Servers
) -> None:
    poll_id = await town.published([1])
    database = await town.owner.fetchval("select current_database()")
    superuser = await asyncpg.connect(servers.postgres_url)
    async with town.owner.transaction():
        await town.owner.execute("lock table votes in access exclusive mode")
        export = asyncio.create_task(town.visitor("GET", f"/api/v1/polls/{poll_id}/ballots.csv"))
        async with asyncio.timeout(8):
            while not await superuser.fetchval(END_WHO_WAITS, database):
                pass
        answer = await export
    assert (answer.status, answer.json["code"]) == (503, "database_unavailable")
    await superuser.close()


async def test_a_result_of_another_government_is_not_found(town: Any) -> None:
    poll_id = await town.published([1])
    stranger = town.visitor.of(uuid4())
    for path in ("result", "ballots.csv", "ballots.json", "ballots.preflib"):
        assert (await stranger("GET", f"/api/v1/polls/{poll_id}/{path}")).status == 404
