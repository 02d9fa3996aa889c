"""The look of a government: one colour, seen on a page before it is kept, and what its contrasts are."""

import re

from starlette.responses import Response

from web import contrast
from web.fields import Form
from web.officials import ADMINISTRATORS, MANAGE
from web.routes.officials import seen
from web.routes.officials.entrance import Page, officials_only
from web.visit import Visit

COLOUR = re.compile(r"#?([0-9A-Fa-f]{6})")
SHORT = re.compile(r"#?([0-9A-Fa-f]{3})")


@officials_only(ADMINISTRATORS)
async def branding(visit: Visit) -> Response:
    """Try a colour: `?colour=` shows it, and changes nothing yet."""
    asked = visit.request.query_params.get("colour")
    colour = visit.government.colour
    form = Form(visit.lang, {"colour": [colour if asked is None else asked]})
    for name, text in seen.controls({"colour": colour}).items():
        form.put(name, text)
    return _page(visit, form, _colour(form) or visit.government.colour)


@officials_only(ADMINISTRATORS)
async def keep(visit: Visit) -> Response:
    """Keep the colour that was tried."""
    form = Form(visit.lang, await visit.form())
    colour = _colour(form)
    if colour is None:
        return _page(visit, form, visit.government.colour)
    try:
        await seen.change(visit, form, {"colour": colour})
    except seen.OtherwiseError as other:
        form.wrong("colour", seen.overtaken(form, form.lang.gettext("Colour"), other.settings["colour"]))
        return _page(visit, form, colour)
    return visit.redirect(MANAGE, "branding", saved="1")


def _colour(form: Form) -> str | None:
    """The colour that was typed."""
    colour = colour_of(form.value("colour").strip())
    if colour is None:
        form.wrong("colour", form.lang.gettext("Write a colour as six digits after #, as in #7a1f3d"))
    return colour


def colour_of(typed: str) -> str | None:
    """`#rrggbb` in lower case of what somebody typed, with or without its #, long or short; nothing for no colour."""
    if long := COLOUR.fullmatch(typed):
        return f"#{long[1].lower()}"
    if short := SHORT.fullmatch(typed):
        return "#" + "".join(digit * 2 for digit in short[1].lower())
    return None


def _page(visit: Visit, form: Form, colour: str) -> Response:
    gettext = visit.lang.gettext
    return visit.render(
        "officials/branding",
        status=200 if form.ok else 422,
        colour=colour,
        form=form,
        saved="saved" in visit.request.query_params,
        tried=colour != visit.government.colour,
        pale=contrast.on_white(colour) < contrast.EDGE,
        light=contrast.table(colour, "light", gettext),
        dark=contrast.table(colour, "dark", gettext),
    )


PAGES: tuple[Page, ...] = (("/branding", branding, "GET"), ("/branding", keep, "POST"))
