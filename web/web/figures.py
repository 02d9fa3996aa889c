"""Numbers as people write them, from the exact ones that a count gives."""

import math
from fractions import Fraction

from babel.numbers import format_decimal, format_percent

from web.i18n import Language

DECIMALS = 2


def whole(number: int, lang: Language) -> str:
    """As in "8.980"."""
    return format_decimal(number, locale=lang.babel)


def votes(exact: str, lang: Language) -> str:
    """Votes that may be shared: "4.314"; "4.314,5"; with "≈" where two decimals do not say it exactly."""
    number = Fraction(exact)
    if number.denominator == 1:
        return whole(number.numerator, lang)
    rounded = Fraction(round(number, DECIMALS))
    text = format_decimal(float(rounded), format="#,##0.##", locale=lang.babel)
    return text if rounded == number else f"≈ {text}"


def ratio(number: float, lang: Language) -> str:
    """A contrast ratio as in "4,5": never rounded up to what it does not reach."""
    return format_decimal(math.floor(number * 10) / 10, format="0.0", locale=lang.babel)


def share(part: Fraction | int, of: Fraction | int, lang: Language) -> str:
    """As in "48,1%": one decimal."""
    ratio = round(float(Fraction(part) / Fraction(of)), 3) if of else 0.0
    return format_percent(ratio, locale=lang.babel, decimal_quantization=False)
