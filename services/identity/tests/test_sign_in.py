"""Sign-in by one-time code, over HTTP, the mail by a real mail server."""

import asyncio
import contextlib
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from chassis.clock import utc_now
from chassis.refusals import Refused
from identity.actions import codes, sessions
from identity.models import AuditEvent, Person, SignInCode
from sqlalchemy import event, func, select, text

AN = "an.peeters@example.com"
HERE = "198.51.100.7"
STRANGER = "203.0.113.66"


async def test_a_person_signs_in_with_the_code_of_the_mail_and_has_an_account(world: Any) -> None:
    tokens = await world.sign_in(AN)
    actor = await world.actor(tokens["access_token"])
    assert (actor.tenant_id, actor.level, actor.roles) == (world.tenant, 1, frozenset())
    assert tokens["expires_in"] == 900
    assert tokens["token_type"] == "Bearer"
    me = await world.bearer(tokens["access_token"])("GET", "/api/v1/me")
    assert me.json == {
        "person_id": str(actor.person_id),
        "email": AN,
        "language": "nl",
        "display_name": None,
        "level": 1,
        "roles": [],
    }


async def test_the_answer_with_tokens_is_stored_nowhere(world: Any) -> None:
    answer = await world.guess(await world.code_for(AN))
    assert answer.headers["cache-control"] == "no-store"
    refreshed = await world.refresh(answer.json["refresh_token"])
    assert refreshed.headers["cache-control"] == "no-store"


async def test_the_same_person_comes_back_to_the_same_account(world: Any) -> None:
    first = await world.actor((await world.sign_in(AN))["access_token"])
    second = await world.actor((await world.sign_in("AN.Peeters@Example.COM "))["access_token"])
    assert first.person_id == second.person_id
    assert first.session_id != second.session_id


async def test_no_account_is_made_before_the_code_comes_back(world: Any) -> None:
    await world.guess(world.wrong(await world.code_for(AN)))
    async with world.session() as session:
        assert (await session.execute(select(func.count()).select_from(Person))).scalar_one() == 0


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("nl", "Uw code om u aan te melden bij Leuven"),
        ("fr", "Votre code pour vous connecter à Louvain"),
        ("de", "Ihr Code für die Anmeldung bei Leuven"),
        ("en", "Your code to sign in to Leuven"),
    ],
)
async def test_the_mail_is_in_the_language_that_was_asked_for(world: Any, language: str, words: str) -> None:
    code = (await world.code_for(AN, language=language))["code"]
    mail = world.mailbox.mails[-1]
    text = mail.get_content()
    assert mail["To"] == AN
    assert words in text
    assert code in text
    assert "10 minu" in text.lower()
    assert "http" in text
    assert "leuven.localhost" in text
    assert mail["Content-Language"] == language
    assert mail["From"].startswith(("Leuven", "Louvain"))


async def test_a_code_works_once(world: Any) -> None:
    right = await world.code_for(AN)
    first, second = await world.guess(right), await world.guess(right)
    assert (first.status, second.status, second.json["code"]) == (200, 403, "code_expired")


async def test_two_who_send_the_same_right_code_at_once_get_one_session(world: Any) -> None:
    right = await world.code_for(AN)
    answers = await asyncio.gather(*(world.guess(right) for _ in range(5)))
    assert sorted(answer.status for answer in answers) == [200, 403, 403, 403, 403]


async def test_codes_of_one_address_live_side_by_side_and_each_works_with_its_own_handle_only(world: Any) -> None:
    first, second = await world.code_for(AN), await world.code_for(AN)
    if first["code"] == second["code"]:
        pytest.skip("one time in a million two codes are the same")
    crossed = await world.guess({"handle": second["handle"], "code": first["code"]})
    assert (crossed.status, crossed.json["code"]) == (403, "code_wrong")
    assert [(await world.guess(each)).status for each in (first, second)] == [200, 200]


async def test_a_code_may_be_typed_with_spaces(world: Any) -> None:
    right = await world.code_for(AN)
    code = right["code"]
    answer = await world.guess(right | {"code": f" {code[:3]} {code[3:]} "})
    assert answer.status == 200


