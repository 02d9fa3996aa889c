"""Which colours of a government's palette stand on which, how strong each pair's contrast is, and what it must be.

The luminances of the palette's steps are fixed, so every row passes for every colour: `test_palette.py` tries a
thousand. The table is there for those who must show it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from web.palette import Scheme, contrast, palette

TEXT, EDGE = 4.5, 3.0
"""WCAG 2.2: 1.4.3 Contrast (Minimum) of text, 1.4.11 Non-text Contrast of edges and states."""

PAIRS: tuple[tuple[str, str, str, float], ...] = (
    ("text", "text-default", "background-default", TEXT),
    ("text_on_tint", "text-default", "surface-tinted", TEXT),
    ("subtle_text", "text-subtle", "background-default", TEXT),
    ("subtle_text_on_tint", "text-subtle", "surface-hover", TEXT),
    ("button", "base-contrast-default", "base-default", TEXT),
    ("button_hover", "base-contrast-default", "base-hover", TEXT),
    ("button_active", "base-contrast-default", "base-active", TEXT),
    ("edge", "border-default", "background-default", EDGE),
    ("edge_of_button", "border-strong", "background-tinted", EDGE),
    ("edge_of_choice", "border-strong", "surface-tinted", EDGE),
)
"""What it is, the step in front, the step behind, the least ratio."""


@dataclass(frozen=True, slots=True)
class Row:
    """One pair: `ratio` and `least` are contrast ratios, 1 to 21."""

    name: str
    front: str
    behind: str
    ratio: float
    least: float

    @property
    def passes(self) -> bool:
        return self.ratio >= self.least


def table(colour: str, scheme: Scheme, gettext: Callable[[str], str]) -> Sequence[Row]:
    """Every pair for a colour `#rrggbb`, in words."""
    steps = palette(colour, scheme)
    words = {
        "text": gettext("Text on the page"),
        "text_on_tint": gettext("Text on a tinted surface"),
        "subtle_text": gettext("Quiet text and links on the page"),
        "subtle_text_on_tint": gettext("Quiet text on a surface under the pointer"),
        "button": gettext("Label on a button"),
        "button_hover": gettext("Label on a button under the pointer"),
        "button_active": gettext("Label on a pressed button"),
        "edge": gettext("Edge of a field on the page"),
        "edge_of_button": gettext("Edge of a button on a tinted background"),
        "edge_of_choice": gettext("Edge of a chosen answer"),
    }
    return [
        Row(words[name], steps[front], steps[behind], contrast(steps[front], steps[behind]), least)
        for name, front, behind, least in PAIRS
    ]


def on_white(colour: str) -> float:
    """How strong the colour itself is on white: below 3 it is only ever a fill."""
    return contrast(colour, "#ffffff")
