"""The answers of a draft: written side by side in every language, added, removed and moved by buttons.

The buttons send the whole form and get it back with its rows in another order: nothing is saved and nothing is lost.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.responses import Response

from web import api
from web.fields import LONGEST_TEXT, Form
from web.officials import POLLS as POLL_ROLES
from web.polls import PollView
from web.routes.officials.common import OvertakenError, languages_of, poll_of, saved, tags_of, to_poll
from web.routes.officials.drafts import LATER, ONE, next_step, status_of
from web.routes.officials.entrance import Page, officials_only
from web.visit import Visit

ROWS_AT_FIRST, MOST_ROWS, FEWEST = 3, 100, 2
PARTS = ("labels", "descriptions")
PRESSED = re.compile(r"(up|down|remove)-(\d{1,3})")
Row = Mapping[str, str]  # by "labels-nl", "descriptions-fr", …


@dataclass(frozen=True, slots=True)
class Pressed:
    """Rows after a button was pressed, and the control that gets the focus."""

    rows: Sequence[Row]
    focus: str
    told: str


@officials_only(POLL_ROLES)
async def answers(visit: Visit) -> Response:
    """What there is to choose from."""
    view = await poll_of(visit)
    if view.status != "draft" or view.poll.rule == "yes_no":
        return to_poll(visit, view.id)
    rows = [_row_of(option) for option in view.poll.options]
    rows += [{}] * (ROWS_AT_FIRST - len(rows))
    most = view.poll.max_choices
    facts = {"version": str(view.poll.version)} | ({"max_choices": str(most)} if most else {})
    return _page(visit, _form(visit, rows, facts), view, rows)


@officials_only(POLL_ROLES)
async def save_answers(visit: Visit) -> Response:
    """Save them and go on; or give the form back after one of its buttons was pressed."""
    view, sent = await poll_of(visit), Form(visit.lang, visit.sent)
    tags = tags_of(visit, view)
    rows = _rows_of(sent, tags)
    pressed = press(sent.value("do"), rows, visit)
    if pressed:
        kept = {name: sent.value(name) for name in ("version", "max_choices")}
        return _page(visit, _form(visit, pressed.rows, kept), view, pressed.rows, pressed=pressed)
    body = _read(visit, sent, rows, view)
    controls = {"": f"options-0-labels-{tags[0]}", "max_choices": "max_choices"}
    try:
        if sent.ok and await saved(visit, sent, view, body, controls):
            return next_step(visit, view.id, "when")
    except OvertakenError as overtaken:
        return _page(visit, sent, view, rows, overtaken=str(overtaken))
    return _page(visit, sent, view, rows)


def press(button: str, rows: Sequence[Row], visit: Visit) -> Pressed | None:
    """What a button makes of the rows; nothing for the buttons that save."""
    gettext, first = visit.lang.gettext, f"labels-{tags_of(visit)[0]}"
    if button == "add":
        rows = [*rows, {}][:MOST_ROWS]
        return Pressed(rows, f"options-{len(rows) - 1}-{first}", gettext("An empty answer was added at the end."))
    found = PRESSED.fullmatch(button)
    if not found or not (0 <= (place := int(found[2])) < len(rows)):
        return None
    rows = list(rows)
    row = rows.pop(place)
    if found[1] == "remove":
        rows = rows or [{}]
        words = gettext("Answer %(n)s was removed.") % {"n": place + 1}
        return Pressed(rows, f"options-{min(place, len(rows) - 1)}-{first}", words)
    to = max(place - 1, 0) if found[1] == "up" else min(place + 1, len(rows))
    rows.insert(to, row)
    words = gettext("Answer %(n)s is answer %(to)s now.") % {"n": place + 1, "to": to + 1}
    return Pressed(rows, f"options-{to}-{first}", words)


def _rows_of(sent: Form, tags: Sequence[str]) -> list[Row]:
    """The rows of a sent form, as they were typed."""
    count = sent.number("rows", "", least=1, most=MOST_ROWS) or 1
    names = [f"{part}-{tag}" for part in PARTS for tag in tags]
    return [{name: sent.value(f"options-{place}-{name}") for name in names} for place in range(count)]


def _row_of(option: api.Option) -> Row:
    held = {"labels": option.labels, "descriptions": option.descriptions}
    return {f"{part}-{tag}": text for part, texts in held.items() for tag, text in texts.items()}


def _form(visit: Visit, rows: Sequence[Row], facts: Mapping[str, str]) -> Form:
    texts = {f"options-{place}-{name}": text for place, row in enumerate(rows) for name, text in row.items()}
    return Form.filled(visit.lang, texts, facts)


def _read(visit: Visit, form: Form, rows: Sequence[Row], view: PollView) -> dict[str, Any]:
    """The answers that were written; rows without any text are none."""
    gettext, tags = visit.lang.gettext, tags_of(visit, view)
    options = []
    for place, row in enumerate(rows):
        if not any(text.strip() for text in row.values()):
            continue
        words, more = gettext("Answer %(n)s"), gettext("Explanation of answer %(n)s")
        number = {"n": place + 1}
        labels = form.texts(f"options-{place}-labels", words % number, tags, required=True)
        about = form.texts(f"options-{place}-descriptions", more % number, tags, most=LONGEST_TEXT)
        options.append({"labels": labels, "descriptions": about})
    if len(options) < FEWEST and form.value("do") != LATER:
        empty = next((place for place, row in enumerate(rows) if not any(row.values())), 0)
        form.wrong(f"options-{empty}-labels-{tags[0]}", gettext("Write at least two answers"))
    body: dict[str, Any] = {"options": options}
    if view.poll.rule == "approval":
        most = max(len(options), 1)
        body["max_choices"] = form.number("max_choices", gettext("At most"), least=1, most=most)
    return body


def _page(
    visit: Visit,
    form: Form,
    view: PollView,
    rows: Sequence[Row],
    *,
    pressed: Pressed | None = None,
    overtaken: str = "",
) -> Response:
    return visit.render(
        "officials/answers",
        status=status_of(form, overtaken),
        form=form,
        poll=view,
        rows=len(rows),
        more=[any(text.strip() for name, text in row.items() if name.startswith("descriptions")) for row in rows],
        most_rows=MOST_ROWS,
        pressed=pressed,
        languages=languages_of(visit, view),
        overtaken=overtaken,
    )


PAGES: tuple[Page, ...] = (
    (f"{ONE}/answers", answers, "GET"),
    (f"{ONE}/answers", save_answers, "POST"),
)
