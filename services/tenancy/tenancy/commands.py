"""Governments are made by command: `tenancy register`, `tenancy change`, `tenancy list`."""

import argparse
import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

from chassis.auth import PLATFORM
from chassis.clock import utc_now, uuid7
from chassis.db import tenant_session
from chassis.errors import constraint_of
from chassis.refusals import Refused
from chassis.service import Command, Service
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from tenancy import actions, queries
from tenancy.rules import LANGUAGES
from tenancy.settings import Settings

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


def add_nothing(_: argparse.ArgumentParser) -> None:
    """`tenancy list` needs to know nothing."""


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


def commands(service: Service) -> dict[str, Command]:
    """The commands, over the service that they belong to."""

    def register(parsed: argparse.Namespace) -> int:
        facts = {"kind": "municipality", "languages": ["nl"], "colour": "#7a1f3d", "names": {}, "hosts": ()}
        facts |= facts_of(parsed) | {"slug": parsed.slug}
        government_id = PLATFORM if facts["kind"] == "platform" else uuid7()

        async def act(session: AsyncSession) -> str:
            await actions.register(session, government_id, facts, now=utc_now())
            return str(government_id)

        return _run(service, act, government_id)

    def change(parsed: argparse.Namespace) -> int:
        async def act(session: AsyncSession) -> str:
            government = await queries.by_slug(session, parsed.slug)
            facts = facts_of(parsed)
            if "names" in facts:
                facts["names"] = government.names | facts["names"]
            session.info["tenant_id"] = government.id
            await actions.change(session, government, facts)
            return str(government.id)

        return _run(service, act)

    def list_all(_: argparse.Namespace) -> int:
        async def act(session: AsyncSession) -> str:
            governments = await queries.all_governments(session)
            return "\n".join(f"{one.id}  {one.slug:24}  {one.names[one.languages[0]]}" for one in governments)

        return _run(service, act)

    return {
        "register": Command("enter a government in the register; prints its id", add_facts, register),
        "change": Command("change what is known of a government", add_change, change),
        "list": Command("list the governments", add_nothing, list_all),
    }


def _run(service: Service, act: Callable[[AsyncSession], Awaitable[str]], *tenants: UUID) -> int:
    async def run() -> str:
        held = service.resources(Settings.load())
        try:
            async with tenant_session(held.sessions, *tenants) as session:
                return await act(session)
        except IntegrityError as error:
            raise Refused(TAKEN.get(constraint_of(error) or "", "not_possible")) from error
        finally:
            await held.engine.dispose()

    sys.stdout.write(asyncio.run(run()) + "\n")
    return 0
