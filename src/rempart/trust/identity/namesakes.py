"""Whom `serviceAccount:EMAIL` means in a policy, where several accounts had the email in turn.

Stored bindings name the first account of an email by the email, and every later one by its unique
id too (`serviceAccount:EMAIL?uid=ID`); a later account's own name is that as well, so a binding
that was written for another never matches it. Callers write and read the email alone for the
account that has it now, and `deleted:serviceAccount:EMAIL?uid=ID` for one that is deleted, as with
Google. The gate translates, for every method on policies, access levels and perimeters
(docs/adr/0018-name-later-accounts.md).
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping

import msgspec

from rempart.core.call import Call, Reply
from rempart.core.errors import invalid
from rempart.core.principal import Member
from rempart.trust.custody.transaction import Transaction
from rempart.trust.identity.accounts import (
    EMAIL_ENTRIES,
    EmailEntry,
    is_issued_here,
    project_of,
)

_PREFIX = "serviceAccount:"
_MEMBER = re.compile(r"(deleted:)?serviceAccount:([^\s?]+)(?:\?uid=(\d{1,40}))?")
_LISTS = frozenset(("members", "exemptedMembers", "exempted_members", "identities"))
"""The members of JSON that list principals: of bindings, audit settings, levels and perimeters."""

_PARTS = frozenset(
    (
        *("policy", "bindings"),
        *("auditConfigs", "audit_configs", "auditLogConfigs", "audit_log_configs"),
        *("accessLevels", "basic", "conditions"),
        *("servicePerimeters", "status", "spec"),
        *("ingressPolicies", "ingressFrom", "egressPolicies", "egressFrom"),
        "response",
    )
)
"""The members on the way to those lists, from a request, a policy or an operation's end."""

_ACCESS = "accesscontextmanager."

Rename = Callable[[str, Transaction], Awaitable[str]]


def concern(method: str) -> bool:
    """Tell whether a method reads or replaces a policy, an access level or a perimeter."""
    return method.endswith("IamPolicy") or method.startswith(_ACCESS)


async def stored(call: Call, tx: Transaction) -> Call:
    """Return the call with each account named as stored bindings name it."""
    document = await _renamed(call.document, tx, _stored)
    return msgspec.structs.replace(call, document=document)


async def shown(reply: Reply, tx: Transaction) -> Reply:
    """Return the reply with each account named as callers name it."""
    document = await _renamed(reply.document, tx, _shown)
    return msgspec.structs.replace(reply, document=document)


async def missing(document: Mapping[str, object], tx: Transaction) -> frozenset[Member]:
    """Return the service accounts that a request's policy names and that there never were.

    Agents of services are there without a document. An email that was given once is known for ever:
    of a deleted account `stored` decides.
    """
    policy = document.get("policy", document)
    bindings = policy.get("bindings") if isinstance(policy, Mapping) else None
    found = set[Member]()
    for binding in bindings if isinstance(bindings, list) else ():
        members = binding.get("members") if isinstance(binding, Mapping) else None
        for member in members if isinstance(members, list) else ():
            account = _MEMBER.fullmatch(member) if isinstance(member, str) else None
            email = account[2].lower() if account and not account[1] else ""
            if is_issued_here(email) and await _entry(email, tx) is None:
                found.add(Member(_PREFIX + member.removeprefix(_PREFIX).lower()))
    return frozenset(found)


async def _stored(member: str, tx: Transaction) -> str:
    found = _MEMBER.fullmatch(member)
    if found is None:
        return member
    deleted, email, asked = found.groups()
    email = email.lower()
    entry = await _entry(email, tx)
    if entry is None:
        return member
    if not deleted and not asked and not entry.current:
        message = f"Service account {email} does not exist."
        raise invalid(message, field="policy.bindings.members")
    wanted = asked or entry.current
    return _PREFIX + email + ("" if wanted == entry.first else f"?uid={wanted}")


async def _shown(member: str, tx: Transaction) -> str:
    found = _MEMBER.fullmatch(member)
    if found is None or found[1]:
        return member
    entry = await _entry(found[2], tx)
    if entry is None:
        return member
    meant = found[3] or entry.first
    if meant == entry.current:
        return _PREFIX + found[2]
    return f"deleted:{_PREFIX}{found[2]}?uid={meant}"


async def _entry(email: str, tx: Transaction) -> EmailEntry | None:
    project = project_of(email)
    if project is None:
        return None
    return await tx.get(EMAIL_ENTRIES, project, email)


async def _renamed(part: object, tx: Transaction, rename: Rename) -> dict[str, object]:
    """Return a policy's JSON, or a request that holds one, with its principals renamed."""
    if not isinstance(part, Mapping):
        return {}
    made: dict[str, object] = dict(part)
    for name, value in part.items():
        if name in _LISTS and isinstance(value, list | tuple):
            made[name] = [await rename(one, tx) if isinstance(one, str) else one for one in value]
        elif name in _PARTS and isinstance(value, Mapping):
            made[name] = await _renamed(value, tx, rename)
        elif name in _PARTS and isinstance(value, list | tuple):
            made[name] = [
                await _renamed(one, tx, rename) if isinstance(one, Mapping) else one
                for one in value
            ]
    return made
