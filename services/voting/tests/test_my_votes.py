"""One's votes in all polls, as long as it can be told whose they are."""

from typing import Any
from uuid import UUID, uuid4

from chassis.testing import Answer, Client


async def mine(voter: Client, query: str = "") -> Answer:
    answer: Answer = await voter("GET", f"/api/v1/my-votes{query}")
    return answer


def polls_in(answer: Answer) -> list[str]:
    return [item["poll"]["poll_id"] for item in answer.json["items"]]


async def test_my_votes_are_those_polls_in_which_i_have_a_vote_the_newest_first(town: Any) -> None:
    voter, other = town.voter(), town.voter()
    first = await town.announced()
    judged = await town.announced(rule="majority_judgment")
    not_mine, withdrawn = await town.announced(), await town.announced()
    assert (await mine(voter)).json == {"items": [], "next": None}
    await town.vote(first, 2, voter=voter)
    await town.vote(judged, [1, 5], [3, 0], voter=voter)
    await town.vote(not_mine, 1, voter=other)
    await town.vote(withdrawn, 1, voter=voter)
    await voter("DELETE", f"/api/v1/polls/{withdrawn}/vote")
    answer = await mine(voter)
    assert (answer.status, answer.headers["Cache-Control"]) == (200, "private, no-store")
    assert polls_in(answer) == [judged, first]
    newest = answer.json["items"][0]
    assert newest["choices"] == [[1, 5], [3, 0]]
    own = (await voter("GET", f"/api/v1/polls/{judged}/vote")).json
    assert newest["cast_at"] == own["cast_at"]
    assert newest["poll"] == (await voter("GET", f"/api/v1/polls/{judged}")).json
    assert polls_in(await mine(other)) == [not_mine]


async def test_my_votes_come_in_pages_that_neither_skip_nor_repeat(town: Any) -> None:
    voter, polls = town.voter(), []
    for _ in range(5):
        polls.append(await town.announced())
        await town.vote(polls[-1], 1, voter=voter)
    await town.vote(await town.announced(), 1)  # somebody else's, the newest
    found, query = [], "?limit=2"
    while query:
        page = await mine(voter, query)
        found += polls_in(page)
        query = f"?limit=2&cursor={page.json['next']}" if page.json["next"] else ""
    assert found == polls[::-1]
    assert (await mine(voter, "?cursor=nonsense")).status == 422


async def test_my_votes_stay_after_the_end_until_nobody_can_tell_whose_they_are(town: Any) -> None:
    person = uuid4()
    voter = town.voter(person)
    poll_id = await town.announced()
    await town.vote(poll_id, 1, voter=voter)
    await town.act(poll_id, "close", {"reason": town.reason})
    await town.act(poll_id, "publish")
    item = (await mine(voter)).json["items"][0]
    assert (item["poll"]["status"], item["choices"]) == ("published", [1])
    await town.owner.execute(
        "update data_keys set wrapped = null, destroyed_at = now() where subject = $1", poll_id
    )  # what the timer does, in another process whose memory this one does not share
    assert (await mine(voter)).json["items"] == []
    assert await town.owner.fetchval("select count(*) from votes where poll_id = $1", UUID(poll_id)) == 1


async def test_my_votes_are_for_who_is_signed_in_at_this_government(town: Any) -> None:
    refused = await mine(town.visitor)
    assert (refused.status, refused.json["code"]) == (401, "not_signed_in")
    person = uuid4()
    await town.vote(await town.announced(), 1, voter=town.voter(person))
    elsewhere = town.visitor.of(uuid4()).as_person(person)
    assert (await mine(elsewhere)).json["items"] == []
