"""People and roles: who may do what at this government, found, invited, given a role and relieved of it."""

from urllib.parse import urlencode

from starlette.responses import Response

from web import api
from web.audit_log import roles as role_names
from web.fields import Form
from web.forms import Mistake
from web.gateway import RefusedError
from web.i18n import LANGUAGES
from web.officials import ADMINISTRATORS, MANAGE
from web.routes.officials.common import MISTAKEN, created
from web.routes.officials.entrance import Page, officials_only
from web.visit import Visit

PEOPLE = "/api/v1/people"
ROLES = ("administrator", "project_manager", "moderator")
SHOWN = "25"


@officials_only(ADMINISTRATORS)
async def people(visit: Visit) -> Response:
    """Those who have a role first; with an address, whoever's begins so."""
    asked = visit.request.query_params
    email, role = asked.get("email", "").strip().lower(), asked.get("role", "")
    wanted = {name: value for name, value in (("email", email), ("role", role if role in ROLES else "")) if value}
    if not wanted:
        return await _with_roles(visit)
    cursor = {"cursor": asked["cursor"]} if asked.get("cursor") else {}
    found = await search(visit, limit=SHOWN, **wanted, **cursor)
    after = urlencode(wanted | {"cursor": found.next}) if found.next else ""
    return _list(visit, found.items, wanted, after=after)


async def search(visit: Visit, **query: str) -> api.PeoplePage:
    """People as identity finds them; nobody where what was typed can be no address."""
    try:
        return api.read(api.PeoplePage, await visit.get(PEOPLE, **query))
    except RefusedError as refusal:
        if refusal.status != MISTAKEN:
            raise
        return api.PeoplePage(items=[])


async def _with_roles(visit: Visit) -> Response:
    """Everybody with a role, once, by address."""
    pages = [api.read(api.PeoplePage, await visit.get(PEOPLE, role=role, limit="100")) for role in ROLES]
    everybody = {person.person_id: person for page in pages for person in page.items}
    cut = any(page.next for page in pages)
    return _list(visit, sorted(everybody.values(), key=lambda person: person.email), {}, cut=cut)


def _list(
    visit: Visit, found: list[api.Official], wanted: dict[str, str], *, after: str = "", cut: bool = False
) -> Response:
    names = role_names(visit.lang.gettext)
    return visit.render(
        "officials/people",
        people=found,
        form=Form(visit.lang, {name: [value] for name, value in wanted.items()}),
        searched=bool(wanted),
        after=after,
        cut=cut,
        names=names,
        choices=[("", visit.lang.gettext("any")), *((role, names[role]) for role in ROLES)],
    )


@officials_only(ADMINISTRATORS)
async def person(visit: Visit) -> Response:
    """One person, what they may do, and giving or taking roles."""
    return await _person_page(visit)


async def _person_page(visit: Visit, *, mistake: Mistake | None = None) -> Response:
    return visit.render(
        "officials/person",
        status=409 if mistake else 200,
        person=await _one(visit),
        mistake=mistake,
        roles=_roles(visit),
        names=role_names(visit.lang.gettext),
        saved=visit.request.query_params.get("saved", ""),
    )


async def _one(visit: Visit) -> api.Official:
    return api.read(api.Official, await visit.get(f"{PEOPLE}/{visit.request.path_params['person_id']}"))


@officials_only(ADMINISTRATORS)
async def give(visit: Visit) -> Response:
    """Give the role that was chosen."""
    form = Form(visit.lang, await visit.form())
    person_id, role = visit.request.path_params["person_id"], form.value("role")
    if role not in ROLES:
        return visit.redirect(MANAGE, "people", person_id)
    await visit.ask("PUT", f"{PEOPLE}/{person_id}/roles/{role}")
    return visit.redirect(MANAGE, "people", person_id, saved="given")


