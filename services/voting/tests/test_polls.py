"""A poll's life over HTTP, from the draft to the published result."""

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

OFFICIAL_ROUTES = (
    ("POST", ""),
    ("PATCH", "/{id}"),
    ("DELETE", "/{id}"),
    ("POST", "/{id}/schedule"),
    ("POST", "/{id}/extend"),
    ("POST", "/{id}/cancel"),
    ("POST", "/{id}/close"),
    ("POST", "/{id}/publish"),
)


async def test_a_draft_is_what_was_sent_and_only_officials_see_it(town: Any) -> None:
    poll_id = await town.draft()
    seen = (await town.poll(poll_id, town.official)).json
    assert seen["status"] == "draft"
    assert [option["number"] for option in seen["options"]] == [1, 2, 3]
    assert seen["titles"] == town.body["titles"]
    for reader in (town.visitor, town.voter()):
        assert (await town.poll(poll_id, reader)).status == 404
        assert (await reader("GET", "/api/v1/polls")).json["items"] == []
    assert [item["poll_id"] for item in (await town.official("GET", "/api/v1/polls")).json["items"]] == [poll_id]


async def test_nobody_but_officials_may_make_or_change_polls(town: Any) -> None:
    poll_id = await town.announced()
    for method, path in OFFICIAL_ROUTES:
        url = "/api/v1/polls" + path.format(id=poll_id)
        assert (await town.visitor(method, url)).status == 401
        refused = await town.visitor.as_person(uuid4(), "moderator")(method, url)
        assert refused.status == 403, url
        assert refused.json["missing"] == [{"need": "role", "any_of": ["administrator", "project_manager"]}]


async def test_the_same_idempotency_key_makes_one_poll(town: Any) -> None:
    body = town.body | town.window()
    answers = [
        await town.official("POST", "/api/v1/polls", json, idempotency_key="k1")
        for json in (body, body, body | {"rule": "approval"})
    ]
    assert [answer.status for answer in answers] == [201, 201, 422]
    assert answers[0].body == answers[1].body
    assert len((await town.official("GET", "/api/v1/polls")).json["items"]) == 1


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"titles": {}}, "/titles"),
        ({"titles": {"nl": " "}}, "/titles/nl"),
        ({"titles": {"nl": "a\0b"}}, "/titles/nl"),
        ({"titles": {"xx": "?"}}, "/titles/xx/[key]"),
        ({"rule": "borda"}, "/rule"),
        ({"opens_at": "0001-01-01T00:00:00+14:00"}, "/opens_at"),
        ({"max_choices": 0}, "/max_choices"),
        ({"max_choice": 1}, "/max_choice"),
        ({"options": [{"labels": {}}]}, "/options/0/labels"),
    ],
)
async def test_a_draft_that_makes_no_sense_is_told_where(town: Any, change: dict[str, Any], pointer: str) -> None:
    answer = await town.official("POST", "/api/v1/polls", town.body | change)
    assert (answer.status, answer.json["code"]) == (422, "invalid")
    assert [error["pointer"] for error in answer.json["errors"]] == [pointer]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"rule": "yes_no"}, "options_are_fixed"),
        ({"max_choices": 2}, "max_choices_not_used"),
        ({"rule": "approval", "max_choices": 4}, "wrong_max_choices"),
        ({"rule": "irv", "compared_with": ["approval"]}, "rules_read_different_ballots"),
        ({"compared_with": ["single"]}, "rule_compared_twice"),
        ({"opens_at": "2027-01-02T00:00:00Z", "closes_at": "2027-01-01T00:00:00Z"}, "opens_after_closing"),
    ],
)
async def test_terms_that_contradict_each_other_are_refused(town: Any, change: dict[str, Any], code: str) -> None:
    answer = await town.official("POST", "/api/v1/polls", town.body | change)
    assert (answer.status, answer.json["code"]) == (409, code)


