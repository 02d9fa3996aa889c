"""The table of pages that every gate looks at. A new page is a new line; a page that has none fails a test."""

from dataclasses import dataclass

POLL = "/{locale:language}/polls/{poll_id:uuid}"
MANAGE = "/{locale:language}/manage"
MANAGED = f"{MANAGE}/polls/{{poll_id:uuid}}"
PERSON = f"{MANAGE}/people/{{person_id:uuid}}"
CITIZEN = {"html": 14, "css": 18, "js": 20, "requests": 10, "all": 60}  # KB as sent; design of the pages, §5.1
OFFICIAL = {"html": 30, "css": 24, "js": 90, "requests": 15, "all": 150}


@dataclass(frozen=True)
class Line:
    """One page in one state: its route, its address (`{open}` is a poll of the world), and who looks at it."""

    name: str
    route: str
    path: str
    who: str = "visitor"
    status: int = 200

    @property
    def budget(self) -> dict[str, int]:
        """What it may weigh."""
        return OFFICIAL if "/manage" in self.route else CITIZEN


STEPS = ("question", "answers", "when", "check", "preview", "delete")  # of a draft
ACTS = ("extend", "close", "cancel")  # on an open poll
PAGES = (
    Line("home", "/{locale:language}/", "/"),
    Line("home of a voter", "/{locale:language}/", "/", "voter"),
    Line("polls", "/{locale:language}/polls", "/polls"),
    Line("no polls", "/{locale:language}/polls", "/polls?status=nothing&after=bm9uZQ", status=404),
    Line("results", "/{locale:language}/polls", "/polls?status=published"),
    Line("open poll", POLL, "/polls/{open}"),
    Line("open poll, voted", POLL, "/polls/{open}", "voter"),
    Line("open poll, ranking", POLL, "/polls/{ranked}"),
    Line("open poll, several", POLL, "/polls/{several}"),
    Line("open poll, grades", POLL, "/polls/{graded}"),
    Line("scheduled poll", POLL, "/polls/{scheduled}", "voter"),
    Line("closed poll", POLL, "/polls/{closed}"),
    Line("cancelled poll", POLL, "/polls/{cancelled}"),
    Line("published poll", POLL, "/polls/{published}"),
    Line("result", f"{POLL}/result", "/polls/{published}/result"),
    Line("review", f"{POLL}/review", "/polls/{open}/review", "chooser"),
    Line("confirmation", f"{POLL}/vote", "/polls/{open}/vote", "voter"),
    Line("withdraw", f"{POLL}/withdraw", "/polls/{open}/withdraw", "voter"),
    Line("sign in", "/{locale:language}/sign-in", "/sign-in"),
    Line("code", "/{locale:language}/sign-in/code", "/sign-in/code", "waiting"),
    Line("account", "/{locale:language}/account", "/account", "voter"),
    Line("own votes", "/{locale:language}/account/votes", "/account/votes", "voter"),
    Line("stop mails", "/{locale:language}/unsubscribe", "/unsubscribe?token={stop}"),
    Line("accessibility", "/{locale:language}/accessibility", "/accessibility"),
    Line("privacy", "/{locale:language}/privacy", "/privacy"),
    Line("contact", "/{locale:language}/contact", "/contact"),
    Line("work", MANAGE, "/manage", "official"),
    Line("work: polls", f"{MANAGE}/polls", "/manage/polls", "official"),
    Line("work: new poll", f"{MANAGE}/polls/new", "/manage/polls/new", "official"),
    Line("work: open poll", MANAGED, "/manage/polls/{open}", "official"),
    Line("work: draft", MANAGED, "/manage/polls/{draft}", "official"),
    *(Line(f"work: {step}", f"{MANAGED}/{step}", f"/manage/polls/{{draft}}/{step}", "official") for step in STEPS),
    *(Line(f"work: {act}", f"{MANAGED}/{act}", f"/manage/polls/{{open}}/{act}", "official") for act in ACTS),
    Line("work: publish", f"{MANAGED}/publish", "/manage/polls/{closed}/publish", "official"),
    Line("work: people", f"{MANAGE}/people", "/manage/people", "official"),
    Line("work: invite", f"{MANAGE}/people/invite", "/manage/people/invite", "official"),
    Line("work: person", PERSON, "/manage/people/{person}", "official"),
    Line("work: take role", f"{PERSON}/take/{{role}}", "/manage/people/{person}/take/moderator", "official"),
    Line("work: look", f"{MANAGE}/branding", "/manage/branding", "official"),
    Line("work: settings", f"{MANAGE}/settings", "/manage/settings", "official"),
    Line("work: audit", f"{MANAGE}/audit", "/manage/audit", "official"),
    Line("no such page", "/{path:path}", "/no-such-page", status=404),
)
NO_PAGES = {  # addresses that only lead on, or hold no page
    "/",
    "/language/{chosen:language}",
    "/{locale:language}",
    f"{POLL}/choice",
    f"{POLL}/turnout",
    f"{MANAGE}/audit.csv",
    "/t/{slug}/preview/{colour:colour}.css",
    "/static/{name}",
    "/t/{slug}/{name}",
    "/robots.txt",
}
