"""People and roles, over HTTP."""

import asyncio
from typing import Any
from uuid import UUID, uuid4

import pytest
from chassis.auth import PLATFORM
from chassis.clock import utc_now
from identity.actions import people
from identity.models import Person, RoleGrant
from sqlalchemy import func, select, text

AN, BERT, CEM = "an@example.com", "bert@example.com", "cem@example.com"


async def officials(world: Any, *emails: str, role: str = "administrator", tenant: UUID | None = None) -> list[UUID]:
    """People with a role, given by command."""
    async with world.session(tenant) as session:
        by = people.Grantor(None)
        made = [await people.invite(session, one, [role], language="nl", by=by, now=utc_now()) for one in emails]
    return [person.id for person, _ in made]


async def administrator(world: Any, email: str = AN) -> Any:
    await officials(world, email)
    return await world.signed_in(email)


async def test_people_choose_their_language_and_name(world: Any) -> None:
    me = await world.signed_in(AN)
    changed = await me("PATCH", "/api/v1/me", {"language": "fr", "display_name": "  An Peeters "})
    assert (changed.status, changed.json["language"], changed.json["display_name"]) == (200, "fr", "An Peeters")
    kept = await me("PATCH", "/api/v1/me", {"display_name": None})
    assert (kept.json["language"], kept.json["display_name"]) == ("fr", None)
    assert (await me("PATCH", "/api/v1/me", {})).json == kept.json == (await me("GET", "/api/v1/me")).json


@pytest.mark.parametrize(
    "body", [{"language": None}, {"language": "es"}, {"display_name": " "}, {"display_name": "a\x00"}, {"level": 4}]
)
async def test_people_change_nothing_else_about_themselves(world: Any, body: dict[str, object]) -> None:
    me = await world.signed_in(AN)
    assert (await me("PATCH", "/api/v1/me", body)).status == 422


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/v1/people"),
        ("POST", "/api/v1/people"),
        ("GET", f"/api/v1/people/{UUID(int=7)}"),
        ("PUT", f"/api/v1/people/{UUID(int=7)}/roles/moderator"),
        ("DELETE", f"/api/v1/people/{UUID(int=7)}/roles/moderator"),
        ("GET", "/api/v1/audit"),
    ],
)
async def test_only_administrators_see_people_roles_and_the_audit_trail(world: Any, method: str, path: str) -> None:
    body = {"email": BERT, "roles": ["moderator"]} if method == "POST" else None
    nobody = await world.client(method, path, body)
    assert (nobody.status, nobody.json["code"]) == (401, "not_signed_in")
    await officials(world, AN, role="project_manager")
    refused = await (await world.signed_in(AN))(method, path, body)
    assert refused.status == 403
    assert refused.json["missing"] == [{"need": "role", "any_of": ["administrator", "operator"]}]


async def test_a_role_takes_effect_with_the_next_token(world: Any) -> None:
    boss = await administrator(world)
    tokens = await world.sign_in(BERT)
    bert = await world.actor(tokens["access_token"])
    given = await boss("PUT", f"/api/v1/people/{bert.person_id}/roles/project_manager")
    assert given.status == 204
    assert (await world.bearer(tokens["access_token"])("GET", "/api/v1/me")).json["roles"] == ["project_manager"]
    renewed = (await world.refresh(tokens["refresh_token"])).json
    assert (await world.actor(renewed["access_token"])).roles == {"project_manager"}
    taken = await boss("DELETE", f"/api/v1/people/{bert.person_id}/roles/project_manager")
    assert taken.status == 204
    renewed = (await world.refresh(renewed["refresh_token"])).json
    assert (await world.actor(renewed["access_token"])).roles == frozenset()


async def test_giving_and_taking_a_role_twice_changes_nothing(world: Any) -> None:
    boss = await administrator(world)
    [bert] = await officials(world, BERT, role="moderator")
    before = (await boss("GET", "/api/v1/audit")).json["items"][0]["number"]
    for method, changes in (("PUT", 0), ("DELETE", 1), ("DELETE", 1)):
        assert (await boss(method, f"/api/v1/people/{bert}/roles/moderator")).status == 204
        assert (await boss("GET", "/api/v1/audit")).json["items"][0]["number"] == before + changes


