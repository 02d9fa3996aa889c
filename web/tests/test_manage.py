"""Officials' pages of polls: their states, their forms, and that nothing typed is ever lost."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from chassis.local_time import BRUSSELS

POLL = "00000000-0000-7000-8000-000000000001"
API = f"/api/v1/polls/{POLL}"
MINE = f"/nl/manage/polls/{POLL}"
LANGUAGES = ("nl", "fr", "de", "en")
BOTH = {"nl": "Storm.", "fr": "Tempête."}
REASON = {"reason-nl": "Storm.", "reason-fr": "Tempête."}
RESULT = {
    "poll_id": POLL,
    "ballots": 3,
    "blank": 0,
    "results": [
        {"rule": "yes_no", "winners": [1], "ranking": [[1], [2]], "rounds": [{"totals": {"1": "2", "2": "1"}}]}
    ],
}


@pytest.fixture
async def desk(browser, gateway):
    """A browser whose owner manages polls, and the fields that every form of theirs carries."""
    await browser.sign_in(gateway, "project_manager")
    page = await browser.get("/nl/manage/polls/new")
    browser.token = re.search(r'name="token" value="([^"]+)"', page.text)[1]
    return browser


def show(gateway, status="draft", rule="single", **facts):
    """The one poll that there is; a draft of three answers, unless told otherwise."""
    facts = {"titles": {"nl": "Welk plein?", "fr": "Quelle place ?"}, "version": 7} | facts
    gateway.show(status=status, rule=rule, **facts)


@pytest.fixture
def four_languages(gateway):
    """The government speaks all of them; it is asked for before the first page."""
    known = gateway.answers["GET", "/api/v1/government"].body
    gateway.on("GET", "/api/v1/government", 200, known | {"languages": list(LANGUAGES)})


async def send(desk, path, **fields):
    named = {name.replace("__", "-"): text for name, text in fields.items()}
    return await desk.post(path, token=desk.token, **named)


def mistakes(page):
    return re.findall(r'<a class="ds-link" href="#([^"]+)">', page.text.split("<main")[1].split("<form")[0])


def _typed(text):
    """What stands in the controls of a form, without what its buttons and the token add."""
    held = dict(re.findall(r'<input[^>]* name="([^"]+)"[^>]* value="([^"]*)"', text.split("<main")[1]))
    held |= dict(re.findall(r'<textarea[^>]* name="([^"]+)"[^>]*>([^<]*)', text))
    return {name: value for name, value in held.items() if name != "token"} | {"rule": "single"}


def wall(at):
    local = at.astimezone(BRUSSELS)
    return f"{local:%Y-%m-%d}", f"{local:%H:%M}"


# Overview and list


async def test_the_overview_of_a_new_government_says_what_to_do_first(desk):
    page = await desk.get("/nl/manage")
    assert "Begin met uw eerste peiling" in page.text
    assert 'href="/nl/manage/polls/new"' in page.text


@pytest.mark.parametrize(
    ("facts", "words", "target"),
    [
        ({"status": "closed", "ballots": 1200}, "Gesloten met 1.200 stembriefjes.", f"{MINE}/publish"),
        ({"status": "draft", "options": []}, "Er zijn minder dan twee antwoorden", f"{MINE}/answers"),
        ({"status": "draft", "closes_at": None}, "nog niet gekozen wanneer", f"{MINE}/when"),
        ({"status": "draft"}, "Er ontbreekt niets meer.", f"{MINE}/check"),
        (
            {"status": "open", "closes_in": timedelta(hours=5, minutes=5)},
            "Sluit binnenkort: nog 5 uur.",
            MINE,
        ),
    ],
)
async def test_what_waits_has_its_reason_and_one_next_act(desk, gateway, facts, words, target):
    given = dict(facts)  # from now, not from when the tests were collected
    if left := given.pop("closes_in", None):
        given["closes_at"] = (datetime.now(UTC) + left).isoformat()
    show(gateway, **given)
    page = await desk.get("/nl/manage")
    queue = page.text.split('class="queue"')[1].split("</ul>")[0]
    assert words in queue
    assert f'href="{target}"' in queue


async def test_the_overview_is_partial_when_some_of_it_cannot_be_read(desk, gateway):
    answers = iter([503, 200, 200, 200, 200])
    empty = gateway.answers["GET", "/api/v1/polls"]
    broken = type(empty)(503, {"status": 503, "code": "service_unavailable"})
    gateway.answers["GET", "/api/v1/polls"] = lambda _: broken if next(answers) == 503 else empty
    page = await desk.get("/nl/manage")
    assert page.status == 200
    assert "Een deel kan nu niet getoond worden" in page.text
    assert "Begin met uw eerste peiling" not in page.text


async def test_the_overview_is_unavailable_when_nothing_can_be_read(desk, gateway):
    gateway.refuse("GET", "/api/v1/polls", 503, "service_unavailable")
    assert (await desk.get("/nl/manage")).status == 503


async def test_the_list_shows_every_state_and_is_filtered(desk, gateway):
    show(gateway)
    page = await desk.get("/nl/manage/polls?status=draft")
    assert f'href="{MINE}"' in page.text
    assert 'aria-current="true">Ontwerpen</a>' in page.text
    gateway.on("GET", "/api/v1/polls", 200, {"items": [], "next": None})
    assert "Er is geen peiling in deze toestand." in (await desk.get("/nl/manage/polls?status=draft")).text
    assert "Er zijn nog geen peilingen. Maak de eerste" in (await desk.get("/nl/manage/polls")).text


# A new poll


async def test_a_new_poll_becomes_a_draft_and_goes_on_with_its_answers(desk, gateway):
    gateway.on("POST", "/api/v1/polls", 201, {"poll_id": POLL, "status": "draft", "titles": {}, "rule": "single"})
    page = await send(desk, "/nl/manage/polls/new", titles__nl=" Welk plein? ", rule="single", key="a" * 32)
    assert (page.status, page.location) == (303, f"{MINE}/answers")
    (body,) = gateway.calls("POST", "/api/v1/polls")
    assert body["titles"] == {"nl": "Welk plein?"}
    assert (body["questions"], body["descriptions"], body["rule"]) == (None, {}, "single")


async def test_a_form_that_is_sent_twice_makes_one_poll(desk, gateway):
    made = {"poll_id": POLL, "status": "draft", "titles": {}, "rule": "yes_no"}
    show(gateway)
    answer = type(gateway.answers["GET", API])
    running = iter([answer(409, {"status": 409, "code": "still_running"}), answer(201, made)])
    gateway.answers["POST", "/api/v1/polls"] = lambda _: next(running)
    page = await send(desk, "/nl/manage/polls/new", titles__nl="Plein?", rule="yes_no", key="b" * 32)
    assert (page.status, page.location) == (303, f"{MINE}/when")
    keys = [
        headers["idempotency-key"]
        for method, path, _, headers in gateway.asked
        if method == "POST" and path == "/api/v1/polls"
    ]
    assert keys == ["b" * 32] * 2


async def test_a_form_that_has_made_its_draft_offers_to_make_another_and_keeps_its_texts(desk, gateway):
    gateway.refuse("POST", "/api/v1/polls", 422, "idempotency_key_reused")
    page = await send(desk, "/nl/manage/polls/new", titles__nl="Ander plein?", rule="single", key="c" * 32)
    assert page.status == 422
    assert 'value="Ander plein?"' in page.text
    assert "c" * 32 not in page.text


@pytest.mark.parametrize("tag", LANGUAGES)
@pytest.mark.usefixtures("four_languages")
async def test_every_mistake_has_a_sentence_in_every_language_and_what_was_typed_stays(desk, tag):
    page = await send(
        desk,
        f"/{tag}/manage/polls/new",
        questions__nl="x" * 301,
        descriptions__fr="<b>Pourquoi ?</b>",
        compared_with=["irv"],
    )
    assert page.status == 422
    assert mistakes(page) == ["titles-nl", "questions-nl", "rule-yes_no"]
    assert "x" * 301 in page.text
    assert "&lt;b&gt;Pourquoi ?&lt;/b&gt;" in page.text
    assert re.search(r'id="compared_with-irv"[^>]* checked', page.text)
    summary = page.text.split("ds-error-summary")[1].split("</ul>")[0]
    for english in ("fill this in", "use at most", "choose one"):
        assert (english in summary) == (tag == "en")


async def test_what_the_api_finds_wrong_is_led_to_its_field(desk, gateway):
    errors = [{"pointer": "/titles/fr", "message": "Value error", "kind": "value_error"}]
    gateway.on("POST", "/api/v1/polls", 422, {"status": 422, "code": "invalid", "errors": errors})
    page = await send(desk, "/nl/manage/polls/new", titles__nl="Plein?", titles__fr="\x07", rule="single")
    assert (page.status, mistakes(page)) == (422, ["titles-fr"])
    assert "Value error" not in page.text


# The steps of a draft


async def test_another_method_keeps_what_it_can_and_says_what_it_cannot(desk, gateway):
    show(gateway, rule="approval", max_choices=2)
    gateway.on("PATCH", API, 200, {})
    fields = {"titles__nl": "Plein?", "version": "7"}
    page = await send(desk, f"{MINE}/question", rule="irv", **fields)
    assert page.location == f"{MINE}/answers"
    body = gateway.calls("PATCH", API)[-1]
    assert (body["rule"], body["max_choices"], body["version"]) == ("irv", None, 7)
    assert "options" not in body
    page = await send(desk, f"{MINE}/question", rule="yes_no", **fields)
    assert (page.status, mistakes(page)) == (422, ["drop-yes"])
    assert "de 3 antwoorden die u schreef, zouden verdwijnen" in page.text
    page = await send(desk, f"{MINE}/question", rule="yes_no", drop="yes", **fields)
    assert page.location == f"{MINE}/when"


async def test_methods_with_other_ballots_are_not_compared(desk, gateway):
    show(gateway)
    page = await send(desk, f"{MINE}/question", titles__nl="Plein?", rule="approval", compared_with="irv")
    assert (page.status, mistakes(page)) == (422, ["compared_with-irv"])
    assert "Voorkeurstemming" in page.text.split("ds-error-summary")[1].split("</ul>")[0]


def rows(*labels, **more):
    return {f"options__{place}__labels__nl": label for place, label in enumerate(labels)} | {
        "rows": str(len(labels)),
        **more,
    }


def written(page):
    found = re.findall(r'id="options-(\d)-labels-nl"[^>]*? value="([^"]*)"', page.text)
    return [text for _, text in sorted(found)]


@pytest.mark.parametrize(
    ("button", "order", "focus"),
    [
        ("add", ["A", "B", "C", ""], "options-3-labels-nl"),
        ("up-1", ["B", "A", "C"], "options-0-labels-nl"),
        ("up-0", ["A", "B", "C"], "options-0-labels-nl"),
        ("down-1", ["A", "C", "B"], "options-2-labels-nl"),
        ("down-2", ["A", "B", "C"], "options-2-labels-nl"),
        ("remove-0", ["B", "C"], "options-0-labels-nl"),
        ("remove-2", ["A", "B"], "options-1-labels-nl"),
    ],
)
async def test_the_buttons_of_the_answers_move_them_and_save_nothing(desk, gateway, button, order, focus):
    show(gateway, rule="approval")
    fields = rows("A", "B", "C", do=button, options__1__descriptions__fr="Deuxième", max_choices="2")
    page = await send(desk, f"{MINE}/answers", **fields)
    assert page.status == 200
    assert written(page) == order
    assert re.search(rf'id="{focus}"[^>]*autofocus', page.text)
    assert "Deuxième" in page.text
    assert 'id="max_choices" name="max_choices" type="text" value="2"' in page.text
    assert gateway.calls("PATCH", API) == []


async def test_answers_are_saved_without_the_empty_ones(desk, gateway):
    show(gateway, rule="approval")
    gateway.on("PATCH", API, 200, {})
    fields = rows("A", "", "C", options__2__labels__fr="Trois", max_choices="2", version="7")
    page = await send(desk, f"{MINE}/answers", **fields)
    assert page.location == f"{MINE}/when"
    (body,) = gateway.calls("PATCH", API)
    assert [option["labels"] for option in body["options"]] == [{"nl": "A"}, {"nl": "C", "fr": "Trois"}]
    assert body["max_choices"] == 2


@pytest.mark.parametrize("tag", LANGUAGES)
@pytest.mark.usefixtures("four_languages")
async def test_mistakes_in_answers_have_sentences_in_every_language_and_lose_nothing(desk, gateway, tag):
    show(gateway, rule="approval")
    fields = rows("", "y" * 301, options__0__descriptions__nl="Zonder naam", max_choices="9")
    page = await send(desk, f"/{tag}/manage/polls/{POLL}/answers", **fields)
    assert page.status == 422
    assert mistakes(page) == ["options-0-labels-nl", "options-1-labels-nl", "max_choices"]
    assert "Zonder naam" in page.text
    assert "y" * 301 in page.text


async def test_one_answer_is_too_few_to_go_on_and_enough_to_finish_later(desk, gateway):
    show(gateway)
    gateway.on("PATCH", API, 200, {})
    page = await send(desk, f"{MINE}/answers", **rows("A", ""))
    assert (page.status, mistakes(page)) == (422, ["options-1-labels-nl"])
    page = await send(desk, f"{MINE}/answers", **rows("A", "", do="later"))
    assert page.location == f"{MINE}?done=saved"


async def test_a_draft_without_times_has_a_suggestion_on_working_days(desk, gateway):
    show(gateway, opens_at=None, closes_at=None)
    page = await desk.get(f"{MINE}/when")
    days = [datetime.fromisoformat(day) for day in re.findall(r'type="date" value="([^"]+)"', page.text)]
    assert len(days) == 2
    assert all(day.weekday() < 5 for day in days)
    assert days[1] - days[0] == timedelta(weeks=3)


async def test_times_are_saved_as_instants_and_opening_at_once_needs_no_time(desk, gateway):
    show(gateway)
    gateway.on("PATCH", API, 200, {})
    day, hour = wall(datetime(2099, 6, 16, 18, tzinfo=UTC))
    fields = {"closes_at__date": day, "closes_at__time": hour, "opens_at__date": "nonsense"}
    page = await send(desk, f"{MINE}/when?back=check", start="now", **fields)
    assert page.location == f"{MINE}/check"
    body = gateway.calls("PATCH", API)[-1]
    assert body["closes_at"] == "2099-06-16T18:00:00+00:00"
    assert datetime.fromisoformat(body["opens_at"]) <= datetime.now(UTC)


def at(name, day, hour="09:00"):
    return {f"{name}__date": day, f"{name}__time": hour}


@pytest.mark.parametrize("tag", LANGUAGES)
@pytest.mark.parametrize(
    ("fields", "targets"),
    [
        ({}, ["start-now", "closes_at-date", "closes_at-time"]),
        (
            {"start": "time"} | at("opens_at", "2001-01-01") | at("closes_at", "2001-02-01"),
            ["opens_at-date", "closes_at-date"],
        ),
        (
            {"start": "time"} | at("opens_at", "2099-03-02") | at("closes_at", "2099-03-01"),
            ["closes_at-date"],
        ),
        ({"start": "now", "closes_at__date": "2099-03-29", "closes_at__time": "02:30"}, ["closes_at-time"]),
        ({"start": "now", "closes_at__date": "2099-10-25", "closes_at__time": "02:30"}, ["closes_at-turn-first"]),
    ],
)
@pytest.mark.usefixtures("four_languages")
async def test_mistaken_times_have_sentences_in_every_language_and_stay(desk, gateway, tag, fields, targets):
    show(gateway)
    page = await send(desk, f"/{tag}/manage/polls/{POLL}/when", **fields)
    assert (page.status, mistakes(page)) == (422, targets)
    for name, text in fields.items():
        assert f'value="{text}"' in page.text, name
    assert gateway.calls("PATCH", API) == []


async def test_of_two_officials_the_later_one_is_told_and_keeps_their_text(desk, gateway):
    show(gateway, version=9)
    gateway.refuse("PATCH", API, 409, "changed_meanwhile")
    page = await send(desk, f"{MINE}/question", titles__nl="Mijn titel", rule="single", version="7")
    assert page.status == 409
    assert "Iemand anders heeft deze peiling gewijzigd" in page.text
    assert 'value="Mijn titel"' in page.text
    assert 'name="version" value="9"' in page.text, "saving again means it"


async def test_a_poll_that_was_announced_meanwhile_keeps_the_text_too(desk, gateway):
    show(gateway)
    gateway.refuse("PATCH", API, 409, "poll_frozen")
    page = await send(desk, f"{MINE}/question", titles__nl="Te laat", rule="single", version="7")
    assert page.status == 409
    assert "ondertussen aangekondigd" in page.text
    assert 'value="Te laat"' in page.text


@pytest.mark.parametrize("step", ["question", "answers", "when"])
async def test_each_step_can_be_saved_and_finished_later_as_it_is(desk, gateway, step):
    show(gateway, options=[], opens_at=None, closes_at=None)
    gateway.on("PATCH", API, 200, {"poll_id": POLL, "status": "draft", "titles": {}, "rule": "single", "version": 8})
    fields = {"titles-nl": "Welk plein?", "rule": "single", "start": "time", "version": "7"}
    page = await send(desk, f"{MINE}/{step}?back=check", do="later", **fields)
    assert page.location == f"{MINE}?done=saved"
    assert len(gateway.calls("PATCH", API)) == 1


async def test_a_new_poll_can_be_finished_later_too(desk, gateway):
    show(gateway)
    gateway.on("POST", "/api/v1/polls", 201, {"poll_id": POLL, "status": "draft", "titles": {}, "rule": "single"})
    page = await send(desk, "/nl/manage/polls/new", do="later", titles__nl="Welk plein?", rule="single", key="a" * 32)
    assert page.location == f"{MINE}?done=saved"


# Check, announce, preview


async def test_what_blocks_a_draft_is_named_where_it_is_mended_and_there_is_no_button(desk, gateway):
    show(gateway, options=[], closes_at=None)
    page = await desk.get(f"{MINE}/check")
    assert f'href="{MINE}/answers?back=check">Breng dit in orde' in page.text
    assert f'href="{MINE}/when?back=check">Breng dit in orde' in page.text
    assert "Kondig de peiling aan" not in page.text


async def test_warnings_do_not_keep_a_draft_from_being_announced(desk, gateway):
    show(gateway)
    page = await desk.get(f"{MINE}/check")
    assert "Nog niet in het Frans" in page.text
    assert "Kondig de peiling aan" in page.text
    assert "liggen de vraag, de antwoorden en de methode vast" in page.text


async def test_what_is_announced_is_the_version_that_was_checked(desk, gateway):
    show(gateway)
    gateway.on("POST", f"{API}/schedule", 200, {})
    page = await send(desk, f"{MINE}/check", version="7")
    assert page.location == f"{MINE}?done=announced"
    assert gateway.calls("POST", f"{API}/schedule") == [{"version": 7}]
    gateway.refuse("POST", f"{API}/schedule", 409, "changed_meanwhile")
    page = await send(desk, f"{MINE}/check", version="6")
    assert page.status == 409
    assert "Iemand anders heeft deze peiling gewijzigd" in page.text
    gateway.refuse("POST", f"{API}/schedule", 409, "closes_in_the_past")
    page = await send(desk, f"{MINE}/check", version="7")
    assert (page.status, mistakes(page)) == (422, ["announce"])


async def test_pressing_announce_twice_ends_at_the_announced_poll(desk, gateway):
    show(gateway, status="open")
    gateway.refuse("POST", f"{API}/schedule", 409, "not_a_draft")
    assert (await send(desk, f"{MINE}/check", version="7")).location == f"{MINE}?done=announced"
    assert (await desk.get(f"{MINE}/check")).location == MINE
    assert (await desk.get(f"{MINE}/question")).location == MINE


@pytest.mark.parametrize("rule", ["yes_no", "single", "approval", "irv", "schulze"])
async def test_the_preview_shows_the_ballot_in_every_language_and_cannot_be_cast(desk, gateway, rule):
    show(gateway, rule=rule)
    said = (("nl", "Welk plein?", "Hoe wordt dit geteld?"), ("fr", "Quelle place ?", "Comment compte-t-on"))
    for tag, title, counting in said:
        page = await desk.get(f"/{tag}/manage/polls/{POLL}/preview")
        assert title in page.text
        assert counting in page.text
        assert page.text.count(f'href="/en/manage/polls/{POLL}/preview') <= 1, "languages are changed in one place"
        assert 'id="ballot"' in page.text
        assert 'type="submit"' not in page.text.split("<main")[1]


# Copy and delete


async def test_a_copy_has_the_texts_and_no_times(desk, gateway):
    options = [{"number": n, "labels": {"nl": str(n)}, "descriptions": {}} for n in (3, 1, 2)]
    show(gateway, status="published", options=options)
    gateway.on("POST", "/api/v1/polls", 201, {"poll_id": POLL, "status": "draft", "titles": {}, "rule": "single"})
    page = await send(desk, f"{MINE}/copy", key="d" * 32)
    assert page.location == f"{MINE}?done=copied"
    (body,) = gateway.calls("POST", "/api/v1/polls")
    assert [option["labels"]["nl"] for option in body["options"]] == ["1", "2", "3"], "in the author's order"
    assert not {"opens_at", "closes_at", "status", "notices", "version"} & body.keys()


async def test_a_draft_is_deleted_after_asking_and_an_announced_poll_is_not(desk, gateway):
    show(gateway)
    assert "Dit ontwerp verwijderen?" in (await desk.get(f"{MINE}/delete")).text
    gateway.on("DELETE", API, 204)
    page = await send(desk, f"{MINE}/delete")
    assert page.location == "/nl/manage/polls?done=deleted"
    assert "Het ontwerp is verwijderd." in (await desk.follow(page)).text
    gateway.refuse("DELETE", API, 409, "poll_frozen")
    page = await desk.follow(await send(desk, f"{MINE}/delete"))
    assert "U kunt ze annuleren, niet verwijderen." in page.text


async def test_a_draft_lists_its_steps_and_how_complete_each_language_is(desk, gateway):
    show(gateway)
    page = await desk.get(MINE)
    for step in ("question", "answers", "when", "check"):
        assert f'href="{MINE}/{step}"' in page.text
    assert "1 van 5 teksten" in page.text
    show(gateway, rule="yes_no")
    assert f'href="{MINE}/answers"' not in (await desk.get(MINE)).text


# A poll that was announced


@pytest.mark.parametrize(
    ("status", "acts", "reason"),
    [
        ("scheduled", {"extend", "cancel"}, "Ze is nog niet open."),
        ("open", {"extend", "close", "cancel"}, "Niemand ziet een tussenstand"),
        ("closed", {"publish"}, "De peiling is afgelopen."),
        ("published", set(), "mensen rekenen erop"),
        ("cancelled", set(), "wordt niet geteld"),
    ],
)
async def test_a_poll_says_what_can_be_done_and_what_not_and_why(desk, gateway, status, acts, reason):
    show(gateway, status=status, ballots=3 if status in {"closed", "published"} else None)
    page = await desk.get(MINE)
    offered = {act for act in ("extend", "close", "cancel", "publish") if f'href="{MINE}/{act}"' in page.text}
    assert offered == acts
    assert reason in page.text
    assert "disabled" not in page.text
    for act in {"extend", "close", "cancel", "publish"} - acts - ({"publish"} if status == "published" else set()):
        page = await desk.follow(await desk.get(f"{MINE}/{act}"))
        assert "Dit kan niet meer" in page.text


@pytest.mark.parametrize(("act", "did"), [("extend", "extended"), ("close", "closed"), ("cancel", "cancelled")])
async def test_acts_need_a_reason_in_each_language_of_the_poll_and_then_say_what_they_did(desk, gateway, act, did):
    show(gateway, status="open")
    when = {"closes_at__date": "2099-06-16", "closes_at__time": "20:00"} if act == "extend" else {}
    page = await send(desk, f"{MINE}/{act}", **when, reason__nl="Storm.")
    assert (page.status, mistakes(page)) == (422, ["reason-fr"])
    assert "Storm." in page.text
    gateway.on("POST", f"{API}/{act}", 200, {})
    page = await send(desk, f"{MINE}/{act}", **when, reason__nl="Storm.", reason__fr="Tempête.")
    assert page.location == f"{MINE}?done={did}"
    assert gateway.calls("POST", f"{API}/{act}")[-1]["reason"] == BOTH
    assert 'role="status"' in (await desk.follow(page)).text


async def test_an_act_asks_for_its_reason_also_in_a_language_that_was_switched_off_meanwhile(desk, gateway):
    show(gateway, status="open", titles={"nl": "Plein?", "fr": "Place ?", "de": "Platz?"})
    assert 'id="reason-de"' in (await desk.get(f"{MINE}/cancel")).text
    page = await send(desk, f"{MINE}/cancel", **{"reason-nl": "Storm.", "reason-fr": "Tempête."})
    assert (page.status, mistakes(page)) == (422, ["reason-de"])
    gateway.on("POST", f"{API}/cancel", 200, {})
    page = await send(desk, f"{MINE}/cancel", **{"reason-nl": "Storm.", "reason-fr": "Tempête.", "reason-de": "Sturm."})
    assert gateway.calls("POST", f"{API}/cancel")[-1]["reason"] == BOTH | {"de": "Sturm."}


async def test_saving_a_draft_keeps_its_texts_in_a_language_that_was_switched_off_meanwhile(desk, gateway):
    three = {"nl": "Plein", "fr": "Place", "de": "Platz"}
    options = [{"number": n, "labels": three, "descriptions": {"de": "Mehr."}} for n in (1, 2)]
    show(gateway, titles=three, options=options)
    gateway.on("PATCH", API, 200, {})
    for step in ("question", "answers"):
        controls = _typed((await desk.get(f"{MINE}/{step}")).text)
        await send(desk, f"{MINE}/{step}", **controls, do="next")
    question, answers = gateway.calls("PATCH", API)
    assert question["titles"] == three
    assert answers["options"] == [{"labels": three, "descriptions": {"de": "Mehr."}}] * 2


async def test_an_earlier_closing_time_is_no_extension(desk, gateway):
    show(gateway, status="open")
    fields = {"closes_at__date": "2001-06-16", "closes_at__time": "20:00", "reason__nl": "x", "reason__fr": "y"}
    page = await send(desk, f"{MINE}/extend", **fields)
    assert (page.status, mistakes(page)) == (422, ["closes_at-date"])


@pytest.mark.parametrize(
    ("act", "code", "words"),
    [
        ("extend", "poll_not_running", "ondertussen afgelopen"),
        ("cancel", "poll_not_running", "ondertussen afgelopen"),
        ("close", "poll_not_open", "ondertussen gesloten"),
    ],
)
async def test_a_poll_that_ended_meanwhile_is_said_and_the_reason_is_kept(desk, gateway, act, code, words):
    show(gateway, status="open")
    gateway.refuse("POST", f"{API}/{act}", 409, code)
    when = {"closes_at__date": "2099-06-16", "closes_at__time": "20:00"}
    page = await send(desk, f"{MINE}/{act}", **when, reason__nl="Storm.", reason__fr="Tempête.")
    assert page.status == 409
    assert words in page.text
    assert "Tempête." in page.text


async def test_a_button_pressed_twice_acts_once_and_ends_where_the_first_did(desk, gateway):
    at = datetime.now(UTC).isoformat()
    show(gateway, status="cancelled", notices=[{"kind": "cancelled", "reason": BOTH, "at": at}])
    page = await send(desk, f"{MINE}/cancel", reason__nl="Storm.", reason__fr="Tempête.")
    assert page.location == f"{MINE}?done=cancelled"
    assert gateway.calls("POST", f"{API}/cancel") == []


async def test_officials_see_the_result_before_they_publish_it(desk, gateway):
    show(gateway, status="closed", rule="yes_no", ballots=3)
    gateway.on("GET", f"{API}/result", 200, RESULT)
    page = await desk.get(f"{MINE}/publish")
    assert "Alleen medewerkers zien dit tot u het publiceert" in page.text
    assert "Publiceer het resultaat" in page.text
    gateway.on("POST", f"{API}/publish", 200, {})
    assert (await send(desk, f"{MINE}/publish")).location == f"{MINE}?done=published"
    gateway.refuse("POST", f"{API}/publish", 409, "poll_not_closed")
    assert (
        "Alleen het resultaat van een gesloten peiling" in (await desk.follow(await send(desk, f"{MINE}/publish"))).text
    )


async def test_a_poll_that_is_not_counted_yet_says_so(desk, gateway):
    show(gateway, status="closed", ballots=None)
    gateway.refuse("GET", f"{API}/result", 403, "result_not_published")
    page = await desk.get(f"{MINE}/publish")
    assert page.status == 200
    assert "De stemmen worden geteld" in page.text
    assert "Publiceer het resultaat" not in page.text


# Nothing is lost on the way


@pytest.mark.parametrize(
    ("trouble", "status", "words"),
    [
        ("unavailable", 503, "Opslaan lukte niet, maar wat u typte is bewaard"),
        ("busy", 429, "Nog niet opgeslagen, maar wat u typte is bewaard"),
        ("signed_out", 401, "U bent afgemeld, maar wat u typte is bewaard"),
        ("stale", 409, "Nog één stap: verzend het opnieuw"),
    ],
)
async def test_whatever_comes_in_between_a_form_is_kept_whole_and_sent_again(desk, gateway, trouble, status, words):
    show(gateway, status="open")
    if trouble == "unavailable":
        gateway.refuse("POST", f"{API}/close", 503, "service_unavailable")
    if trouble == "busy":
        gateway.refuse("POST", f"{API}/close", 429, "too_many_requests", retry_after="2")
    if trouble == "signed_out":
        desk.cookies.clear()
    if trouble == "stale":
        desk.token = "0" * 32
    page = await send(desk, f"{MINE}/close", reason__nl="Storm \r\n op zee", reason__fr='"Tempête"')
    assert page.status == status
    assert words in page.text
    assert f'action="{MINE}/close"' in page.text
    assert '<input type="hidden" name="reason-fr" value="&#34;Tempête&#34;">' in page.text
    if trouble in {"unavailable", "busy"}:
        assert "retry-after" in page.headers
    if trouble == "stale":
        desk.token = re.search(r'name="token" value="([^"]+)"', page.text)[1]
        gateway.on("POST", f"{API}/close", 200, {})
        page = await send(desk, f"{MINE}/close", reason__nl="Storm", reason__fr="Tempête")
        assert page.location == f"{MINE}?done=closed"


@pytest.mark.parametrize("code", ["not_found", "something_new"])
async def test_a_form_that_is_refused_for_another_reason_is_kept_too(desk, gateway, code):
    show(gateway)
    gateway.refuse("PATCH", API, 404 if code == "not_found" else 409, code)
    page = await send(desk, f"{MINE}/question", titles__nl="Welk plein dan?", rule="single")
    assert page.status == (404 if code == "not_found" else 409)
    assert "Het werd niet aanvaard, maar wat u typte is bewaard" in page.text
    assert '<input type="hidden" name="titles-nl" value="Welk plein dan?">' in page.text


@pytest.mark.usefixtures("four_languages")
async def test_a_hundred_answers_explained_in_four_languages_are_saved(desk, gateway):
    show(gateway)
    gateway.on("PATCH", API, 200, {})
    texts = {"labels": "Een plein vol échte bomen " * 3, "descriptions": "Waarom we dit zo willen. " * 12}
    named = {
        f"options-{n}-{part}-{tag}": f"{n} {text}"
        for n in range(100)
        for part, text in texts.items()
        for tag in LANGUAGES
    }
    page = await send(desk, f"{MINE}/answers", **named, rows="100", do="next")
    assert page.status == 303
    (body,) = gateway.calls("PATCH", API)
    assert [len(option["labels"]) for option in body["options"]] == [4] * 100


async def test_citizens_forms_stay_small(desk):
    assert (await send(desk, "/nl/account/language", language="n" * 70_000)).status == 404


async def test_a_role_that_was_taken_away_is_said_as_such(desk, gateway):
    show(gateway)
    gateway.refuse("PATCH", API, 403, "forbidden")
    page = await send(desk, f"{MINE}/question", titles__nl="Plein?", rule="single")
    assert page.status == 403
    assert "U kunt deze pagina niet openen" in page.text
