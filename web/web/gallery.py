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

from web import api, forms, theme
from web.i18n import Text
from web.polls import ChosenView, PollView, VoteView
from web.results import ResultView, RuleView
from web.visit import Visit

PATH = "/_gallery"
COLOURS = {"7a1f3d": "dark red", "ffd400": "yellow", "f4f1ea": "nearly white", "111111": "nearly black"}
COLOUR = re.compile(r"[0-9a-f]{6}")
NOW = datetime(2026, 6, 15, 9, 30, tzinfo=UTC)
LABELS = ("Een plein met linden", "Waterspeelplek", "Parkeren onder de bomen")
BALLOTS = ("yes_no", "single", "approval", "irv", "score", "majority_judgment")
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
    return {
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
        "several": ticked.chosen([1, 3]),
        "ranked, two equal": ranked.chosen([2, [1, 3]]),
        "graded, one left open": _poll(visit, "open", "majority_judgment").chosen([[1, 5], [3, 0]]),
        "blank": ticked.chosen([]),
    }


def _rules(visit: Visit) -> dict[str, RuleView]:
    """A result of each shape: bars with shares, rounds with notes, pairs, grades, a tie, nobody voted."""
    grades = {"1": [6, 10, 13, 31, 40, 20], "2": [10, 10, 20, 30, 30, 20], "3": [70, 25, 10, 5, 5, 5]}
    poll, yes_no = _poll(visit, "published", "irv"), _poll(visit, "published", "yes_no")
    rounds = [
        {
            "totals": {"1": "4200", "2": "2600", "3": "1300"},
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
        "points": (
            _poll(visit, "published", "score"),
            {"rule": "score", "winners": [1], "ranking": first, "grades": grades,
             "rounds": [{"totals": {"1": "389", "2": "360", "3": "105"}}],
             "means": {"1": "389/120", "2": "3", "3": "7/8"}, "medians": {"1": "7/2", "2": "3", "3": "0"},
             "facts": [{"code": "most_points", "options": [1], "votes": ["389", "389/120"]}]},
        ),
        "judgment": (
            _poll(visit, "published", "majority_judgment"),
            {"rule": "majority_judgment", "winners": [1], "ranking": first, "grades": grades,
             "majority_grades": {"1": 3, "2": 3, "3": 0},
             "facts": [{"code": "majority_grade", "options": [1], "votes": ["91", "120"], "grades": [3]},
                       {"code": "more_above", "options": [1, 2], "votes": ["60", "50"], "grades": [3]}]},
        ),
        "a tie": (
            poll,
            {"rule": "approval", "winners": [1, 2], "tied": True, "ranking": [[1, 2], [3]],
             "rounds": [{"totals": {"1": "12", "2": "12", "3": "3"}}],
             "facts": [{"code": "tie", "options": [1, 2]}]},
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