async def test_the_last_administrator_stays(world: Any) -> None:
    boss = await administrator(world)
    me = (await boss("GET", "/api/v1/me")).json["person_id"]
    refused = await boss("DELETE", f"/api/v1/people/{me}/roles/administrator")
    assert (refused.status, refused.json["code"]) == (409, "last_administrator")
    await administrator(world, BERT)
    assert (await boss("DELETE", f"/api/v1/people/{me}/roles/administrator")).status == 204


async def test_an_administrator_who_never_signed_in_is_none_to_rely_on(world: Any) -> None:
    boss = await administrator(world)
    me = (await boss("GET", "/api/v1/me")).json["person_id"]
    invitation = {"email": "typo@nowhere.invalid", "roles": ["administrator"]}
    typo = (await boss("POST", "/api/v1/people", invitation)).json["person_id"]
    refused = await boss("DELETE", f"/api/v1/people/{me}/roles/administrator")
    assert (refused.status, refused.json["code"]) == (409, "last_administrator")
    assert (await boss("DELETE", f"/api/v1/people/{typo}/roles/administrator")).status == 204


async def test_who_is_administrator_no_more_acts_and_reads_with_no_old_token(world: Any) -> None:
    boss, second = await administrator(world), await administrator(world, BERT)
    bert = (await second("GET", "/api/v1/me")).json["person_id"]
    [cem] = await officials(world, CEM, role="moderator")
    invitation = {"email": "dirk@example.com", "roles": ["administrator"]}
    assert (await second("POST", "/api/v1/people", invitation, idempotency_key="one")).status == 201
    assert (await boss("DELETE", f"/api/v1/people/{bert}/roles/administrator")).status == 204
    for method, path, body in (
        ("PUT", f"/api/v1/people/{bert}/roles/administrator", None),
        ("DELETE", f"/api/v1/people/{cem}/roles/moderator", None),
        ("POST", "/api/v1/people", {"email": BERT, "roles": ["administrator"]}),
        ("GET", "/api/v1/people", None),
        ("GET", "/api/v1/audit", None),
    ):
        refused = await second(method, path, body)
        assert (refused.status, refused.json["code"]) == (403, "forbidden"), (method, path)
        assert refused.json["missing"] == [{"need": "role", "any_of": ["administrator"]}]
    assert (await second("POST", "/api/v1/people", invitation, idempotency_key="one")).status == 403
    async with world.session() as session:
        held = await session.execute(select(RoleGrant.person_id, RoleGrant.role))
        roles = {(str(person), role) for person, role in held}
    assert (bert, "administrator") not in roles
    assert (str(cem), "moderator") in roles


async def test_a_role_is_given_by_none_whose_own_is_being_taken(world: Any) -> None:
    await administrator(world)
    second = await administrator(world, BERT)
    bert, [cem] = (
        UUID((await second("GET", "/api/v1/me")).json["person_id"]),
        await officials(world, CEM, role="moderator"),
    )
    async with world.session() as taking:
        await people.revoke(taking, bert, "administrator", by=people.Grantor(None), now=utc_now())
        giving = asyncio.create_task(second("PUT", f"/api/v1/people/{cem}/roles/administrator"))
        await waits_for_a_lock(world)
    refused = await giving
    assert (refused.status, refused.json["code"]) == (403, "forbidden")


async def waits_for_a_lock(world: Any) -> None:
    """Somebody's statement has come as far as a lock that another transaction holds."""
    waiting = text(
        "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"
    )
    async with asyncio.timeout(20):
        while True:
            async with world.session() as session:
                if (await session.execute(waiting)).scalar_one():
                    return