async def test_five_wrong_guesses_are_counted_down_and_then_even_the_right_code_is_refused(world: Any) -> None:
    right = await world.code_for(AN)
    left = []
    for by in range(1, 6):
        answer = await world.guess(world.wrong(right, by))
        assert (answer.status, answer.json["code"]) == (403, "code_wrong")
        left.append(answer.json["attempts_left"])
    assert left == [4, 3, 2, 1, 0]
    answer = await world.guess(right)
    assert (answer.status, answer.json["code"]) == (403, "too_many_attempts")


async def test_fifty_guesses_at_once_count_as_five(world: Any) -> None:
    right = await world.code_for(AN)
    answers = await asyncio.gather(*(world.guess(world.wrong(right, by)) for by in range(1, 51)))
    judged = [answer.json["code"] for answer in answers]
    assert judged.count("code_wrong") == 5
    assert set(judged) <= {"code_wrong", "too_many_attempts", "database_unavailable"}, "a busy machine may shed some"
    assert sorted(a.json["attempts_left"] for a in answers if a.json["code"] == "code_wrong") == [0, 1, 2, 3, 4]


async def test_a_new_code_gives_new_attempts(world: Any) -> None:
    right = await world.code_for(AN)
    for by in range(1, 7):
        await world.guess(world.wrong(right, by))
    assert (await world.sign_in(AN))["access_token"]


async def test_a_stranger_who_asks_and_guesses_keeps_nobody_from_signing_in(world: Any) -> None:
    before = await world.code_for(AN)
    for _ in range(6):
        handle = await world.ask(AN, address=STRANGER)
        for number in range(6):
            await world.guess({"handle": handle, "code": f"{number:06d}"})
    await world.run_timers()
    mails = len(world.mailbox.mails)
    after = await world.code_for(AN)
    assert len(world.mailbox.mails) == mails + 1, "the owner is mailed a code all the same"
    assert [(await world.guess(each)).status for each in (before, after)] == [200, 200]


async def test_a_stranger_does_not_see_that_the_owner_signs_in(world: Any) -> None:
    handle, told = await world.ask(AN, address=STRANGER), []
    await world.run_timers()
    guess = world.wrong({"handle": handle, "code": world.newest_code()})
    for _ in range(3):
        told.append((await world.guess(guess)).json["attempts_left"])
        assert (await world.guess(await world.code_for(AN))).status == 200
    assert told == [4, 3, 2]


async def test_guesses_at_an_address_that_is_mailed_no_more_are_answered_like_guesses_at_one_that_is(
    world: Any,
) -> None:
    """Status, body and headers, guess by guess: nobody learns who has an account, or how many asked for a code."""
    await world.sign_in("known@example.com")

    async def guesses(handle: str) -> list[object]:
        told: list[object] = []
        for number in range(7):
            answer = await world.guess({"handle": handle, "code": f"{number:06d}"})
            told.append((answer.status, answer.body, sorted(answer.headers)))
        return told

    limited = [await world.ask("often@example.com") for _ in range(8)][-1]
    known, unknown = await world.ask("known@example.com"), await world.ask("new@example.com")
    assert await guesses(limited) == await guesses(known) == await guesses(unknown)


async def test_a_handle_that_never_was_is_answered_like_one_that_has_ended(world: Any) -> None:
    used = await world.code_for(AN)
    await world.guess(used)
    for body in (used, {"handle": "never", "code": "123456"}):
        answer = await world.guess(body)
        assert (answer.status, answer.json["code"]) == (403, "code_expired")


async def test_asking_for_a_code_is_answered_alike_for_known_unknown_and_limited_addresses(world: Any) -> None:
    await world.sign_in("known@example.com")
    handles = set()

    async def ask(email: str) -> object:
        answer = await world.client("POST", "/api/v1/sign-in/codes", {"email": email, "language": "nl"})
        handles.add(answer.json["handle"])
        return answer.status, list(answer.json), len(answer.body), sorted(answer.headers)

    limited = [await ask("often@example.com") for _ in range(8)][-1]
    assert limited == await ask("known@example.com") == await ask("new@example.com")
    assert len(handles) == 10
    assert {len(handle) for handle in handles} == {43}, "256 bits"
    await world.run_timers()
    assert [mail["To"] for mail in world.mailbox.mails].count("often@example.com") == 3


