import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from web.contrast import PAIRS, on_white, table
from web.palette import channels, contrast, luminance, palette
from web.theme import icon, preview, stylesheet

SURFACES = ("background-default", "background-tinted", "surface-default", "surface-tinted", "surface-hover")
# text-subtle on surface-active is the one pair that falls short; the stylesheet never uses it.
TEXTS = [("text-default", surface) for surface in (*SURFACES, "surface-active")] + [
    ("text-subtle", surface) for surface in SURFACES
]
EDGES = [(edge, surface) for edge in ("border-default", "border-strong") for surface in SURFACES[:4]]
LABELS = [("base-contrast-default", fill) for fill in ("base-default", "base-hover", "base-active")]
SHOWN = [(least, [(front, behind)]) for _, front, behind, least in PAIRS]


def test_the_sample_colour_gives_the_steps_of_the_design_system():
    steps = palette("#7a1f3d", "light").steps
    assert [steps[name] for name in ("background-tinted", "surface-tinted", "surface-hover", "surface-active")] == [
        "#f7f2f4",
        "#f0e6e9",
        "#e7d6db",
        "#dcc4cc",
    ]
    assert [steps[name] for name in ("border-subtle", "border-default", "border-strong", "text-default")] == [
        "#d2b4be",
        "#a5677b",
        "#90455e",
        "#511529",
    ]


def test_every_allowed_pair_has_its_contrast_for_a_thousand_colours():
    colours = [f"#{random.Random(number).randrange(1 << 24):06x}" for number in range(1000)]
    for colour in [*colours, "#000000", "#ffffff", "#ffe000", "#7f7f7f"]:
        for scheme in ("light", "dark"):
            light = {step: luminance(channels(value)) for step, value in palette(colour, scheme).steps.items()}
            for least, pairs in ((4.5, TEXTS + LABELS), (3, EDGES), *SHOWN):
                for one, other in pairs:
                    low, high = sorted((light[one], light[other]))
                    assert (high + 0.05) / (low + 0.05) >= least, (colour, scheme, one, other)


@given(st.integers(0, 0xFFFFFF), st.sampled_from(["light", "dark"]))
def test_no_row_of_the_contrast_table_fails(number, scheme):
    rows = table(f"#{number:06x}", scheme, lambda words: words)
    assert [row for row in rows if not row.passes] == []
    assert all(1 <= row.ratio <= 21 for row in rows)


def test_a_pale_colour_is_known_by_its_contrast_on_white():
    assert on_white("#ffe000") < 3 < on_white("#7a1f3d")


def test_contrast_is_that_of_the_guidelines():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("wrong", ["", "red", "7a1f3d", "#7a1f3", "#7a1f3dff", "#7a1f3g"])
def test_what_is_no_colour_is_refused(wrong):
    with pytest.raises(ValueError, match=r"#rrggbb|hexadecimal"):
        channels(wrong)


def test_a_government_s_stylesheet_has_both_schemes_and_stays_small():
    css = stylesheet("#7a1f3d")
    assert css.count("--ds-color-primary-base-default:") == 2
    assert "prefers-color-scheme:dark" in css
    assert len(css) < 3000


def test_a_preview_of_a_colour_touches_nothing_but_the_preview():
    rules = preview("#004b87").strip().split("\n")
    assert [rule.partition("{")[0] for rule in rules] == [
        ".preview[data-color-scheme=light]",
        ".preview[data-color-scheme=dark]",
    ]


@given(st.characters())
def test_no_letter_of_a_name_breaks_out_of_the_icon(letter):
    assert icon("#7a1f3d", letter).count("<") <= 6
