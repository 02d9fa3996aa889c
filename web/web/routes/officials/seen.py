"""Settings as somebody saw them before they changed them.

A form carries what it showed (`was-colour`), so that only what its sender changed is sent on, and so that tenancy can
refuse to undo what another administrator changed meanwhile.
"""

from collections.abc import Mapping
from typing import Any

import orjson

from web import api
from web.fields import Form
from web.gateway import RefusedError
from web.governments import GOVERNMENT
from web.visit import Visit


class OtherwiseError(Exception):
    """Another administrator changed the same settings meanwhile; `settings` is what stands there now."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        super().__init__(", ".join(settings))
        self.settings = settings


def controls(settings: Mapping[str, Any]) -> dict[str, str]:
    """What a form carries of the settings that it shows."""
    return {f"was-{name}": _text(value) for name, value in settings.items()}


async def change(visit: Visit, form: Form, settings: Mapping[str, Any]) -> None:
    """Change those settings that differ from what the form showed.

    A form that was overtaken carries what is there now, so that whoever sends it again does so knowingly.

    Raises:
        OtherwiseError: another administrator was faster.
        RefusedError: tenancy does not take them.
    """
    body = {name: value for name, value in settings.items() if _text(value) != form.value(f"was-{name}")}
    if not body:
        return
    try:
        changed = await visit.ask("PATCH", GOVERNMENT, body={**body, "seen": _seen(form, body)})
    except RefusedError as refusal:
        if refusal.code != "changed_meanwhile":
            raise
        now = {name: value for name, value in refusal.facts["settings"].items() if name in body}
        for name, text in controls(now).items():
            form.put(name, text)
        raise OtherwiseError(now) from refusal
    visit.web.governments.learn(visit.tenant, api.read(api.Government, changed))


def overtaken(form: Form, label: str, now: str) -> str:
    """What to say to who was overtaken, of one setting."""
    words = form.lang.gettext(
        "%(field)s: somebody else has changed this meanwhile, to: %(now)s. Send the form again to keep yours"
    )
    return words % {"field": label, "now": now}


def _seen(form: Form, names: Mapping[str, Any]) -> dict[str, Any]:
    """What the form showed of these settings; one that it does not carry, or that is no JSON, is not compared."""
    found = {}
    for name in names:
        try:
            found[name] = orjson.loads(form.value(f"was-{name}"))
        except orjson.JSONDecodeError:
            continue
    return found


def _text(value: Any) -> str:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
