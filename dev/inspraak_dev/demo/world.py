"""What the demonstration is about: a government, its people, its polls. Data only."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib.resources import files
from typing import Any

from chassis.local_time import BRUSSELS

SLUG = "leuven"
GOVERNMENT = {
    "slug": SLUG,
    "name-nl": "Leuven",
    "name-fr": "Louvain",
    "name-de": "Löwen",
    "name-en": "Leuven",
    "host": "leuven.localhost",
    "languages": "nl,fr,en",
    "colour": "#7a1f3d",
    "nis": "24062",
    "kbo": "0207521503",
    "contact": "inspraak@leuven.localhost",
}
PLATFORM = {
    "kind": "platform",
    "slug": "platform",
    "name-nl": "Inspraak",
    "name-en": "Inspraak",
    "host": "platform.localhost",
    "languages": "nl,fr,de,en",
    "colour": "#1f3a7a",
}
OPERATOR = "operator@inspraak.localhost"
OFFICIAL = "official@leuven.localhost"
CITIZEN = "citizen@leuven.localhost"
ELECTION_TITLE = "Burlington 2009: a mayor by three rules"


@dataclass(frozen=True)
class Election:
    """Real ballots: candidates in the file's order, numbered from 1, and how many people cast each ballot."""

    candidates: tuple[str, ...]
    ballots: tuple[tuple[int, list[Any]], ...]

    def expanded(self) -> list[list[Any]]:
        """One ballot for each person."""
        return [ballot for count, ballot in self.ballots for _ in range(count)]


def election() -> Election:
    """The mayoral election of Burlington, Vermont, in 2009 (PrefLib 00005-00000002)."""
    text = (files("inspraak_dev.demo") / "data" / "burlington-2009.json").read_text("utf-8")
    content = json.loads(text)
    return Election(tuple(content["candidates"]), tuple((count, ballot) for count, ballot in content["ballots"]))


def election_poll(candidates: tuple[str, ...], now: datetime) -> dict[str, Any]:
    """The election as a poll by instant runoff, with two rules beside it on the same ballots."""
    return {
        "titles": {
            "nl": "Burlington 2009: een burgemeester volgens drie regels",
            "fr": "Burlington 2009 : un maire selon trois règles",
            "en": ELECTION_TITLE,
        },
        "questions": {
            "nl": "Wie moet burgemeester worden?",
            "fr": "Qui doit devenir maire ?",
            "en": "Who should become mayor?",
        },
        "descriptions": {
            "nl": "De 8.980 echte stembiljetten van de burgemeestersverkiezing in Burlington, Vermont (3 maart 2009), "
            "opnieuw uitgebracht op dit platform. Drie gangbare telregels wijzen op dezelfde stembiljetten drie "
            "verschillende winnaars aan. Bron: PrefLib 00005-00000002 (Mattei en Walsh, 2013).",
            "fr": "Les 8 980 vrais bulletins de l’élection du maire de Burlington (Vermont) du 3 mars 2009, déposés à "
            "nouveau sur cette plateforme. Sur les mêmes bulletins, trois règles courantes désignent trois "
            "vainqueurs. Source : PrefLib 00005-00000002 (Mattei et Walsh, 2013).",
            "en": "The 8,980 real ballots of the mayoral election in Burlington, Vermont, on 3 March 2009, cast again "
            "on this platform. On the same ballots, three usual rules elect three different winners. "
            "Source: PrefLib 00005-00000002 (Mattei and Walsh, 2013).",
        },
        "rule": "irv",
        "compared_with": ["single", "schulze"],
        "options": [{"labels": dict.fromkeys(("nl", "fr", "en"), name)} for name in candidates],
        "opens_at": now.isoformat(),
        "closes_at": (now + timedelta(days=1)).isoformat(),
    }