@contextlib.contextmanager
def statements_of(world: Any) -> Iterator[list[str]]:
    """The statements that are sent to the database meanwhile."""
    seen: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        seen.append(statement)

    event.listen(world.held.engine.sync_engine, "before_cursor_execute", note)
    yield seen
    event.remove(world.held.engine.sync_engine, "before_cursor_execute", note)


async def test_the_work_is_the_same_for_known_unknown_and_limited_addresses(world: Any) -> None:
    """Statement by statement, so that the time it takes tells nothing either."""
    await world.sign_in("known@example.com")
    key = await world.access_key()

    async def asks(email: str) -> tuple[str, list[str]]:
        with statements_of(world) as seen:
            async with world.session() as session:
                handle = await codes.request_code(session, email, language="nl", client=HERE, now=utc_now())
        return handle, seen

    async def guesses(handle: str) -> list[str]:
        with statements_of(world) as seen, pytest.raises(Refused, match="code_wrong"):
            async with world.session() as session:
                await sessions.sign_in(session, handle, "x", key=key, now=utc_now())
        return seen

    limited = [await asks("often@example.com") for _ in range(7)][-1]
    known, new = await asks("known@example.com"), await asks("new@example.com")
    assert limited[1] == known[1] == new[1]
    assert await guesses(limited[0]) == await guesses(known[0]) == await guesses(new[0])


async def test_one_network_has_three_of_the_five_mails_of_an_hour(world: Any) -> None:
    """It is the network that counts: addresses beside each other share one part."""

    async def mailed_to(address: str) -> int:
        before = len(world.mailbox.mails)
        await world.ask(AN, address=address)
        await world.run_timers()
        return len(world.mailbox.mails) - before

    assert [await mailed_to(f"203.0.113.{number}") for number in range(5)] == [1, 1, 1, 0, 0]
    assert [await mailed_to(HERE) for _ in range(3)] == [1, 1, 0], "five in all, from wherever"
    assert [await mailed_to("2001:db8::1")] == [0]


async def test_a_network_that_asks_all_day_leaves_mails_for_the_owner(world: Any) -> None:
    now = utc_now()

    async def ask(client: str, when: datetime) -> None:
        async with world.session() as session:
            await codes.request_code(session, AN, language="nl", client=client, now=when)

    for minutes in range(0, 24 * 60, 10):
        await ask(STRANGER, now - timedelta(minutes=24 * 60 - 1 - minutes))
    async with world.session() as session:
        assert (await session.scalars(select(SignInCode.mailed))).all().count(True) == 8
    assert (await world.sign_in(AN))["access_token"]


async def test_tags_do_not_give_a_mailbox_more_mails(world: Any) -> None:
    for number in range(6):
        await world.ask(f"an+{number}@example.com", address=f"198.51.{number}.1")
    await world.run_timers()
    assert len(world.mailbox.mails) == 5
    assert world.mailbox.mails[0]["To"] == "an+0@example.com", "as it was written"


async def test_one_mailbox_makes_three_accounts_a_day_whatever_its_tags(world: Any) -> None:
    async def tries(email: str, address: str) -> tuple[int, str | None]:
        answer = await world.guess(await world.code_for(email, address=address))
        return answer.status, answer.json.get("code")

    addresses = ["an@example.com", "an+a@example.com", "an+b@example.com", "an+c@example.com"]
    told = [await tries(email, f"198.51.{number}.1") for number, email in enumerate(addresses)]
    assert told == [(200, None)] * 3 + [(403, "too_many_accounts")]
    assert await tries("an+a@example.com", HERE) == (200, None), "who has an account comes back to it"
    assert await tries("anna@example.com", HERE) == (200, None), "another mailbox"
    assert await tries("an+d@example.org", HERE) == (200, None), "another mailbox"