async def test_times_with_an_offset_are_kept_as_instants(town: Any) -> None:
    summer = {"opens_at": "2027-07-01T08:00:00+02:00", "closes_at": "2027-12-01T08:00:00+01:00"}
    poll_id = await town.draft(**summer)
    seen = (await town.poll(poll_id, town.official)).json
    assert (seen["opens_at"], seen["closes_at"]) == ("2027-07-01T06:00:00Z", "2027-12-01T07:00:00Z")


async def test_a_yes_no_poll_has_its_two_options(town: Any) -> None:
    poll_id = await town.announced(rule="yes_no", options=[])
    options = (await town.poll(poll_id)).json["options"]
    assert [(option["number"], option["labels"]["nl"]) for option in options] == [(1, "Ja"), (2, "Nee")]


async def test_a_draft_can_be_changed_field_by_field_and_deleted(town: Any) -> None:
    poll_id = await town.draft(opens_at=None, closes_at=None)
    path = f"/api/v1/polls/{poll_id}"
    changed = await town.official("PATCH", path, {"rule": "approval", "max_choices": 2})
    assert (changed.status, changed.json["rule"], changed.json["max_choices"]) == (200, "approval", 2)
    assert len(changed.json["options"]) == 3
    fewer = await town.official("PATCH", path, {"options": [{"labels": {"nl": name}} for name in ("Een", "Twee")]})
    assert [option["labels"]["nl"] for option in fewer.json["options"]] == ["Een", "Twee"]
    assert fewer.json["version"] > changed.json["version"]
    assert (await town.official("PATCH", path, {"titles": None})).status == 422
    assert (await town.official("PATCH", path, {"rule": "yes_no", "max_choices": None})).status == 200
    assert (await town.act(poll_id, "schedule")).json["code"] == "times_missing"
    assert (await town.official("DELETE", path)).status == 204
    assert (await town.poll(poll_id, town.official)).status == 404
    assert await town.events() == []


async def test_nothing_that_people_vote_on_changes_once_it_is_announced(town: Any) -> None:
    poll_id = await town.announced(**town.window(opens=3600, closes=7200))
    path = f"/api/v1/polls/{poll_id}"
    for refused in (
        await town.official("PATCH", path, {"titles": {"nl": "Iets anders"}}),
        await town.official("DELETE", path),
    ):
        assert (refused.status, refused.json["code"]) == (409, "poll_frozen")
    assert (await town.act(poll_id, "schedule")).json["code"] == "not_a_draft"


async def test_of_two_officials_who_change_a_draft_the_later_one_hears_of_it(town: Any) -> None:
    poll_id = await town.draft()
    path = f"/api/v1/polls/{poll_id}"
    seen = (await town.poll(poll_id, town.official)).json["version"]
    first = await town.official("PATCH", path, {"titles": {"nl": "Eerst"}, "version": seen})
    assert first.json["version"] > seen
    late = await town.official("PATCH", path, {"titles": {"nl": "Later"}, "version": seen})
    assert (late.status, late.json["code"]) == (409, "changed_meanwhile")
    assert (await town.poll(poll_id, town.official)).json["titles"] == {"nl": "Eerst"}
    assert (await town.official("PATCH", path, {"titles": {"nl": "Later"}})).status == 200, (
        "who does not ask, is not told"
    )


@pytest.mark.parametrize("seen", [0, -1, 2**31, 10**30, 1.5, "x"])
async def test_a_version_that_no_poll_can_have_is_a_mistake(town: Any, seen: object) -> None:
    poll_id = await town.draft()
    changed = await town.official("PATCH", f"/api/v1/polls/{poll_id}", {"titles": {"nl": "Anders"}, "version": seen})
    announced = await town.act(poll_id, "schedule", {"version": seen})
    assert (changed.status, announced.status) == (422, 422)


async def test_what_is_announced_is_what_the_official_has_seen(town: Any) -> None:
    poll_id = await town.draft()
    seen = (await town.poll(poll_id, town.official)).json["version"]
    changed = await town.official("PATCH", f"/api/v1/polls/{poll_id}", {"titles": {"nl": "Anders"}})
    refused = await town.act(poll_id, "schedule", {"version": seen})
    assert (refused.status, refused.json["code"]) == (409, "changed_meanwhile")
    assert (await town.act(poll_id, "schedule", {"version": changed.json["version"]})).status == 200


