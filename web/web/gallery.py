"""The gallery: every macro of templates/components in its states, in any colour. Served in development only.

Nothing in it moves: its clock stands still and its polls are made here, so that two pictures of it can be compared.
What it shows stands in `templates/pages/gallery.html`; a macro without a place there fails a test.
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, get_args
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response

from web import api, contrast, forms, theme
from web.fields import Form
from web.i18n import Text, language
from web.polls import ChosenView, PollView, VoteView
from web.results import ResultView, RuleView
from web.visit import Visit

PATH = "/_gallery"
COLOURS = {"7a1f3d": "dark red", "ffd400": "yellow", "f4f1ea": "nearly white", "111111": "nearly black"}
COLOUR = re.compile(r"[0-9a-f]{6}")
NOW = datetime(2026, 6, 15, 9, 30, tzinfo=UTC)
LABELS = ("Een plein met linden", "Waterspeelplek", "Parkeren onder de bomen")
TIED = {"eliminated": [3], "because": "tied_without_effect", "tied": [2, 3]}
BALLOTS = ("yes_no", "single", "approval", "irv", "majority_judgment", "score")
GRADES = {"1": [0, 0, 2, 1, 3, 4], "2": [0, 2, 2, 3, 2, 1], "3": [3, 3, 2, 1, 1, 0]}
JUDGED = {"code": "majority_grade", "options": [1], "votes": ["7", "10"], "grades": [4]}
MORE = "Aanplanting en onderhoud gedurende drie jaar."


async def show(visit: Visit) -> Response:
    """All of it, in the government's colour or the one of `?colour=7a1f3d`."""
    asked = visit.request.query_params.get("colour", "")
    colour = asked if COLOUR.fullmatch(asked) else visit.government.colour.removeprefix("#").lower()
    visit.personal, visit.now = True, NOW
    return visit.render("gallery", colours=COLOURS, colour=colour, **_facts(visit))


async def palette(request: Request) -> Response:
    """A colour as a stylesheet."""
    colour = request.path_params["colour"]
    if not COLOUR.fullmatch(colour):
        return Response(status_code=404)
    return Response(theme.stylesheet(f"#{colour}"), media_type="text/css")


def _facts(visit: Visit) -> dict[str, Any]:
    """What the specimens are made of."""
    moment = visit.moment(NOW)
    open_poll = _poll(visit, "open", "yes_no")
    return _officials(visit) | {
        "here_text": Text("Een groener plein", visit.lang.tag),
        "foreign_text": Text("Une place plus verte", "fr", foreign=True),
        "long_text": Text("Eerste alinea.\n\nTweede alinea,\nmet een nieuwe regel.", visit.lang.tag),
        "foreign_long_text": Text("Premier alinéa.\n\nSecond alinéa.", "fr", foreign=True),
        "no_text": Text("", visit.lang.tag),
        "moment": moment,
        "mistake": forms.Mistake("Kies een antwoord, of kies “Blanco”", "choice-1"),
        "signed_in": SimpleNamespace(signed_in=True, form_token="…"),  # noqa: S106 - a specimen
        "polls": {status: _poll(visit, status, "single") for status in get_args(api.Status)},
        "noticed": _poll(visit, "cancelled", "single", notices=_notices()),
        "votes": _votes(open_poll, moment),
        "ballots": {rule: _poll(visit, "open", rule) for rule in BALLOTS},
        "filled": forms.Filled(frozenset({2}), places={1: 2, 2: 1}, grades={1: 4, 2: 0}),
        "empty": forms.Filled(),
        "blank": forms.Filled(blank=True),
        "chosen": _chosen(visit),
        "rules": _rules(visit),
    }


def _officials(visit: Visit) -> dict[str, Any]:
    """The parts of officials' pages: forms free and mistaken, lists of work, the look of a colour."""
    free = Form.filled(visit.lang, {"title-nl": "Een groener plein", "day-date": "2026-06-15", "role": "moderator"})
    wrong = Form.filled(visit.lang, {"title-nl": "Een groener plein", "turn-turn": "first"})
    for name in ("title", "text-fr", "day-date", "role-moderator"):
        wrong.wrong(name, "Vul dit in")
    done, waits = ("Klaar", "success"), ("Nog te doen", "warning")
    tasks = [
        {"name": "Vraag en antwoorden", "href": "#", "state": done, "note": ""},
        {"name": "Wanneer", "href": "#", "state": waits, "note": "De peiling heeft nog geen einde."},
    ]
    queue = [
        {"title": Text("Een groener plein", visit.lang.tag), "path": "#", "why": "Gesloten op zondag 14 juni.",
         "next": ("Publiceer het resultaat", "#"), "tag": ("Gesloten", "neutral")},
    ]  # fmt: skip
    return {
        "free": free,
        "wrong": wrong,
        "tasks": tasks,
        "queue": queue,
        "tongues": [language(tag) for tag in ("nl", "fr")],
        "side": SimpleNamespace(
            name=Text("Leuven", visit.lang.tag),
            sections=[
                SimpleNamespace(id=id_, href="#", name=name) for id_, name in (("a", "Overzicht"), ("b", "Mensen"))
            ],
        ),
        "contrasts": contrast.table("#ffd400", "light", visit.lang.gettext)[:4],
    }