async def test_two_administrators_who_remove_each_other_at_once_leave_one(world: Any) -> None:
    an, bert = await officials(world, AN, BERT)
    first, second = await world.signed_in(AN), await world.signed_in(BERT)
    answers = await asyncio.gather(
        first("DELETE", f"/api/v1/people/{bert}/roles/administrator"),
        second("DELETE", f"/api/v1/people/{an}/roles/administrator"),
    )
    assert sorted(answer.status for answer in answers) == [204, 403]
    async with world.session() as session:
        assert (await session.execute(select(func.count()).select_from(RoleGrant))).scalar_one() == 1


async def test_roles_are_given_to_people_of_the_own_government_only(world: Any) -> None:
    boss, elsewhere = await administrator(world), uuid4()
    [stranger] = await officials(world, BERT, role="moderator", tenant=elsewhere)
    for person in (stranger, uuid4()):
        refused = await boss("PUT", f"/api/v1/people/{person}/roles/moderator")
        assert (refused.status, refused.json["code"]) == (404, "not_found")


async def test_nobody_becomes_operator_of_a_government_or_administrator_of_the_platform(world: Any) -> None:
    boss = await administrator(world)
    me = (await boss("GET", "/api/v1/me")).json["person_id"]
    refused = await boss("PUT", f"/api/v1/people/{me}/roles/operator")
    assert (refused.status, refused.json["code"]) == (409, "role_not_of_this_realm")
    await officials(world, AN, role="operator", tenant=PLATFORM)
    tokens = await world.sign_in(AN, world.client.of(PLATFORM))
    assert (await world.actor(tokens["access_token"])).roles == {"operator"}
    operator = world.bearer(tokens["access_token"]).of(PLATFORM)
    operator_id = (await operator("GET", "/api/v1/me")).json["person_id"]
    assert (await operator("GET", "/api/v1/people")).json["items"][0]["roles"] == ["operator"]
    refused = await operator("PUT", f"/api/v1/people/{operator_id}/roles/administrator")
    assert refused.json["code"] == "role_not_of_this_realm"
    refused = await operator("DELETE", f"/api/v1/people/{operator_id}/roles/operator")
    assert refused.json["code"] == "last_administrator"


async def test_an_invited_official_is_mailed_and_signs_in_with_the_roles(world: Any) -> None:
    boss = await administrator(world)
    body = {"email": "Bert@Example.com", "roles": ["moderator", "project_manager"], "language": "fr"}
    invited = await boss("POST", "/api/v1/people", body)
    assert invited.status == 201
    assert (invited.json["email"], invited.json["level"]) == (BERT, 0)
    assert invited.json["roles"] == ["moderator", "project_manager"]
    await world.run_timers()
    mail = world.mailbox.mails[-1]
    assert mail["To"] == BERT
    text = mail.get_content()
    assert "Louvain" in text
    assert "modérateur, responsable de projet" in text
    assert "https://leuven.localhost" in text
    actor = await world.actor((await world.sign_in(BERT))["access_token"])
    assert (str(actor.person_id), actor.level) == (invited.json["person_id"], 1)
    assert actor.roles == {"moderator", "project_manager"}


async def test_inviting_somebody_who_is_here_gives_the_roles_and_no_second_mail(world: Any) -> None:
    boss = await administrator(world)
    await world.sign_in(BERT)
    mails = len(world.mailbox.mails)
    answers = [await boss("POST", "/api/v1/people", {"email": BERT, "roles": ["moderator"]}) for _ in range(2)]
    assert answers[0].json == answers[1].json
    assert answers[0].json["roles"] == ["moderator"]
    await world.run_timers()
    assert len(world.mailbox.mails) == mails


async def test_an_invitation_with_an_idempotency_key_is_answered_the_same_again(world: Any) -> None:
    boss = await administrator(world)
    body = {"email": BERT, "roles": ["moderator"]}
    first = await boss("POST", "/api/v1/people", body, idempotency_key="one")
    again = await boss("POST", "/api/v1/people", body, idempotency_key="one")
    other = await boss("POST", "/api/v1/people", body | {"email": CEM}, idempotency_key="one")
    assert (first.status, again.status, again.json) == (201, 201, first.json)
    assert (other.status, other.json["code"]) == (422, "idempotency_key_reused")