async def test_scheduling_needs_options_and_a_closing_time_to_come(town: Any) -> None:
    late = await town.draft(**town.window(opens=-7200, closes=-3600))
    assert (await town.act(late, "schedule")).json["code"] == "closes_in_the_past"
    lonely = await town.draft(options=[{"labels": {"nl": "Enige"}}])
    assert (await town.act(lonely, "schedule")).json["code"] == "wrong_number_of_options"


async def test_extending_needs_a_later_time_and_a_reason_that_everyone_reads(town: Any) -> None:
    poll_id = await town.announced()
    later = town.moment(hours=3)
    assert (await town.act(poll_id, "extend", {"closes_at": later})).status == 422
    dutch = {"closes_at": later, "reason": {"nl": "Storing."}}
    assert (await town.act(poll_id, "extend", dutch)).json == {
        "type": "about:blank",
        "title": "Not possible now",
        "status": 409,
        "code": "reason_missing",
        "languages": ["en"],
    }
    sooner = await town.act(poll_id, "extend", {"closes_at": town.moment(minutes=5), "reason": town.reason})
    assert sooner.json["code"] == "not_later"
    extended = await town.act(poll_id, "extend", {"closes_at": later, "reason": town.reason})
    assert extended.status == 200
    seen = (await town.poll(poll_id)).json
    assert datetime.fromisoformat(seen["closes_at"]) == datetime.fromisoformat(later)
    assert [(notice["kind"], notice["reason"]) for notice in seen["notices"]] == [("extended", town.reason)]
    assert (await town.events())[-1] == "poll_changed"
    await town.move(poll_id, closes=-1)
    again = await town.act(poll_id, "extend", {"closes_at": town.moment(hours=9), "reason": town.reason})
    assert again.json["code"] == "poll_not_running"


async def test_a_cancelled_poll_says_why_takes_no_votes_and_has_no_result(town: Any) -> None:
    poll_id = await town.announced()
    assert (await town.vote(poll_id, 1)).status == 200
    assert (await town.act(poll_id, "cancel", {"reason": town.reason})).status == 200
    seen = (await town.poll(poll_id)).json
    assert (seen["status"], seen["notices"][0]["kind"], seen["ballots"]) == ("cancelled", "cancelled", None)
    assert (await town.vote(poll_id, 1)).json["code"] == "poll_not_open"
    assert (await town.act(poll_id, "publish")).json["code"] == "poll_not_closed"
    result = await town.official("GET", f"/api/v1/polls/{poll_id}/result")
    assert result.json["code"] == "result_not_published"
    assert (await town.events())[-1] == "poll_cancelled"


async def test_closing_early_needs_an_open_poll_and_a_reason(town: Any) -> None:
    coming = await town.announced(**town.window(opens=3600, closes=7200))
    assert (await town.act(coming, "close", {"reason": town.reason})).json["code"] == "poll_not_open"
    poll_id = await town.announced()
    assert (await town.act(poll_id, "close", {"reason": {"nl": "Klaar"}})).json["code"] == "reason_missing"
    closed = await town.act(poll_id, "close", {"reason": town.reason})
    assert (closed.json["status"], closed.json["ballots"], closed.json["notices"][0]["kind"]) == (
        "closed",
        0,
        "closed_early",
    )
    assert datetime.fromisoformat(closed.json["closes_at"]) <= datetime.now(UTC)
    assert (await town.act(poll_id, "close", {"reason": town.reason})).json["code"] == "poll_not_open"


async def test_where_a_poll_stands_is_what_the_clock_says_with_no_worker_running(town: Any) -> None:
    poll_id = await town.announced(**town.window(opens=3600, closes=7200))
    for opens, closes, status in ((3600, 7200, "scheduled"), (-1, 7200, "open"), (-7200, -1, "closed")):
        await town.move(poll_id, opens=opens, closes=closes)
        assert (await town.poll(poll_id)).json["status"] == status
        for asked in ("scheduled", "open", "closed", "published", "cancelled"):
            found = (await town.visitor("GET", f"/api/v1/polls?status={asked}")).json["items"]
            assert [item["status"] for item in found] == ([status] if asked == status else [])
        assert (await town.vote(poll_id, 1)).status == (200 if status == "open" else 409)


