"""The words of identity's mails in the platform's four languages. Plain language; the code stands first."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

PLATFORM_NAME = "Inspraak"


@dataclass(frozen=True)
class Texts:
    """One language's sentences, with the facts in braces."""

    code_subject: str
    code: str
    code_ends: str
    code_secret: str
    code_ignore: str
    invitation_subject: str
    invitation: str
    invitation_how: str
    invitation_ignore: str
    roles: Mapping[str, str]


@dataclass(frozen=True)
class Letter:
    """A mail's words, in plain text."""

    subject: str
    text: str


TEXTS = {
    "nl": Texts(
        code_subject="{code} is uw code voor {government}",
        code="Uw code om u aan te melden bij {government}:\n\n    {code}",
        code_ends="De code werkt {minutes} minuten, maar één keer, en alleen waar u hem hebt gevraagd.",
        code_secret="Geef deze code aan niemand. Wij vragen er nooit naar.",  # noqa: S106 - a sentence
        code_ignore="Hebt u geen code gevraagd? Dan hoeft u niets te doen. Zonder de code kan niemand zich aanmelden.",
        invitation_subject="U kunt nu aan de slag bij {government}",
        invitation="U bent uitgenodigd op het participatieplatform van {government}, als {roles}.",
        invitation_how="Meld u aan met dit e-mailadres. U krijgt dan een code per mail.\n{link}",
        invitation_ignore="Verwachtte u deze mail niet? Dan hoeft u niets te doen.",
        roles={
            "administrator": "beheerder",
            "project_manager": "projectverantwoordelijke",
            "moderator": "moderator",
            "operator": "platformbeheerder",
        },
    ),
    "fr": Texts(
        code_subject="{code} est votre code pour {government}",
        code="Votre code pour vous connecter à {government} :\n\n    {code}",
        code_ends="Le code est valable {minutes} minutes, une seule fois, et seulement là où vous l’avez demandé.",
        code_secret="Ne donnez ce code à personne. Nous ne vous le demanderons jamais.",  # noqa: S106 - a sentence
        code_ignore=(
            "Vous n’avez pas demandé de code ? Vous n’avez rien à faire. Sans le code, personne ne peut se connecter."
        ),
        invitation_subject="Vous pouvez commencer : {government}",
        invitation="Vous êtes invité à la plateforme de participation de {government}, en tant que {roles}.",
        invitation_how="Connectez-vous avec cette adresse e-mail. Vous recevrez un code par e-mail.\n{link}",
        invitation_ignore="Vous n’attendiez pas ce message ? Vous n’avez rien à faire.",
        roles={
            "administrator": "administrateur",
            "project_manager": "responsable de projet",
            "moderator": "modérateur",
            "operator": "opérateur de la plateforme",
        },
    ),
    "de": Texts(
        code_subject="{code} ist Ihr Code für {government}",
        code="Ihr Code für die Anmeldung bei {government}:\n\n    {code}",
        code_ends="Der Code gilt {minutes} Minuten, nur einmal, und nur dort, wo Sie ihn angefordert haben.",
        code_secret="Geben Sie diesen Code niemandem. Wir fragen nie danach.",  # noqa: S106 - a sentence
        code_ignore=(
            "Sie haben keinen Code angefordert? Dann brauchen Sie nichts zu tun. "
            "Ohne den Code kann sich niemand anmelden."
        ),
        invitation_subject="Sie können jetzt beginnen: {government}",
        invitation="Sie sind auf die Beteiligungsplattform von {government} eingeladen: {roles}.",
        invitation_how="Melden Sie sich mit dieser E-Mail-Adresse an. Sie erhalten dann einen Code per E-Mail.\n{link}",
        invitation_ignore="Sie haben diese E-Mail nicht erwartet? Dann brauchen Sie nichts zu tun.",
        roles={
            "administrator": "Verwaltung der Plattform",
            "project_manager": "Projektleitung",
            "moderator": "Moderation",
            "operator": "Betrieb der Plattform",
        },
    ),
    "en": Texts(
        code_subject="{code} is your code for {government}",
        code="Your code to sign in to {government}:\n\n    {code}",
        code_ends="The code works for {minutes} minutes, only once, and only where you asked for it.",
        code_secret="Give this code to nobody. We never ask for it.",  # noqa: S106 - a sentence
        code_ignore="You did not ask for a code? You need not do anything. Without the code nobody can sign in.",
        invitation_subject="You can start now: {government}",
        invitation="You are invited to the participation platform of {government}, as {roles}.",
        invitation_how="Sign in with this e-mail address. You will get a code by mail.\n{link}",
        invitation_ignore="You did not expect this mail? You need not do anything.",
        roles={
            "administrator": "administrator",
            "project_manager": "project manager",
            "moderator": "moderator",
            "operator": "platform operator",
        },
    ),
}


def code_letter(language: str, *, code: str, minutes: int, government: str, link: str | None) -> Letter:
    """The mail with a one-time code. The subject begins with it: telephones show the first words only."""
    texts = TEXTS[language]
    facts = {"code": code, "minutes": minutes, "government": government}
    parts = [texts.code, texts.code_ends, texts.code_secret, texts.code_ignore]
    body = "\n\n".join(part.format(**facts) for part in parts)
    return Letter(texts.code_subject.format(**facts), f"{body}\n" + (f"\n{link}\n" if link else ""))


def invitation_letter(language: str, *, roles: Sequence[str], government: str, link: str) -> Letter:
    """The mail to an official who was given a role."""
    texts = TEXTS[language]
    facts = {"government": government, "link": link, "roles": ", ".join(texts.roles[role] for role in roles)}
    parts = [texts.invitation, texts.invitation_how, texts.invitation_ignore]
    body = "\n\n".join(part.format(**facts) for part in parts)
    return Letter(texts.invitation_subject.format(**facts), f"{body}\n")


def name_in(names: Mapping[str, str], language: str, languages: Sequence[str]) -> str:
    """A government's name in a language, else in its own first one that has it."""
    for wanted in (language, *languages):
        if names.get(wanted):
            return names[wanted]
    return next(iter(names.values()), PLATFORM_NAME)