async def test_ten_administrators_who_invite_one_official_at_once_make_one_account(world: Any) -> None:
    boss = await administrator(world)
    body = {"email": BERT, "roles": ["moderator"]}
    answers = await asyncio.gather(*(boss("POST", "/api/v1/people", body) for _ in range(10)))
    assert len({answer.json["person_id"] for answer in answers}) == 1
    assert {answer.status for answer in answers} == {201}
    await world.run_timers()
    assert [mail["To"] for mail in world.mailbox.mails].count(BERT) == 1


async def test_an_administrator_sees_one_person_of_the_own_government(world: Any) -> None:
    boss = await administrator(world)
    (bert,) = await officials(world, BERT, role="moderator")
    (stranger,) = await officials(world, CEM, tenant=uuid4())
    found = await boss("GET", f"/api/v1/people/{bert}")
    assert (found.status, found.json["email"], found.json["roles"]) == (200, BERT, ["moderator"])
    assert (await boss("GET", f"/api/v1/people/{stranger}")).status == 404


async def test_the_list_of_people_comes_in_pages_and_by_the_beginning_of_the_address(world: Any) -> None:
    boss = await administrator(world)
    async with world.session() as session:
        await people.invite(
            session, "zoe@example.com", ["moderator"], language="nl", by=people.Grantor(None), now=utc_now()
        )
        for number in range(25):
            row = {"id": uuid4(), "email_norm": f"p{number:02d}@example.com", "language": "nl", "level": 1}
            session.add(Person(tenant_id=world.tenant, created_at=utc_now(), version=1, **row))
    seen: list[str] = []
    path: str | None = "/api/v1/people?limit=10"
    while path:
        page = (await boss("GET", path)).json
        seen += [item["email"] for item in page["items"]]
        path = f"/api/v1/people?limit=10&cursor={page['next']}" if page["next"] else None
    assert seen == [AN, *(f"p{number:02d}@example.com" for number in range(25)), "zoe@example.com"]
    found = (await boss("GET", "/api/v1/people?email=P1")).json
    assert [item["email"] for item in found["items"]] == [f"p1{digit}@example.com" for digit in range(10)]
    assert (await boss("GET", "/api/v1/people?role=moderator")).json["items"][0]["email"] == "zoe@example.com"
    assert (await boss("GET", "/api/v1/people?email=%25")).json["items"] == []


async def test_a_search_by_the_beginning_of_an_address_uses_the_index_under_row_level_security(world: Any) -> None:
    async with world.session() as session:
        await session.execute(text("set local enable_seqscan = off"))
        query = select(Person.id).where(func.starts_with(Person.email_norm, "p1"))
        compiled = query.compile(dialect=session.bind.dialect, compile_kwargs={"literal_binds": True})
        rows = await (await session.connection()).exec_driver_sql(f"EXPLAIN {compiled}")
        plan = "\n".join(row[0] for row in rows)
    assert "uq_people_tenant_id_email_norm" in plan
    assert "email_norm >= 'p1'" in plan.split("Filter")[0]


async def test_notifications_gets_confirmed_addresses_of_one_government(world: Any) -> None:
    here = await world.actor((await world.sign_in(AN))["access_token"])
    there = await world.actor((await world.sign_in(BERT, world.client.of(uuid4())))["access_token"])
    [invited] = await officials(world, CEM, role="moderator")
    ids = [str(one) for one in (here.person_id, there.person_id, invited, uuid4())]
    answer = await world.client("POST", "/internal/v1/addresses", {"person_ids": ids})
    assert answer.json == {str(here.person_id): {"email": AN, "language": "nl"}}
    refused = await world.client("POST", "/internal/v1/addresses", {"person_ids": ids}, x_inspraak_key="wrong")
    assert refused.status == 403