async def test_publishing_counts_a_poll_that_no_worker_has_closed(town: Any) -> None:
    poll_id = await town.announced()
    await town.vote(poll_id, 2)
    await town.move(poll_id, closes=-1)
    waiting = await town.official("GET", f"/api/v1/polls/{poll_id}/result")
    assert waiting.json["code"] == "result_not_published"
    published = await town.act(poll_id, "publish")
    assert (published.json["status"], published.json["ballots"]) == ("published", 1)
    assert (await town.events())[-2:] == ["poll_closed", "result_published"]


async def test_events_carry_the_whole_public_state_and_a_rising_sequence(town: Any) -> None:
    poll_id = await town.published([1], [3], [3], [])
    told = await town.messages()
    assert [message["type"].split(".")[1] for message in told] == [
        "poll_scheduled",
        "poll_opened",
        "poll_closed",
        "result_published",
    ]
    sequences = [message["sequence"] for message in told]
    assert sequences == sorted(set(sequences))
    first, last = told[0]["data"], told[-1]["data"]
    assert (first["ballots"], first["status"]) == (None, "scheduled")
    assert (last["ballots"], last["blank"], last["winners"], last["ranking"], last["tied"]) == (
        4,
        1,
        [3],
        [[3], [1], [2]],
        False,
    )
    assert last["notices"][0]["kind"] == "closed_early"
    assert {message["subject"] for message in told} == {poll_id}
    assert {message["tenant"] for message in told} == {str(town.visitor.tenant)}


async def test_each_voter_has_an_order_of_options_of_their_own_that_stays(town: Any) -> None:
    poll_id = await town.announced(options=[{"labels": {"nl": str(number)}} for number in range(8)])
    orders = set()
    for _ in range(6):
        voter = town.voter()
        seen = [tuple(option["number"] for option in (await town.poll(poll_id, voter)).json["options"]) for _ in "12"]
        assert seen[0] == seen[1]
        orders.add(seen[0])
    assert len(orders) > 1
    assert {tuple(sorted(order)) for order in orders} == {tuple(range(1, 9))}


async def test_visitors_answers_may_be_kept_until_something_changes_and_voters_may_not(town: Any) -> None:
    poll_id = await town.announced(**town.window(opens=3600, closes=7200))
    fresh = await town.poll(poll_id)
    assert fresh.headers["Cache-Control"] == "public, max-age=5"
    same = await town.visitor("GET", f"/api/v1/polls/{poll_id}", if_none_match=fresh.headers["Etag"])
    assert (same.status, same.body) == (304, b"")
    await town.move(poll_id, opens=2.5)
    seconds = int((await town.poll(poll_id)).headers["Cache-Control"].rpartition("=")[2])
    assert seconds <= 2
    assert int((await town.visitor("GET", "/api/v1/polls")).headers["Cache-Control"].rpartition("=")[2]) <= 2
    for path in (f"/api/v1/polls/{poll_id}", "/api/v1/polls"):
        assert (await town.voter()("GET", path)).headers["Cache-Control"] == "private, no-store"


async def test_the_list_comes_in_pages_that_neither_skip_nor_repeat(town: Any) -> None:
    made = [await town.announced() for _ in range(5)]
    seen, cursor = [], ""
    while cursor is not None:
        page = (await town.visitor("GET", f"/api/v1/polls?limit=2{cursor and '&cursor='}{cursor}")).json
        seen += [item["poll_id"] for item in page["items"]]
        cursor = page["next"]
        if len(seen) == 2:
            await town.announced()  # newer than all that were seen, so it is on no later page
    assert seen == made[::-1]


