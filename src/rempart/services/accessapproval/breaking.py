"""Breaking glass: officers of the operator's sign that somebody may act unasked.

A compact JWS of each officer (docs/support-access.md). The rules say how many it takes; whoever
acts is none of them. Where the rules do not provide for it, nothing breaks glass.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from rempart.core.clock import Micros
from rempart.core.errors import CloudError, denied
from rempart.core.signing import statement
from rempart.core.signing.keys import Signatory
from rempart.core.signing.statement import Refused
from rempart.trust.policy.sovereignty.register import canonical
from rempart.trust.policy.sovereignty.rules import Rules
from rempart.trust.policy.support.documents import Request

TYPE = "rempart-break-glass+jwt"
CHARS_MAX = 4096
STATEMENTS_MAX = 10
LIFE_SECONDS_MAX = 3600
LATE_SECONDS_MAX = 60
_SECOND = 1_000_000
Named = Annotated[str, msgspec.Meta(min_length=1, max_length=1024)]


class BreakGlass(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an officer signs: who may act on what, in which case, for an hour at most."""

    iss: Named
    iat: int
    exp: int
    principal: Named
    resource: Named
    case: Named


def officers(text: str, rules: Rules, request: Request, now: Micros) -> tuple[str, ...]:
    """Return the officers who let a request pass; raises where they are too few."""
    wanted = rules.break_glass
    if wanted is None:
        raise denied("The rules of this universe do not let anybody break glass.")
    found = set[str]()
    for token in text.split("~")[:STATEMENTS_MAX]:
        said = _said(token, rules.officers)
        if (
            said is not None
            and said.iss != request.person
            and canonical(said.principal) == request.principal
            and (said.resource, said.case) == (request.scope, request.case)
            and 0 < said.exp - said.iat <= LIFE_SECONDS_MAX
            and said.iat - LATE_SECONDS_MAX <= now // _SECOND < said.exp
        ):
            found.add(said.iss)
    if len(found) < wanted.officers:
        raise _few(len(found), wanted.officers)
    return tuple(sorted(found))


def _said(token: str, known: tuple[Signatory, ...]) -> BreakGlass | None:
    try:
        named = statement.signer(token, TYPE, chars_max=CHARS_MAX)
        officer = next((one for one in known if one.key.id == named), None)
        if officer is None:
            return None
        payload = statement.verify(token, TYPE, officer.key, chars_max=CHARS_MAX)
        said = statement.content(payload, BreakGlass)
    except Refused:
        return None
    return said if said.iss == officer.name else None


def _few(found: int, wanted: int) -> CloudError:
    return denied(
        f"To break glass takes {wanted} officers who sign for this principal, resource and case;"
        f" there are {found}.",
        reason="accessApproval",
    )