def _poll(visit: Visit, status: str, rule: str, **more: Any) -> PollView:
    labels = ("Ja", "Nee") if rule == "yes_no" else LABELS
    options = [
        {"number": number, "labels": {"nl": label}, "descriptions": {"nl": MORE} if number == 1 else {}}
        for number, label in enumerate(labels, 1)
    ]
    opens = NOW + timedelta(days=3) if status == "scheduled" else NOW - timedelta(days=3)
    closes = NOW - timedelta(days=1) if status in {"closed", "published"} else NOW + timedelta(days=12, hours=2)
    facts = {
        "poll_id": UUID(int=7),
        "status": status,
        "titles": {"nl": "Een groener dorpsplein"},
        "questions": {"nl": "Wat komt er op het dorpsplein?"},
        "rule": rule,
        "options": options,
        "opens_at": opens,
        "closes_at": closes,
    }
    return PollView(api.Poll.model_validate(facts | more), visit)


def _notices() -> Sequence[dict[str, Any]]:
    reason = {"nl": "Door een storing konden mensen een uur lang niet stemmen."}
    return [{"kind": kind, "reason": reason, "at": NOW} for kind in ("extended", "cancelled", "closed_early", "other")]


def _votes(poll: PollView, moment: Any) -> dict[str, VoteView]:
    return {
        "yes": VoteView(voted=True, at=moment, choices=[1], chosen=poll.chosen([1])),
        "no": VoteView(voted=False),
        "not known": VoteView(voted=False, known=False),
    }


def _chosen(visit: Visit) -> dict[str, ChosenView]:
    ranked, ticked = _poll(visit, "open", "irv"), _poll(visit, "open", "approval")
    return {
        "one": ticked.chosen([1]),
        "graded": _poll(visit, "open", "majority_judgment").chosen([[1, 4], [2, 0]]),
        "several": ticked.chosen([1, 3]),
        "ranked, two equal": ranked.chosen([2, [1, 3]]),
        "blank": ticked.chosen([]),
    }


def _rules(visit: Visit) -> dict[str, RuleView]:
    """A result of each shape: bars with shares, rounds with notes, pairs, a tie, nobody voted."""
    poll, yes_no = _poll(visit, "published", "irv"), _poll(visit, "published", "yes_no")
    rounds = [
        {
            "totals": {"1": "4200", "2": "2600", "3": "2600"},
            "eliminated": [3],
            "because": "tied_without_effect",
            "tied": [2, 3],
        },
        {"totals": {"1": "4314", "2": "4061/2"}, "exhausted": 602},
    ]
    pairs = {"1": {"2": 4314, "3": 5100}, "2": {"1": 4064, "3": 4800}, "3": {"1": 1900, "2": 2100}}
    first = [[1], [2], [3]]
    results = {
        "yes or no": (
            yes_no,
            {"rule": "yes_no", "winners": [1], "ranking": [[1], [2]], "rounds": [{"totals": {"1": "812", "2": "411"}}],
             "facts": [{"code": "accepted", "votes": ["812", "411"]}]},
        ),
        "rounds": (
            poll,
            {"rule": "irv", "winners": [1], "ranking": first, "rounds": rounds,
             "facts": [{"code": "majority", "options": [1], "votes": ["4314", "12689/2"]}]},
        ),
        "pairs": (poll, {"rule": "schulze", "winners": [1], "ranking": first, "pairwise": pairs}),
        "a tie": (
            poll,
            {"rule": "approval", "winners": [1, 2], "tied": True, "ranking": [[1, 2], [3]],
             "rounds": [{"totals": {"1": "12", "2": "12", "3": "3"}}],
             "facts": [{"code": "tie", "options": [1, 2]}]},
        ),
        "grades": (
            _poll(visit, "published", "majority_judgment"),
            {"rule": "majority_judgment", "winners": [1], "ranking": first, "grades": GRADES,
             "majority_grades": {"1": 4, "2": 3, "3": 1}, "facts": [JUDGED]},
        ),
        "points": (
            _poll(visit, "published", "score"),
            {"rule": "score", "winners": [1], "ranking": first, "grades": GRADES,
             "rounds": [{"totals": {"1": "31", "2": "25", "3": "16"}}],
             "facts": [{"code": "most_points", "options": [1], "votes": ["31", "31/10"]}]},
        ),
        "no votes": (
            poll,
            {"rule": "single", "winners": [], "ranking": [[1, 2, 3]], "facts": [{"code": "no_votes"}],
             "rounds": [{"totals": {"1": "0", "2": "0", "3": "0"}}]},
        ),
    }  # fmt: skip
    made = {}
    for name, (of, facts) in results.items():
        result = api.Result.model_validate({"poll_id": UUID(int=7), "ballots": 8980, "results": [facts]})
        made[name] = ResultView(result, of, visit.lang).own
    return made