def living_polls(now: datetime) -> list[dict[str, Any]]:
    """Polls that are open or to come, so that whoever looks has something to vote on."""
    square = {
        "titles": {
            "nl": "Het Hogeschoolplein autovrij?",
            "fr": "La place Hogeschoolplein sans voitures ?",
            "en": "Hogeschoolplein without cars?",
        },
        "questions": {
            "nl": "Moet het Hogeschoolplein permanent autovrij worden?",
            "fr": "Faut-il fermer définitivement la place Hogeschoolplein aux voitures ?",
            "en": "Should Hogeschoolplein become free of cars for good?",
        },
        "descriptions": {
            "nl": "De proef van deze zomer is afgelopen. Leveringen en bewoners met een garage blijven toegelaten.",
            "fr": "L’essai de cet été est terminé. Les livraisons et les riverains avec garage restent autorisés.",
            "en": "This summer's trial is over. Deliveries and residents with a garage keep their access.",
        },
        "rule": "yes_no",
        "opens_at": now.isoformat(),
        "closes_at": _on_the_hour(now, 12, 20),
    }
    bench = {
        "titles": {
            "nl": "Waar komen de nieuwe zitbanken?",
            "fr": "Où placer les nouveaux bancs ?",
            "en": "Where should the new benches go?",
        },
        "questions": {
            "nl": "Welke plaatsen vindt u goed? U mag er meer dan één kiezen.",
            "fr": "Quels endroits vous conviennent ? Vous pouvez en choisir plusieurs.",
            "en": "Which places do you approve of? You may choose more than one.",
        },
        "rule": "approval",
        "options": [
            _option("Stadspark", "Parc de la ville", "City park"),
            _option("Vaartkom", "Vaartkom", "Vaartkom"),
            _option("Sint-Jacobsplein", "Sint-Jacobsplein", "Sint-Jacobsplein"),
            _option("Heilig Hartplein", "Heilig Hartplein", "Heilig Hartplein"),
        ],
        "opens_at": now.isoformat(),
        "closes_at": _on_the_hour(now, 20, 20),
    }
    name = {
        "titles": {
            "nl": "Een naam voor de nieuwe brug",
            "fr": "Un nom pour le nouveau pont",
            "en": "A name for the new bridge",
        },
        "questions": {
            "nl": "Zet de namen in de volgorde van uw voorkeur.",
            "fr": "Classez les noms selon votre préférence.",
            "en": "Rank the names as you prefer them.",
        },
        "rule": "schulze",
        "compared_with": ["irv"],
        "options": [
            _option("Margaretabrug", "Pont Marguerite", "Margaret Bridge"),
            _option("Tolbrug", "Pont du Péage", "Toll Bridge"),
            _option("Vlietbrug", "Pont du Vliet", "Vliet Bridge"),
        ],
        "opens_at": _on_the_hour(now, 3, 8),
        "closes_at": _on_the_hour(now, 17, 20),
    }
    designs = {
        "titles": {
            "nl": "Hoe vindt u de drie ontwerpen voor het park?",
            "fr": "Que pensez-vous des trois projets pour le parc ?",
            "en": "What do you think of the three designs for the park?",
        },
        "rule": "majority_judgment",
        "compared_with": ["score"],
        "options": [
            _option("Bos en beek", "Bois et ruisseau", "Wood and brook"),
            _option("Speelweide", "Plaine de jeux", "Playground"),
            _option("Tuinen", "Jardins", "Gardens"),
        ],
        "opens_at": now.isoformat(),
        "closes_at": _on_the_hour(now, 27, 20),
    }
    return [square, bench, designs, name]


def _on_the_hour(now: datetime, days: int, hour: int) -> str:
    """A whole hour by Belgian clocks, so many days from now; no clock changes at 8 or 20."""
    day = now.astimezone(BRUSSELS) + timedelta(days=days)
    return day.replace(hour=hour, minute=0, second=0, microsecond=0).isoformat()


def _option(nl: str, fr: str, en: str) -> dict[str, Any]:
    return {"labels": {"nl": nl, "fr": fr, "en": en}}
