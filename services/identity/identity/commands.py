"""What is done by command: the first operator, roles, demo people, signing keys, checking the audit trail."""

import argparse
import asyncio
import os
import sys
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from uuid import UUID

from chassis.auth import PLATFORM
from chassis.clock import utc_now
from chassis.db import tenant_session
from chassis.refusals import Refused
from chassis.resources import Resources
from chassis.service import Command

from identity import queries
from identity.actions import audit, demo, people, signing
from identity.rules import GOVERNMENT_ROLES, normalised_email, signing_key
from identity.settings import Settings

BY_COMMAND = people.Grantor(None)
WHERE_DEMO_PEOPLE_MAY_LIVE = ("development", "test")
MOST_DEMO_PEOPLE = 1_000_000


# Arguments


def _email(text: str) -> str:
    try:
        return normalised_email(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is {error}") from error


def _number_of_people(text: str) -> int:
    number = int(text)
    if not 1 <= number <= MOST_DEMO_PEOPLE:
        raise argparse.ArgumentTypeError(f"from 1 to {MOST_DEMO_PEOPLE}")
    return number


def _tenant(parser: argparse.ArgumentParser, **options: bool) -> None:
    parser.add_argument("--tenant", help="the government's short name or its id", **options)  # type: ignore[arg-type]


def _operator(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("email", type=_email, metavar="EMAIL")


def _grant(parser: argparse.ArgumentParser) -> None:
    _tenant(parser, required=True)
    parser.add_argument("--email", type=_email, required=True)
    parser.add_argument("--role", required=True, choices=sorted(GOVERNMENT_ROLES))


def _demo(parser: argparse.ArgumentParser) -> None:
    _tenant(parser, required=True)
    parser.add_argument("--count", type=_number_of_people, required=True, metavar="N")
    parser.add_argument("--tokens", type=Path, required=True, metavar="FILE", help="one token a line; mode 0600")
    parser.add_argument("--minutes", type=int, default=120, help="how long the tokens last (120)")


def _audit(parser: argparse.ArgumentParser) -> None:
    _tenant(parser, required=False)


# What they do


async def _create_operator(held: Resources, parsed: argparse.Namespace) -> int:
    return await _give(held, PLATFORM, parsed.email, "operator")


async def _do_grant(held: Resources, parsed: argparse.Namespace) -> int:
    return await _give(held, await _government(held, parsed.tenant), parsed.email, parsed.role)


async def _give(held: Resources, tenant: UUID, email: str, role: str) -> int:
    async with tenant_session(held.sessions, tenant) as session:
        government = await queries.government_of(session)
        language = government.languages[0] if government else "nl"
        person, _ = await people.invite(session, email, [role], language=language, by=BY_COMMAND, now=utc_now())
    sys.stdout.write(f"{person.id}\n")
    return 0


async def _create_demo_people(held: Resources, parsed: argparse.Namespace) -> int:
    settings: Settings = held.settings
    if settings.environment not in WHERE_DEMO_PEOPLE_MAY_LIVE:
        sys.stderr.write(
            "identity: create-demo-people makes people who never asked for it, with tokens in a file: it works only "
            f"where INSPRAAK_ENVIRONMENT is development or test, and here it is {settings.environment}\n"
        )
        return 1
    tenant, now, life = await _government(held, parsed.tenant), utc_now(), timedelta(minutes=parsed.minutes)
    async with tenant_session(held.sessions, PLATFORM) as session:
        key = signing_key(await signing.read_keys(session), now=now)
    if key is None:
        raise RuntimeError("there is no signing key")
    async with tenant_session(held.sessions, tenant) as session:
        made = await demo.make_people(session, parsed.count, now=now)
    await asyncio.to_thread(_write_secret, parsed.tokens, demo.tokens_of(made, key, now=now, life=life))
    sys.stdout.write(f"{len(made)} people, their tokens in {parsed.tokens} for {parsed.minutes} minutes\n")
    return 0


def _write_secret(path: Path, lines: Iterable[str]) -> None:
    """Write lines to a file that only its owner reads, also if it was there before."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        os.fchmod(descriptor, 0o600)
        file.writelines(f"{line}\n" for line in lines)


async def _rotate_signing_key(held: Resources, _: argparse.Namespace) -> int:
    async with tenant_session(held.sessions, PLATFORM) as session:
        made = await signing.rotate(session, settings=held.settings, now=utc_now())
    sys.stdout.write(f"{made.kid} is published and signs from {made.signs_from:%Y-%m-%d %H:%M:%S} UTC\n")
    return 0


async def _verify_audit(held: Resources, parsed: argparse.Namespace) -> int:
    if parsed.tenant:
        tenants = [await _government(held, parsed.tenant)]
    else:
        async with tenant_session(held.sessions) as session:
            tenants = sorted({PLATFORM, *await queries.government_ids(session)})
    broken = 0
    for tenant in tenants:
        async with tenant_session(held.sessions, tenant) as session:
            async for fault in audit.faults(session):
                broken += 1
                sys.stdout.write(f"{tenant}: {fault}\n")
    sys.stdout.write(f"{len(tenants)} chains checked, {broken} faults\n")
    return 1 if broken else 0


async def _government(held: Resources, text: str) -> UUID:
    """The id that a short name or an id stands for.

    Raises:
        Refused: `no_such_government` for a name that tenancy has not told (yet); `short_name_of_several`.
    """
    try:
        return UUID(text)
    except ValueError:
        async with tenant_session(held.sessions) as session:
            found = await queries.government_by_slug(session, text)
    if found is None:
        raise Refused("no_such_government", status=404, tenant=text)
    return found.id


COMMANDS = {
    "create-operator": Command("make somebody an operator of the platform", _create_operator, _operator),
    "grant": Command("give somebody a role at a government; they need not have signed in yet", _do_grant, _grant),
    "create-demo-people": Command(
        "make many people with access tokens; development and test only", _create_demo_people, _demo
    ),
    "rotate-signing-key": Command(
        "make the next signing key; it is published now and signs later", _rotate_signing_key
    ),
    "verify-audit": Command("check the chain of the audit trail; 1 if it is broken", _verify_audit, _audit),
}
