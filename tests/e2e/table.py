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
    "/static/{name}",
    "/t/{slug}/{name}",
    "/robots.txt",
}
