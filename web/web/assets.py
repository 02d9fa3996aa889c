"""The files that a page loads: put together once at start, named by a hash of their content, compressed once.

The stylesheet is the vendored parts of the design system in their cascade layers and our own rules after them; nothing
is built beforehand, so a fresh clone needs no tool but Python.
"""

import gzip
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from web.theme import short_hash

STATIC = Path(__file__).parent / "static"
LAYERS = "@layer reset,ds.theme,ds.base,ds.components;"
NOTICE = "/*! Holds parts of designsystemet (c) Digitaliseringsdirektoratet, MIT licence */"
BASE = ("base", "paragraph", "validation-message")  # in layer ds.base, as in the design system's own index.css
COMPONENTS = (
    "link", "list", "button", "field", "fieldset", "heading", "label", "input", "skip-link", "breadcrumbs",
    "error-summary", "alert", "tag", "card", "details", "table",
)  # fmt: skip
OWN = ("layout", "header", "ballot", "results", "grades", "states")
OFFICIALS = ("officials",)  # beside site.css, on officials' pages only
SCRIPTS = ("turnout",)  # ES modules, each on its own page only
TYPES = {
    "js": "text/javascript; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "svg": "image/svg+xml",
    "txt": "text/plain; charset=utf-8",
}
COMPRESSION = 9


@dataclass(frozen=True)
class Asset:
    """One file as it is sent."""

    stem: str
    extension: str
    content: str

    @cached_property
    def raw(self) -> bytes:
        return self.content.encode()

    @cached_property
    def gzipped(self) -> bytes:
        return gzip.compress(self.raw, COMPRESSION, mtime=0)

    @cached_property
    def name(self) -> str:
        """`site-3f2a….css`: other content, other name."""
        return f"{self.stem}-{short_hash(self.content)}.{self.extension}"

    @property
    def media_type(self) -> str:
        return TYPES[self.extension]


class Assets:
    """All files below `/static/`, by stem and extension."""

    def __init__(self, texts: Mapping[str, Mapping[str, str]]) -> None:
        """`texts` are the words that the design system's CSS holds, by language and custom property."""
        own = "\n".join(minified(_read(STATIC / "css" / f"{name}.css")) for name in OFFICIALS) + "\n"
        self._assets = {
            "site.css": Asset("site", "css", site_stylesheet(texts)),
            "officials.css": Asset("officials", "css", own),
        }
        self._assets |= {
            f"{name}.js": Asset(name, "js", _read(STATIC / "js" / f"{name}.js") + "\n") for name in SCRIPTS
        }

    def url(self, plain: str) -> str:
        """The address of `site.css` with its hash."""
        return f"/static/{self._assets[plain].name}"

    def find(self, name: str) -> tuple[Asset, bool] | None:
        """The asset that a hashed name asks for, and whether the hash is that of its content now.

        An older or newer hash happens while replicas of two versions run; the file then comes with a short life.
        """
        stem, _, rest = name.rpartition("-")
        _, _, extension = rest.partition(".")
        asset = self._assets.get(f"{stem}.{extension}")
        return None if asset is None else (asset, asset.name == name)


def site_stylesheet(texts: Mapping[str, Mapping[str, str]]) -> str:
    """The one stylesheet that all pages share."""
    vendor = STATIC / "vendor"
    parts = [NOTICE, LAYERS, minified(_read(vendor / "theme" / "inspraak.css").replace('@charset "UTF-8";', ""))]
    parts += [f"@layer ds.base{{{_read(vendor / 'designsystemet' / f'{name}.css')}}}" for name in BASE]
    parts += [f"@layer ds.components{{{_read(vendor / 'designsystemet' / f'{name}.css')}}}" for name in COMPONENTS]
    parts += [minified(_read(STATIC / "css" / f"{name}.css")) for name in OWN]
    parts += [_texts_in(language, properties) for language, properties in texts.items()]
    return "\n".join(parts) + "\n"


def minified(css: str) -> str:
    """The same rules without comments and without space that means nothing."""
    css = re.sub(r"/\*.*?\*/", "", css, flags=re.DOTALL)
    css = re.sub(r"\s+", " ", css)
    css = re.sub(r" ?([{};,]) ?", r"\1", css)
    css = re.sub(r": ", ":", css)
    return css.replace(";}", "}").strip()


def _texts_in(language: str, properties: Mapping[str, str]) -> str:
    rules = ";".join(f'{name}:"{_css_string(text)}"' for name, text in properties.items())
    return f":is(.ds-breadcrumbs,.ds-field):lang({language}){{{rules}}}"


def _css_string(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _read(file: Path) -> str:
    return file.read_text("utf-8").strip()
