"""Approvals that come with a request: signed statements of people who are not the requester.

The header `X-Rempart-Approval` carries up to eight, joined by `~`. One that does not hold counts
for nothing. Format: docs/spec/staff-register.md.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Literal

import msgspec

from rempart.core.clock import Micros
from rempart.core.signing import statement
from rempart.core.signing.keys import VerifyingKey
from rempart.core.signing.statement import Refused

HEADER = "x-rempart-approval"
TYPE = "rempart-staff-approval+jwt"
CHARS_MAX = 4096
APPROVALS_MAX = 8
LIFE_SECONDS_MAX = 7 * 86_400
LATE_SECONDS_MAX = 60


class Approver(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Somebody whose approvals count, for a customer or for the operator."""

    name: str
    key: VerifyingKey
    side: Literal["customer", "operator"]
    projects: tuple[str, ...] = ()
    """The customer's projects; empty for all."""


class Approval(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an approver signs: who may use which permissions on what and below it, until when."""

    iss: str
    iat: int
    exp: int
    principal: str
    permissions: Annotated[tuple[str, ...], msgspec.Meta(min_length=1, max_length=32)]
    resource: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be approved."""

    principal: str
    person: str
    permission: str
    resource: str
    project: str
    time: Micros


def approved(header: str, approvers: Iterable[Approver], wanted: Wanted) -> tuple[int, int]:
    """Return how many approvers of the customer, and of the operator, speak for a request."""
    by_key = {one.key.id: one for one in approvers}
    speaking = {"customer": set[str](), "operator": set[str]()}
    for token in header.split("~")[:APPROVALS_MAX] if header else ():
        approver = _speaks(token.strip(), by_key, wanted)
        if approver is not None:
            speaking[approver.side].add(approver.name)
    return len(speaking["customer"]), len(speaking["operator"])


def _speaks(token: str, by_key: dict[str, Approver], wanted: Wanted) -> Approver | None:
    try:
        approver = by_key.get(statement.signer(token, TYPE, chars_max=CHARS_MAX))
        if approver is None or approver.name == wanted.person:
            return None
        payload = statement.verify(token, TYPE, approver.key, chars_max=CHARS_MAX)
        approval = statement.content(payload, Approval)
    except Refused:
        return None
    if approval.iss != approver.name or not _fits(approval, wanted):
        return None
    in_scope = not approver.projects or wanted.project in approver.projects
    return approver if in_scope else None


def _fits(approval: Approval, wanted: Wanted) -> bool:
    now = wanted.time // 1_000_000
    return (
        0 < approval.exp - approval.iat <= LIFE_SECONDS_MAX
        and approval.iat - LATE_SECONDS_MAX <= now < approval.exp
        and approval.principal == wanted.principal
        and wanted.permission in approval.permissions
        and f"{wanted.resource}/".startswith(f"{approval.resource.rstrip('/')}/")
    )
