"""The table of pages that every gate looks at. A new page is a new line; a page that has none fails a test."""

from dataclasses import dataclass

POLL = "/{locale:language}/polls/{poll_id:uuid}"
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


MANAGE = "/{locale:language}/manage"
A_POLL = f"{MANAGE}/polls/{{poll_id:uuid}}"
SOMEBODY = f"{MANAGE}/people/{{person_id:uuid}}"
OFFICIALS = (
    Line("overview", MANAGE, "/manage", "official"),
    Line("no official", MANAGE, "/manage", "voter", status=403),
    Line("officials' polls", f"{MANAGE}/polls", "/manage/polls", "official"),
    Line("new poll", f"{MANAGE}/polls/new", "/manage/polls/new", "official"),
    Line("draft", A_POLL, "/manage/polls/{draft}", "official"),
    Line("question", f"{A_POLL}/question", "/manage/polls/{draft}/question", "official"),
    Line("answers", f"{A_POLL}/answers", "/manage/polls/{draft}/answers", "official"),
    Line("when", f"{A_POLL}/when", "/manage/polls/{draft}/when", "official"),
    Line("check", f"{A_POLL}/check", "/manage/polls/{draft}/check", "official"),
    Line("preview", f"{A_POLL}/preview", "/manage/polls/{draft}/preview", "official"),
    Line("delete", f"{A_POLL}/delete", "/manage/polls/{draft}/delete", "official"),
    Line("managed open poll", A_POLL, "/manage/polls/{open}?done=announced", "official"),
    Line("managed cancelled poll", A_POLL, "/manage/polls/{cancelled}?too_late=extend", "official"),
    Line("extend", f"{A_POLL}/extend", "/manage/polls/{open}/extend", "official"),
    Line("close", f"{A_POLL}/close", "/manage/polls/{open}/close", "official"),
    Line("cancel", f"{A_POLL}/cancel", "/manage/polls/{open}/cancel", "official"),
    Line("publish", f"{A_POLL}/publish", "/manage/polls/{closed}/publish", "official"),
    Line("people", f"{MANAGE}/people", "/manage/people", "official"),
    Line("invite", f"{MANAGE}/people/invite", "/manage/people/invite", "official"),
    Line("person", SOMEBODY, "/manage/people/{person}", "official"),
    Line("take a role", f"{SOMEBODY}/take/{{role}}", "/manage/people/{person}/take/moderator", "official"),
    Line("look", f"{MANAGE}/branding", "/manage/branding", "official"),
    Line("settings", f"{MANAGE}/settings", "/manage/settings", "official"),
    Line("audit log", f"{MANAGE}/audit", "/manage/audit", "official"),
)
PAGES = (
    *OFFICIALS,
    Line("home", "/{locale:language}/", "/"),
    Line("home of a voter", "/{locale:language}/", "/", "voter"),
    Line("polls", "/{locale:language}/polls", "/polls"),
    Line("no polls", "/{locale:language}/polls", "/polls?status=nothing&after=bm9uZQ", status=404),
    Line("results", "/{locale:language}/polls", "/polls?status=published"),
    Line("open poll", POLL, "/polls/{open}"),
    Line("open poll, voted", POLL, "/polls/{open}", "voter"),
    Line("open poll, ranking", POLL, "/polls/{ranked}"),
    Line("open poll, several", POLL, "/polls/{several}"),
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
    Line("stop mails", "/{locale:language}/unsubscribe", "/unsubscribe?token={stop}"),
    Line("accessibility", "/{locale:language}/accessibility", "/accessibility"),
    Line("privacy", "/{locale:language}/privacy", "/privacy"),
    Line("contact", "/{locale:language}/contact", "/contact"),
    Line("no such page", "/{path:path}", "/no-such-page", status=404),
)
NO_PAGES = {  # addresses that only lead on, or hold no page
    "/",
    "/language/{chosen:language}",
    "/{locale:language}",
    f"{POLL}/choice",
    f"{MANAGE}/audit.csv",
    "/static/{name}",
    "/t/{slug}/preview/{colour:colour}.css",
    "/t/{slug}/{name}",
    "/robots.txt",
}
