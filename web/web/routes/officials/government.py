"""Settings of a government: its name in each language, the languages of its pages, where citizens may write."""

from collections.abc import Sequence
from typing import Any

from starlette.responses import Response

from web import api
from web.fields import Form, texts_of
from web.gateway import RefusedError
from web.i18n import LANGUAGES, language
from web.officials import ADMINISTRATORS, MANAGE
from web.routes.officials import seen
from web.routes.officials.entrance import Page, officials_only
from web.visit import Visit

LONGEST_NAME = 200


@officials_only(ADMINISTRATORS)
async def settings(visit: Visit) -> Response:
    """The settings as they are."""
    now = visit.government
    values = {name: [text] for name, text in texts_of("names", now.names).items()}
    values |= {name: [text] for name, text in seen.controls(_known(now)).items()}
    values |= {"languages": now.languages, "first": now.languages[:1], "contact_email": [now.contact_email or ""]}
    return _page(visit, Form(visit.lang, values))


@officials_only(ADMINISTRATORS)
async def keep(visit: Visit) -> Response:
    """Change the settings; what was typed is shown again while something is wrong with it."""
    form = Form(visit.lang, await visit.form())
    body = _body(form, visit.government.languages)
    if not form.ok:
        return _page(visit, form)
    try:
        await seen.change(visit, form, body)
    except seen.OtherwiseError as other:
        for name, value in other.settings.items():
            form.wrong(_control(name), _overtaken(name, value, form))
        return _page(visit, form)
    except RefusedError as refusal:
        if refusal.code == "bad_contact_email":
            _no_address(form)
        else:
            form.refused(refusal, {"": f"names-{LANGUAGES[0]}"})
        return _page(visit, form)
    return visit.redirect(MANAGE, "settings", saved="1")


def _control(setting: str) -> str:
    """Where a setting is put right."""
    return setting if setting == "contact_email" else f"{setting}-{LANGUAGES[0]}"


def _overtaken(setting: str, value: Any, form: Form) -> str:
    """That another administrator was faster, and with what."""
    name_of, gettext = form.lang.name_of, form.lang.gettext
    if setting == "languages":
        return seen.overtaken(form, gettext("Languages of the pages"), ", ".join(map(name_of, value)))
    if setting == "names":
        names = ", ".join(f"{text} ({name_of(tag)})" for tag, text in value.items())
        return seen.overtaken(form, gettext("Name"), names)
    return seen.overtaken(form, gettext("Contact address"), value or gettext("empty"))


def _known(government: api.Government) -> dict[str, Any]:
    """The settings that the form shows, as the API takes them."""
    return {
        "languages": government.languages,
        "names": {tag: text for tag, text in government.names.items() if tag in LANGUAGES},
        "contact_email": government.contact_email,
    }


def _in_order(first: str, chosen: Sequence[str], before: Sequence[str]) -> list[str]:
    """The first language, then the others as they stood, then those that are new."""
    known = [tag for tag in before if tag in chosen]
    return [first, *(tag for tag in [*known, *(tag for tag in chosen if tag not in known)] if tag != first)]


def _body(form: Form, before: Sequence[str]) -> dict[str, Any]:
    """What was typed as the API takes it; mistakes are noted in the form."""
    gettext = form.lang.gettext
    names = form.texts("names", gettext("Name"), LANGUAGES, most=LONGEST_NAME)
    chosen = form.choices("languages", LANGUAGES)
    first = form.value("first")
    if not chosen:
        form.wrong(f"languages-{LANGUAGES[0]}", gettext("Choose at least one language"))
    elif first not in chosen:
        form.wrong(f"first-{LANGUAGES[0]}", gettext("The first language must be one of the languages of the pages"))
    elif first not in names:
        words = gettext("Write the name in %(language)s, since that is the first language")
        form.wrong(f"names-{first}", words % {"language": form.lang.name_of(first)})
    contact = form.text("contact_email", gettext("Contact address"), most=254)
    if contact and "@" not in contact:
        _no_address(form)
    return {"languages": _in_order(first, chosen, before), "names": names, "contact_email": contact or None}


def _no_address(form: Form) -> None:
    form.wrong("contact_email", form.lang.gettext("Write a whole e-mail address, or leave this empty"))


def _page(visit: Visit, form: Form) -> Response:
    return visit.render(
        "officials/settings",
        status=200 if form.ok else 422,
        form=form,
        tongues=[language(tag) for tag in LANGUAGES],
        options=[(tag, visit.lang.name_of(tag).capitalize(), "") for tag in LANGUAGES],
        saved="saved" in visit.request.query_params,
    )


PAGES: tuple[Page, ...] = (("/settings", settings, "GET"), ("/settings", keep, "POST"))