async def test_accounts_of_one_mailbox_that_are_made_at_once_are_counted_one_by_one(world: Any) -> None:
    emails = [f"an+{number}@example.com" for number in range(5)]
    bodies = [await world.code_for(email, address=f"198.51.{number}.1") for number, email in enumerate(emails)]
    answers = await asyncio.gather(*(world.guess(body) for body in bodies))
    assert sorted(answer.status for answer in answers) == [200, 200, 200, 403, 403]


async def test_a_hundred_who_ask_at_once_for_one_address_are_sent_five_mails(world: Any) -> None:
    await asyncio.gather(*(world.ask(AN, address=f"198.51.{number}.1") for number in range(100)))
    await world.run_timers()
    assert len(world.mailbox.mails) == 5


async def test_a_code_that_has_ended_says_so(world: Any) -> None:
    right, now, key = await world.code_for(AN), utc_now(), await world.access_key()
    for later, refusal in ((timedelta(minutes=9), "code_wrong"), (timedelta(minutes=10), "code_expired")):
        with pytest.raises(Refused, match=refusal):
            async with world.session() as session:
                await sessions.sign_in(session, right["handle"], "x", key=key, now=now + later)


async def test_neither_the_database_nor_the_audit_trail_shows_a_code(world: Any) -> None:
    handle = await world.ask(AN)
    async with world.session() as session:
        sealed = (await session.execute(select(SignInCode))).scalar_one()
        assert sealed.sealed_code is not None
    await world.run_timers()
    code = world.newest_code()
    await world.guess(world.wrong({"handle": handle, "code": code}))
    async with world.session() as session:
        row = (await session.execute(select(SignInCode))).scalar_one()
        stored = (await session.execute(text("select c::text from sign_in_codes c"))).scalar_one()
        events = (await session.scalars(select(AuditEvent))).all()
    assert row.sealed_code is None, "once mailed, nothing can give the code back"
    assert row.code_hash is not None
    assert len(row.code_hash) == 32
    assert code.encode() not in sealed.sealed_code + row.code_hash
    assert handle not in stored
    assert HERE not in stored
    assert len(events) == 1
    assert all(code not in str(event.facts) and AN not in str(event.facts) for event in events)


async def test_wrong_guesses_are_one_event_of_the_audit_trail_for_each_handle(world: Any) -> None:
    for _ in range(2):
        right = await world.code_for(AN)
        for by in range(1, 8):
            await world.guess(world.wrong(right, by))
    async with world.session() as session:
        actions = (await session.scalars(select(AuditEvent.action))).all()
    assert actions == ["sign_in_refused", "sign_in_refused"]


async def test_a_code_of_one_government_does_not_work_at_another(world: Any) -> None:
    answer = await world.guess(await world.code_for(AN), world.client.of(uuid4()))
    assert (answer.status, answer.json["code"]) == (403, "code_expired")


async def test_one_address_at_two_governments_is_two_people(world: Any) -> None:
    here = await world.actor((await world.sign_in(AN))["access_token"])
    there = await world.actor((await world.sign_in(AN, world.client.of(uuid4())))["access_token"])
    assert here.person_id != there.person_id
    assert here.tenant_id != there.tenant_id


@pytest.mark.parametrize(
    "body",
    [
        {"email": "no address", "language": "nl"},
        {"email": AN, "language": "xx"},
        {"email": AN},
        {"email": AN, "language": "nl", "more": 1},
        {"email": "a\x00b@example.com", "language": "nl"},
    ],
)
async def test_what_is_no_request_for_a_code_is_refused(world: Any, body: dict[str, object]) -> None:
    answer = await world.client("POST", "/api/v1/sign-in/codes", body)
    assert (answer.status, answer.json["code"]) == (422, "invalid")
    assert AN not in answer.body.decode()


async def test_a_government_that_is_switched_off_mails_no_codes(world: Any) -> None:
    off = uuid4()
    await world.tell_of_government(off, "gent", active=False)
    answer = await world.client.of(off)("POST", "/api/v1/sign-in/codes", {"email": AN, "language": "nl"})
    assert (answer.status, answer.json["code"]) == (403, "government_not_active")
