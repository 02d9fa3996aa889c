"""The gallery of the officials' macros, in their own frame: citizens never load the stylesheet that they need."""

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

from starlette.responses import Response

from web import contrast
from web.fields import Form
from web.gallery import COLOUR, COLOURS, NOW, PATH
from web.i18n import LANGUAGES, Text, language
from web.rules_explained import explain_all
from web.visit import Visit

OFFICIALS = f"{PATH}/officials"
TWICE = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)  # 02:30 by the clocks of Brussels, which show it twice that day


async def show(visit: Visit) -> Response:
    """All of it, in the government's colour or the one of `?colour=7a1f3d`."""
    asked = visit.request.query_params.get("colour", "")
    colour = asked if COLOUR.fullmatch(asked) else visit.government.colour.removeprefix("#").lower()
    visit.personal, visit.now = True, NOW
    return visit.render("gallery_officials", colours=COLOURS, colour=colour, **_facts(visit, colour))


def _facts(visit: Visit, colour: str) -> dict[str, Any]:
    """What the specimens are made of."""
    here = Text("Een groener dorpsplein", visit.lang.tag)
    task = SimpleNamespace(name="De vraag", href="#", note="In het Nederlands en het Frans", state=("klaar", "success"))
    undone = SimpleNamespace(name="De antwoorden", href="#", note="", state=("nog te doen", "warning"))
    sections = [SimpleNamespace(id=words, name=words, href="#") for words in ("Overzicht", "Peilingen")]
    return {
        "framed": SimpleNamespace(name=here, sections=sections),
        "signed_in": SimpleNamespace(signed_in=True, form_token="…"),  # noqa: S106 - a specimen
        "good": _filled(visit),
        "bad": _mistaken(visit),
        "tongues": [language(tag) for tag in LANGUAGES[:2]],
        "tasks": [task, undone],
        "queue": [
            SimpleNamespace(
                title=here, path="#", why="Gesloten op zondag 14 juni. Het resultaat is nog niet gepubliceerd.",
                next=("Bekijk en publiceer", "#"), tag=("Gesloten", "neutral"),
            )
        ],
        "draft": SimpleNamespace(poll=SimpleNamespace(version=3, rule="single")),
        "yes_no": SimpleNamespace(poll=SimpleNamespace(version=3, rule="yes_no")),
        "linked": SimpleNamespace(id=7, title=here),
        "explained": explain_all(visit.lang),
        "texts": {"nl": "Wat komt er op het plein?"},
        "pairs": contrast.table(f"#{colour}", "light", visit.lang.gettext)[:3],
    }  # fmt: skip


def _filled(visit: Visit) -> Form:
    values = {
        "title": "Een groener dorpsplein",
        "titles-nl": "Een groener dorpsplein",
        "titles-fr": "Une place plus verte",
        "opens_at-date": f"{TWICE:%Y-%m-%d}",
        "opens_at-time": "02:30",
        "rule": "approval",
        "key": "0" * 32,
    }
    form = Form(visit.lang, {name: [text] for name, text in values.items()})
    form.moment("opens_at", "Opening")
    form.mistakes.clear()
    return form


def _mistaken(visit: Visit) -> Form:
    form = Form(visit.lang, {"wrong-title": [""], "closes_at-date": ["31/2"], "closes_at-time": ["25 uur"]})
    form.text("wrong-title", "Titel", required=True)
    form.moment("closes_at", "Sluiting", required=True)
    form.choice("wrong-rule", "Methode", ("single", "approval"))
    return form
