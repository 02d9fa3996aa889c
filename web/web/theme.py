"""A government's own stylesheet and icon, made from its colour: names carry a hash, so they may be kept for ever."""

import hashlib
from functools import lru_cache

from web.palette import Palette, Scheme, palette

SCHEMES: tuple[Scheme, ...] = ("light", "dark")
DIGITS = 10  # of a hash in a name


@lru_cache(maxsize=1024)
def stylesheet(colour: str) -> str:
    """The custom properties of one government's palette, light and dark (about 2 KB)."""
    light, dark = (_properties(colour, scheme) for scheme in ("light", "dark"))
    return (
        f":root,[data-color-scheme]{{{light}}}\n"
        f"@media (prefers-color-scheme:dark){{:root,[data-color-scheme=auto]{{{dark}}}}}\n"
    )


@lru_cache(maxsize=64)
def preview(colour: str) -> str:
    """The custom properties of a colour that is tried out: for what stands in a `.preview`, in either scheme."""
    return "".join(f".preview[data-color-scheme={scheme}]{{{_properties(colour, scheme)}}}\n" for scheme in SCHEMES)


@lru_cache(maxsize=1024)
def icon(colour: str, letter: str) -> str:
    """A square SVG icon: the first letter of the government's name on its colour."""
    steps = palette(colour, "light")
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">'
        f'<rect width="32" height="32" rx="6" fill="{steps["base-default"]}"/>'
        f'<text x="16" y="22.5" font-family="system-ui,sans-serif" font-size="18" font-weight="700" '
        f'text-anchor="middle" fill="{steps["base-contrast-default"]}">{_escaped(letter)}</text></svg>\n'
    )


@lru_cache(maxsize=1024)
def theme_colour(colour: str, scheme: Scheme) -> str:
    """The colour that a browser gives its own bars around the page."""
    return palette(colour, scheme)["base-default"]


@lru_cache(maxsize=4096)
def short_hash(content: str) -> str:
    """What a name carries so that other content has another name."""
    return hashlib.sha256(content.encode()).hexdigest()[:DIGITS]


def _properties(colour: str, scheme: Scheme) -> str:
    steps: Palette = palette(colour, scheme)
    return ";".join(f"--ds-color-primary-{step}:{value}" for step, value in steps.steps.items())


def _escaped(letter: str) -> str:
    return {"&": "&amp;", "<": "&lt;", ">": "&gt;"}.get(letter, letter)
