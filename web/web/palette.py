"""A government's palette from one colour, with contrasts that hold for every colour there is.

Each step of the scale has a fixed relative luminance (WCAG 2.2, "relative luminance"): the colour is mixed with black
or white until it has it, so a pair of steps has the same contrast ratio whatever the government chose. The luminances
are those of @digdir/designsystemet 1.15, whose own steps come out for the colours it was tried with.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Scheme = Literal["light", "dark"]
Channels = tuple[float, float, float]  # sRGB, 0..255

LUMINANCE: dict[str, tuple[float, float]] = {  # step: (light, dark)
    "background-default": (1, 0.009),
    "background-tinted": (0.9, 0.014),
    "surface-default": (1, 0.021),
    "surface-tinted": (0.81, 0.027),
    "surface-hover": (0.7, 0.036),
    "surface-active": (0.59, 0.056),
    "border-subtle": (0.5, 0.08),
    "border-default": (0.19, 0.22),
    "border-strong": (0.11, 0.39),
    "text-subtle": (0.11, 0.39),
    "text-default": (0.0245, 0.84),
}
BLACK: Channels = (0, 0, 0)
WHITE: Channels = (255, 255, 255)
HALVINGS = 16  # more than 8 bits a channel can show
DARKEST_WITH_ROOM_BELOW = 20.0  # L*, of a button with a white label
LIGHTEST_WITH_ROOM_ABOVE = 80.0  # L*, of a button with a black label
PRESS = 8.0  # L* that a button moves when pointed at, and again when pressed
DARK_SCHEME_FLOOR = 30.0  # L* below which mirroring would make a button glare


@dataclass(frozen=True, slots=True)
class Palette:
    """One scheme's steps, each `#rrggbb`."""

    steps: dict[str, str]

    def __getitem__(self, step: str) -> str:
        return self.steps[step]


def palette(colour: str, scheme: Scheme) -> Palette:
    """All steps of a colour `#rrggbb` for one scheme; `ValueError` for what is no colour."""
    own = channels(colour)
    column = 0 if scheme == "light" else 1
    steps = {step: to_hex(at_luminance(own, both[column])) for step, both in LUMINANCE.items()}
    return Palette(steps | _base_steps(own, scheme))


def channels(colour: str) -> Channels:
    """The sRGB channels of `#rrggbb`; `ValueError` for anything else."""
    if len(colour) != 7 or not colour.startswith("#"):  # noqa: PLR2004 - the length of #rrggbb
        raise ValueError(f"a colour is written #rrggbb, not {colour!r}")
    red, green, blue = bytes.fromhex(colour[1:])
    return (red, green, blue)


def to_hex(colour: Channels) -> str:
    """`#rrggbb` of channels, rounded."""
    return "#" + bytes(round(channel) for channel in colour).hex()


def luminance(colour: Channels) -> float:
    """Relative luminance (WCAG 2.2), 0 black to 1 white."""
    red, green, blue = (_linear(channel / 255) for channel in colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """Contrast ratio of two `#rrggbb` (WCAG 2.2), 1 to 21."""
    low, high = sorted((luminance(channels(one)), luminance(channels(other))))
    return (high + 0.05) / (low + 0.05)


def at_luminance(colour: Channels, target: float) -> Channels:
    """The colour mixed with black or white until its luminance is `target` (0..1)."""
    if luminance(colour) > target:
        return _bisect(lambda share: _mix(BLACK, colour, share), target)
    return _bisect(lambda share: _mix(colour, WHITE, share), target)


def _bisect(mixed: Callable[[float], Channels], target: float) -> Channels:
    low, high = 0.0, 1.0
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        if luminance(mixed(middle)) > target:
            high = middle
        else:
            low = middle
    return mixed((low + high) / 2)


def _mix(one: Channels, other: Channels, share: float) -> Channels:
    return (
        one[0] + (other[0] - one[0]) * share,
        one[1] + (other[1] - one[1]) * share,
        one[2] + (other[2] - one[2]) * share,
    )


def _linear(share: float) -> float:
    return share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4  # noqa: PLR2004 - WCAG's formula


def _base_steps(own: Channels, scheme: Scheme) -> dict[str, str]:
    """The fills: the colour itself (mirrored in the dark scheme), pointed at and pressed, and the label on them.

    Pointing at and pressing move away from the label, so that its contrast only grows; at the ends of the scale,
    where there is no room, they move towards it by steps that leave it far above 4.5.
    """
    lightness = _lightness(luminance(own))
    if scheme == "light":
        default = to_hex(own)
    else:
        lightness = 100 - DARK_SCHEME_FLOOR if lightness <= DARK_SCHEME_FLOOR else 100 - lightness
        default = to_hex(at_luminance(own, _luminance_of(lightness)))
    label = "#ffffff" if contrast(default, "#ffffff") >= contrast(default, "#000000") else "#000000"
    if label == "#ffffff":
        step = -PRESS if lightness >= DARKEST_WITH_ROOM_BELOW else PRESS
    else:
        step = PRESS if lightness <= LIGHTEST_WITH_ROOM_ABOVE else -PRESS
    return {
        "base-default": default,
        "base-hover": to_hex(at_luminance(own, _luminance_of(lightness + step))),
        "base-active": to_hex(at_luminance(own, _luminance_of(lightness + 2 * step))),
        "base-contrast-default": label,
        "base-contrast-subtle": label,
    }


def _lightness(relative: float) -> float:
    """CIE L* (0..100) of a relative luminance."""
    return 903.2963 * relative if relative <= 0.008856 else 116 * relative ** (1 / 3) - 16  # noqa: PLR2004 - CIE 15


def _luminance_of(lightness: float) -> float:
    """Relative luminance of a CIE L* (0..100)."""
    return lightness / 903.2963 if lightness <= 8 else ((lightness + 16) / 116) ** 3  # noqa: PLR2004 - CIE 15
