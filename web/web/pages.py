"""Templates: one Jinja environment per language, since words and numbers are bound to it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from web import figures, officials, theme
from web.assets import Assets
from web.i18n import Language, language

if TYPE_CHECKING:
    from web.visit import Visit

TEMPLATES = Path(__file__).parent / "templates"


class Pages:
    """Renders pages."""

    def __init__(self, assets: Assets, languages: Sequence[str], *, development: bool) -> None:
        self._assets = assets
        self._environments = {tag: _environment(language(tag), auto_reload=development) for tag in languages}

    def render(self, template: str, visit: "Visit", facts: Mapping[str, Any]) -> str:
        """The page `pages/<template>.html` for this visit."""
        environment = self._environments[visit.lang.tag]
        return environment.get_template(f"pages/{template}.html").render(
            visit=visit, site=_Site(visit, self._assets), **facts
        )


class _Site:
    """What every page shows around itself."""

    def __init__(self, visit: "Visit", assets: Assets) -> None:
        self._visit = visit
        self.stylesheet = assets.url("site.css")
        self.officials_stylesheet = assets.url("officials.css")
        self.turnout_script = assets.url("turnout.js")
        self.name = visit.text(visit.government.names)
        self.letter = (self.name.text[:1] or "?").upper()
        self.contact = visit.government.contact_email
        self.languages = [language(tag) for tag in visit.web.languages(visit.government)]
        colour, slug = visit.government.colour, visit.government.slug
        self.theme = f"/t/{slug}/theme-{theme.short_hash(theme.stylesheet(colour))}.css"
        self.icon = f"/t/{slug}/icon-{theme.short_hash(theme.icon(colour, self.letter))}.svg"
        self.colour = theme.theme_colour(colour, "light")
        self.dark_colour = theme.theme_colour(colour, "dark")

    @property
    def path(self) -> str:
        """The page's address without its language: what the language switch keeps."""
        _, _, rest = self._visit.request.url.path.lstrip("/").partition("/")
        return rest

    @property
    def sections(self) -> list[officials.Section]:
        """The officials' navigation."""
        return officials.sections(self._visit)

    @property
    def query(self) -> str:
        query = self._visit.request.url.query
        return f"?{query}" if query else ""

    @property
    def switchable(self) -> bool:
        """Whether the page has the same address in other languages: it was asked for, not sent to."""
        return self._visit.request.method == "GET"


def _environment(lang: Language, *, auto_reload: bool) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
        auto_reload=auto_reload,
        extensions=["jinja2.ext.i18n"],
    )
    environment.install_gettext_translations(lang.translations, newstyle=True)  # type: ignore[attr-defined]
    environment.globals["lang"] = lang
    environment.filters |= {
        "whole": lambda number: figures.whole(number, lang),
        "votes": lambda exact: figures.votes(exact, lang),
        "ratio": lambda number: figures.ratio(number, lang),
    }
    environment.tests["moment"] = lambda value: isinstance(value, datetime)
    return environment