@officials_only(ADMINISTRATORS)
async def ask_to_take(visit: Visit) -> Response:
    """Ask before a role is taken."""
    role = visit.request.path_params["role"]
    someone = await _one(visit)
    if role not in ROLES or role not in someone.roles:
        return visit.redirect(MANAGE, "people", someone.person_id)
    me = api.read(api.Person, await visit.get("/api/v1/me"))
    return visit.render(
        "officials/take_role",
        person=someone,
        role=role,
        mine=me.person_id == someone.person_id,
        names=role_names(visit.lang.gettext),
    )


@officials_only(ADMINISTRATORS)
async def take(visit: Visit) -> Response:
    """Take a role from a person."""
    person_id, role = visit.request.path_params["person_id"], visit.request.path_params["role"]
    if role not in ROLES:
        return visit.redirect(MANAGE, "people", person_id)
    try:
        await visit.ask("DELETE", f"{PEOPLE}/{person_id}/roles/{role}")
    except RefusedError as refusal:
        if refusal.code != "last_administrator":
            raise
        gettext = visit.lang.gettext
        words = gettext("This is the last administrator. Make somebody else administrator first, then take this role.")
        return await _person_page(visit, mistake=Mistake(words, "roles"))
    return visit.redirect(MANAGE, "people", person_id, saved="taken")


@officials_only(ADMINISTRATORS)
async def ask_whom(visit: Visit) -> Response:
    """The form of an invitation."""
    return _invitation(visit, Form(visit.lang, {"language": [visit.lang.spoken]}))


@officials_only(ADMINISTRATORS)
async def invite(visit: Visit) -> Response:
    """Invite an official; who has an account keeps it and gets the roles."""
    gettext = visit.lang.gettext
    form = Form(visit.lang, await visit.form())
    email = form.text("email", gettext("E-mail address"), most=254)
    wanted = form.choices("roles", ROLES)
    language = form.choice("language", gettext("Language of the mail"), LANGUAGES)
    if "@" not in email:
        form.wrong("email", gettext("Write a whole e-mail address"))
    if not wanted:
        form.wrong(f"roles-{ROLES[0]}", gettext("Choose at least one role"))
    if not form.ok:
        return _invitation(visit, form)
    try:
        answer = await created(visit, PEOPLE, {"email": email, "roles": wanted, "language": language}, form)
    except RefusedError as refusal:
        if refusal.code != "invalid":
            raise
        form.wrong("email", gettext("Write a whole e-mail address"))
        return _invitation(visit, form)
    made = api.read(api.Official, answer)
    return visit.redirect(MANAGE, "people", made.person_id, saved="invited")


def _invitation(visit: Visit, form: Form) -> Response:
    tongues = [(tag, visit.lang.name_of(tag).capitalize(), "") for tag in visit.web.languages(visit.government)]
    return visit.render(
        "officials/invite", status=200 if form.ok else 422, form=form, roles=_roles(visit), tongues=tongues
    )


def _roles(visit: Visit) -> list[tuple[str, str, str]]:
    """The roles that can be given, each with its name and what it may do."""
    gettext = visit.lang.gettext
    names = role_names(gettext)
    may = {
        "administrator": gettext("May do everything: people and roles, settings, look, polls and the audit log."),
        "project_manager": gettext("Makes polls, runs them and publishes their results."),
        "moderator": gettext("Keeps contributions of citizens in order. There is nothing to moderate in polls."),
    }
    return [(role, names[role].capitalize(), may[role]) for role in ROLES]


ONE = "/people/{person_id:uuid}"
PAGES: tuple[Page, ...] = (
    ("/people", people, "GET"),
    ("/people/invite", ask_whom, "GET"),
    ("/people/invite", invite, "POST"),
    (ONE, person, "GET"),
    (ONE, give, "POST"),
    (f"{ONE}/take/{{role}}", ask_to_take, "GET"),
    (f"{ONE}/take/{{role}}", take, "POST"),
)
