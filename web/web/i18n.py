"""Languages: the interface's words from gettext catalogues, a government's own words from `{language: text}`.

Catalogues are read from their `.po` files at start: nothing to compile, nothing to forget to compile. English is the
language of the source, so it has no catalogue.
"""

import gettext as gnu_gettext
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from babel import Locale as BabelLocale
from babel import negotiate_locale
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from web import pseudo

LOCALES = Path(__file__).parent / "locale"
TERRITORIES = {"nl": "nl_BE", "fr": "fr_BE", "de": "de_BE", "en": "en_GB"}
LANGUAGES = tuple(TERRITORIES)
SPACE_IN_FRENCH = re.compile(r" (?=[:;!?»])|(?<=«) ")
NO_BREAK = "\N{NO-BREAK SPACE}"
LONGEST_HEADER = 256  # characters of Accept-Language that are read


@dataclass(frozen=True, slots=True)
class Text:
    """A text in the language that was found; `foreign` when it is not the one asked for, so that it gets a `lang`."""

    text: str
    lang: str
    foreign: bool = False

    def __bool__(self) -> bool:
        return bool(self.text)

    def __str__(self) -> str:
        return self.text


def pick(texts: Mapping[str, str] | None, wanted: str, default: str) -> Text:
    """The text in the wanted language, else in the government's first, else in whichever there is; maybe empty."""
    texts = texts or {}
    for lang in (wanted, default, *sorted(texts)):
        if texts.get(lang, "").strip():
            return Text(texts[lang], lang, foreign=lang != wanted)
    return Text("", wanted)


class Language:
    """One language of the interface: its words and how it writes numbers; `spoken` is one that people speak."""

    def __init__(self, tag: str) -> None:
        self.tag = tag
        self.spoken = "en" if tag == pseudo.TAG else tag
        self.babel = BabelLocale.parse(TERRITORIES[self.spoken])
        self.translations = _translations(tag)

    def gettext(self, message: str) -> str:
        """The message in this language."""
        return self.translations.gettext(message)

    def ngettext(self, one: str, many: str, number: int) -> str:
        """The message for a number of things."""
        return self.translations.ngettext(one, many, number)

    def name_of(self, tag: str) -> str:
        """Another language's name in this one: "Frans"."""
        name = BabelLocale(tag).get_language_name(self.spoken) or tag
        return pseudo.pseudo(name) if self.tag == pseudo.TAG else name

    @property
    def name(self) -> str:
        """The language's name in itself: "Nederlands", "français"."""
        own = BabelLocale(self.tag).get_language_name(self.tag) or self.tag
        return own[:1].upper() + own[1:]


@cache
def language(tag: str) -> Language:
    """The language with this tag; `KeyError` for one that the interface does not speak."""
    return Language(tag)


def spoken(languages: Sequence[str]) -> tuple[str, ...]:
    """Those of a government's languages that the interface speaks, in its order; English when there is none."""
    return tuple(tag for tag in languages if tag in TERRITORIES) or ("en",)


def negotiate(accept_language: str, available: Sequence[str]) -> str:
    """The available language that an Accept-Language header (RFC 9110 §12.5.4) likes best, else the first."""
    wanted = [(tag, *rest) for tag, *rest in (part.split(";") for part in accept_language[:LONGEST_HEADER].split(","))]
    ranked = sorted(((_quality(parameters), tag.strip()) for tag, *parameters in wanted), key=lambda pair: -pair[0])
    preferred = [tag for quality, tag in ranked if quality > 0 and tag and tag != "*"]
    return negotiate_locale(preferred, list(available), sep="-") or available[0]


def read_catalogue(tag: str) -> Catalog:
    """The catalogue of a language, from its `.po` file."""
    with (LOCALES / tag / "LC_MESSAGES" / "messages.po").open("rb") as file:
        return read_po(file, locale=tag, abort_invalid=True)


def _translations(tag: str) -> gnu_gettext.NullTranslations:
    if tag == "en":
        return gnu_gettext.NullTranslations()
    if tag == pseudo.TAG:
        return pseudo.Pseudo(_messages())
    compiled = io.BytesIO()
    catalogue = read_catalogue(tag)
    if tag == "fr":
        _keep_together(catalogue)
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return gnu_gettext.GNUTranslations(compiled)


def _keep_together(catalogue: Catalog) -> None:
    """French sets a space before these signs and inside these quotes, at which no line may end."""
    for message in catalogue:
        if message.id and message.string:
            texts = tuple(SPACE_IN_FRENCH.sub(NO_BREAK, text) for text in _texts(message.string))
            message.string = texts[0] if isinstance(message.string, str) else texts


def _texts(strings: str | Sequence[str]) -> Sequence[str]:
    """One text, or the singular and the plurals."""
    return [strings] if isinstance(strings, str) else strings


def _messages() -> Sequence[str]:
    """Every message that a catalogue knows, one and many apart."""
    ids = [message.id for message in read_catalogue("nl") if message.id]
    return [one for found in ids for one in _texts(found)]


def _quality(parameters: Sequence[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                return float(value)
            except ValueError:
                return 0.0
    return 1.0
