"""The mails' words in the platform's four languages. Short sentences; what to do first, why you get this last."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Texts:
    """One language's sentences, with the facts in braces."""

    greeting: str
    opened_subject: str
    opened: str
    vote_here: str
    published_subject: str
    published: str
    won: str
    tie: str
    nobody: str
    see_result: str
    why: str


TEXTS = {
    "nl": Texts(
        greeting="Beste,",
        opened_subject="U kunt stemmen: {title}",
        opened="De peiling “{title}” van {government} is open. U kunt stemmen tot {closes}.",
        vote_here="Bekijk de peiling en stem:",
        published_subject="Het resultaat: {title}",
        published="{government} heeft het resultaat van de peiling “{title}” bekendgemaakt.\n\n{outcome}",
        won="De uitslag: {winners}. Aantal uitgebrachte stemmen: {ballots}.",
        tie="De uitslag is gelijk tussen {winners}. Aantal uitgebrachte stemmen: {ballots}.",
        nobody="Er is geen winnaar. Aantal uitgebrachte stemmen: {ballots}.",
        see_result="Bekijk het volledige resultaat:",
        why="U krijgt deze mail omdat u dat gevraagd hebt. Wilt u zulke mails niet meer? Klik dan hier:",
    ),
    "fr": Texts(
        greeting="Madame, Monsieur,",
        opened_subject="Vous pouvez voter : {title}",
        opened="Le sondage « {title} » de {government} est ouvert. Vous pouvez voter jusqu’au {closes}.",
        vote_here="Consultez le sondage et votez :",
        published_subject="Le résultat : {title}",
        published="{government} a publié le résultat du sondage « {title} ».\n\n{outcome}",
        won="Le résultat : {winners}. Nombre de votes exprimés : {ballots}.",
        tie="Égalité entre {winners}. Nombre de votes exprimés : {ballots}.",
        nobody="Il n’y a pas de vainqueur. Nombre de votes exprimés : {ballots}.",
        see_result="Consultez le résultat complet :",
        why="Vous recevez ce message parce que vous l’avez demandé. Vous n’en voulez plus ? Cliquez ici :",
    ),
    "de": Texts(
        greeting="Guten Tag,",
        opened_subject="Sie können abstimmen: {title}",
        opened="Die Abstimmung „{title}“ von {government} ist eröffnet. Sie können abstimmen bis {closes}.",
        vote_here="Abstimmung ansehen und abstimmen:",
        published_subject="Das Ergebnis: {title}",
        published="{government} hat das Ergebnis der Abstimmung „{title}“ veröffentlicht.\n\n{outcome}",
        won="Das Ergebnis: {winners}. Abgegebene Stimmen: {ballots}.",
        tie="Gleichstand zwischen {winners}. Abgegebene Stimmen: {ballots}.",
        nobody="Es gibt keinen Sieger. Abgegebene Stimmen: {ballots}.",
        see_result="Das vollständige Ergebnis ansehen:",
        why="Sie erhalten diese E-Mail, weil Sie darum gebeten haben. Sie möchten keine mehr? Klicken Sie hier:",
    ),
    "en": Texts(
        greeting="Hello,",
        opened_subject="You can vote: {title}",
        opened="The poll “{title}” of {government} is open. You can vote until {closes}.",
        vote_here="See the poll and vote:",
        published_subject="The result: {title}",
        published="{government} has published the result of the poll “{title}”.\n\n{outcome}",
        won="The result: {winners}. Votes cast: {ballots}.",
        tie="A tie between {winners}. Votes cast: {ballots}.",
        nobody="There is no winner. Votes cast: {ballots}.",
        see_result="See the full result:",
        why="You get this mail because you asked for it. No more of these? Click here:",
    ),
}