async def test_a_poll_that_is_not_there_is_not_found(town: Any) -> None:
    poll_id = str(uuid4())
    for answer in (await town.poll(poll_id), await town.act(poll_id, "schedule"), await town.vote(poll_id, 1)):
        assert (answer.status, answer.json["code"]) == (404, "not_found")
    assert (await town.vote("nonsense", 1)).status == 404
    assert (await town.poll("nonsense")).status == 422


async def test_a_government_sees_and_touches_nothing_of_another(town: Any) -> None:
    poll_id = await town.announced()
    elsewhere = uuid4()
    stranger = town.visitor.of(elsewhere)
    assert (await town.poll(poll_id, stranger)).status == 404
    assert (await stranger("GET", "/api/v1/polls")).json["items"] == []
    for client in (town.official.of(elsewhere), town.voter().of(elsewhere)):
        for method, path in (*OFFICIAL_ROUTES, ("PUT", "/{id}/vote"), ("GET", "/{id}/vote"), ("DELETE", "/{id}/vote")):
            refused = await client(method, "/api/v1/polls" + path.format(id=poll_id), {"choices": [1]})
            assert (refused.status, refused.json["code"]) == (401, "wrong_government")
    officials_there = stranger.as_person(uuid4(), "administrator")
    for method, path in OFFICIAL_ROUTES[1:]:
        body = (
            {"reason": town.reason, "closes_at": town.moment(hours=9)}
            if path.endswith("extend")
            else {"reason": town.reason}
        )
        body = {} if method == "PATCH" or path.endswith("schedule") else body
        refused = await officials_there(method, "/api/v1/polls" + path.format(id=poll_id), body)
        assert refused.status == 404, path
    assert (await town.vote(poll_id, 1, voter=stranger.as_person())).status == 404


async def test_a_poll_may_ask_for_a_more_certain_identity(town: Any) -> None:
    poll_id = await town.announced(level=2)
    refused = await town.vote(poll_id, 1, voter=town.visitor.as_person(level=1))
    assert (refused.status, refused.json["missing"]) == (403, [{"need": "level", "gte": 2, "providers": []}])
    assert (await town.vote(poll_id, 1, voter=town.visitor.as_person(level=2))).status == 200


async def test_a_time_without_an_offset_is_belgian_time_and_one_that_the_clocks_skip_or_repeat_is_refused(
    town: Any,
) -> None:
    async def closing(local: str) -> Any:
        body = {"titles": {"nl": "Een brug?"}, "rule": "yes_no", "closes_at": local}
        return await town.official("POST", "/api/v1/polls", body)

    assert (await closing("2027-07-01T20:00")).json["closes_at"] == "2027-07-01T18:00:00Z"
    assert (await closing("2027-12-01T20:00")).json["closes_at"] == "2027-12-01T19:00:00Z"
    skipped = await closing("2027-03-28T02:30")
    assert (skipped.status, skipped.json["code"]) == (422, "local_time_does_not_exist")
    assert skipped.json["instead"] == "2027-03-28T03:30:00"
    repeated = await closing("2027-10-31T02:30")
    assert (repeated.status, repeated.json["code"]) == (422, "local_time_is_ambiguous")
    assert (await closing(repeated.json["second"])).json["closes_at"] == "2027-10-31T01:30:00Z"


async def test_what_an_official_does_is_told_for_the_audit_trail_and_not_to_the_public(town: Any) -> None:
    poll_id = await town.announced()
    later = {"closes_at": town.moment(hours=2), "reason": town.reason}
    assert (await town.act(poll_id, "extend", later)).status == 200
    assert (await town.act(poll_id, "extend", {"closes_at": town.moment(hours=1), "reason": town.reason})).status == 409
    assert (await town.act(poll_id, "close", {"reason": town.reason})).status == 200
    assert (await town.act(poll_id, "publish")).status == 200
    acted = await town.acted()
    assert [one["action"] for one in acted] == ["created", "scheduled", "extended", "closed_early", "published"]
    officials = {one["person_id"] for one in acted}
    assert {one["poll_id"] for one in acted} == {poll_id}
    assert len(officials) == 1
    assert officials.pop() not in str(await town.messages()) + str((await town.poll(poll_id)).json)
