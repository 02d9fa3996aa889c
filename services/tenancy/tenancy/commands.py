"""Governments are made by command: `tenancy register`, `tenancy change`, `tenancy list`."""

import argparse
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

from chassis.auth import PLATFORM
from chassis.clock import utc_now, uuid7
from chassis.db import tenant_session
from chassis.errors import constraint_of
from chassis.refusals import Refused
from chassis.resources import Resources
from chassis.service import Command
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from tenancy import actions, queries
from tenancy.rules import LANGUAGES

FACTS = ("kind", "colour", "nis_code", "kbo_number", "contact_email")
TAKEN = {"uq_governments_slug": "slug_taken", "pk_hosts": "host_taken", "pk_governments": "already_registered"}


def add_facts(parser: argparse.ArgumentParser) -> None:
    """The arguments that describe a government."""
    parser.add_argument("--slug", required=True, help="its short name, as in leuven")
    for language in LANGUAGES:
        parser.add_argument(f"--name-{language}", help=f"its name in this language ({language})")
    parser.add_argument("--host", action="append", dest="hosts", help="a host name that leads to it; may be repeated")
    parser.add_argument("--languages", help="as in nl,fr; the first is the default")
    parser.add_argument("--colour", help="the one colour of its look, as in #7a1f3d")
    parser.add_argument("--kind", choices=("municipality", "province", "agency", "platform"))
    parser.add_argument("--nis", dest="nis_code", help="its code of Statbel")
    parser.add_argument("--kbo", dest="kbo_number", help="its number of the Crossroads Bank for Enterprises")
    parser.add_argument("--contact", dest="contact_email", help="the address that its citizens may write to")


def add_change(parser: argparse.ArgumentParser) -> None:
    """The arguments of a change: what is not named stays."""
    add_facts(parser)
    parser.add_argument("--active", action=argparse.BooleanOptionalAction, default=None, help="whether it is served")


def facts_of(parsed: argparse.Namespace) -> dict[str, Any]:
    """The facts that were named on the command line."""
    facts: dict[str, Any] = {name: getattr(parsed, name) for name in FACTS if getattr(parsed, name) is not None}
    names = {language: name for language in LANGUAGES if (name := getattr(parsed, f"name_{language}"))}
    if names:
        facts["names"] = names
    if parsed.hosts:
        facts["hosts"] = tuple(parsed.hosts)
    if parsed.languages:
        facts["languages"] = parsed.languages.split(",")
    if getattr(parsed, "active", None) is not None:
        facts["active"] = parsed.active
    return facts


async def _register(held: Resources, parsed: argparse.Namespace) -> int:
    facts = {"kind": "municipality", "languages": ["nl"], "colour": "#7a1f3d", "names": {}, "hosts": ()}
    facts |= facts_of(parsed) | {"slug": parsed.slug}
    government_id = PLATFORM if facts["kind"] == "platform" else uuid7()
    async with _registering(held, government_id) as session:
        await actions.register(session, government_id, facts, now=utc_now())
    return _print(str(government_id))


async def _change(held: Resources, parsed: argparse.Namespace) -> int:
    async with tenant_session(held.sessions) as session:
        known = await queries.by_slug(session, parsed.slug)
    async with _registering(held, known.id) as session:
        government = await queries.by_slug(session, parsed.slug)
        facts = facts_of(parsed)
        if "names" in facts:
            facts["names"] = government.names | facts["names"]
        await actions.change(session, government, facts)
    return _print(str(known.id))


async def _list(held: Resources, _: argparse.Namespace) -> int:
    async with tenant_session(held.sessions) as session:
        governments = await queries.all_governments(session)
    return _print(*(f"{one.id}  {one.slug:24}  {one.names[one.languages[0]]}" for one in governments))


@asynccontextmanager
async def _registering(held: Resources, government_id: UUID) -> AsyncIterator[AsyncSession]:
    """A session that works for a government and says which of its facts another one has."""
    try:
        async with tenant_session(held.sessions, government_id) as session:
            yield session
    except IntegrityError as error:
        raise Refused(TAKEN.get(constraint_of(error) or "", "not_possible")) from error


def _print(*lines: str) -> int:
    sys.stdout.writelines(f"{line}\n" for line in lines)
    return 0


COMMANDS = {
    "register": Command("enter a government in the register; prints its id", _register, add_facts),
    "change": Command("change what is known of a government", _change, add_change),
    "list": Command("list the governments", _list),
}
