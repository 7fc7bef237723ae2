"""What a refused crossing was, kept under the identifier that the caller was told.

Each is also a line of the log. Of many at once only some are kept, so that a refused caller cannot
fill the store; they are forgotten after 90 days.
"""

from __future__ import annotations

import logging

import msgspec

from rempart.core.clock import Micros, World, rfc3339
from rempart.core.errors import CloudError, ErrorInfo, denied
from rempart.engine.seam import Conflict
from rempart.trust.custody.kind import Kind
from rempart.trust.custody.sealed import SealedEngine
from rempart.trust.policy.perimeters.crossing import APART, NO_LEVEL, NOT_ACCESSIBLE, Refusal
from rempart.trust.policy.perimeters.origin import Origin

KEPT_PER_SECOND_MAX = 10
KEPT_SECONDS = 90 * 86_400
FORGOTTEN_AT_ONCE = 20
_SECOND = 1_000_000
_SALT_BYTES = 8
_log = logging.getLogger(__name__)


class Violation(msgspec.Struct, frozen=True, kw_only=True):
    """One refused crossing, or one that a dry run would refuse. `time` is in microseconds."""

    time: int
    request: str
    reason: str
    perimeter: str
    service: str
    method: str
    permission: str
    principal: str
    remote: str
    country: str
    resource: str
    other: str = ""
    levels: dict[str, bool | None] = {}
    dry_run: bool = False


VIOLATIONS: Kind[Violation] = Kind(b"0", Violation)
"""By identifier, which begins with the time."""

_WHY = {
    NO_LEVEL: "the caller is outside the perimeter, and no access level or ingress rule admits it",
    APART: "the call joins a resource inside the perimeter to one outside, and no bridge, ingress"
    " rule or egress rule admits that",
    NOT_ACCESSIBLE: "the perimeter does not let calls that begin inside reach this service",
}


def refusal_of(identifier: str, service: str) -> CloudError:
    """Return Google's answer to a call that may not cross a perimeter."""
    metadata = (("uid", identifier), ("service", f"{service}.googleapis.com"))
    violation = {"type": "VPC_SERVICE_CONTROLS", "description": identifier}
    return denied(
        "Request is prohibited by organization's policy. "
        f"vpcServiceControlsUniqueIdentifier: {identifier}",
        reason="vpcServiceControls",
        info=ErrorInfo("SECURITY_POLICY_VIOLATED", metadata=metadata),
    ).with_details(
        {
            "@type": "type.googleapis.com/google.rpc.PreconditionFailure",
            "violations": [violation],
        }
    )


def explain(violation: Violation) -> str:
    """Return in sentences why a crossing was refused."""
    verb = "would have been refused by the dry run of" if violation.dry_run else "was refused by"
    why = _WHY.get(violation.reason, violation.reason)
    where = f"{violation.remote} ({violation.country or 'country unknown'})"
    when = rfc3339(Micros(violation.time))
    lines = [
        f"{violation.principal} called {violation.method} of {violation.service}.",
        f"Time: {when}; from {where}.",
        f"The call {verb} {violation.perimeter}: {why} ({violation.reason}).",
        f"Resource: {violation.resource}; permission: {violation.permission or 'none'}.",
    ]
    if violation.other:
        lines.append(f"In the same call: {violation.other}.")
    states = {True: "held", False: "did not hold", None: "could not be decided"}
    lines += [f"Access level {name} {states[state]}." for name, state in violation.levels.items()]
    return "\n".join(lines)


def foretold(refusal: Refusal, origin: Origin) -> str:
    """Return why a crossing would be refused, and what would admit it."""
    enclosure = refusal.enclosure
    levels = sorted(set(enclosure.config.access_levels))
    states = {True: "holds", False: "does not hold", None: "cannot be decided"}
    found = ", ".join(f"{one} ({states[origin.found.get(one)]})" for one in levels)
    by_level = f"call from where an access level of it holds: {found}; or " if levels else ""
    id_ = enclosure.name.rpartition("/")[2]
    return (
        f"The perimeter {enclosure.name}: {_WHY.get(refusal.reason, refusal.reason)} "
        f"({refusal.reason}). To be let in, {by_level}have an ingress rule added "
        f"(gcloud access-context-manager perimeters update {id_} "
        f"--policy={enclosure.policy.number} --set-ingress-policies=FILE).{origin.advice}"
    )


async def explained(sealed: SealedEngine, identifier: str) -> str | None:
    """Return the explanation of a refused call by its identifier, None where none is kept."""
    found = await sealed.find(VIOLATIONS, VIOLATIONS.key(identifier))
    return explain(found.value) if found else None


class Violations:
    """Keeps and logs what was refused."""

    def __init__(self, sealed: SealedEngine, world: World) -> None:
        self._sealed = sealed
        self._world = world
        self._second = 0
        self._kept = 0

    async def keep(self, violation: Violation) -> str:
        """Log a violation, keep it if there is room, and return its identifier."""
        now = self._world.clock()
        identifier = f"{now:014x}{self._world.random(_SALT_BYTES).hex()}"
        kind = "dry run: " if violation.dry_run else ""
        line = msgspec.json.encode(violation).decode()
        _log.warning("perimeter violation %s%s %s", kind, identifier, line)
        if self._room(now):
            await self._store(identifier, violation, now)
        return identifier

    def _room(self, now: Micros) -> bool:
        second = now // _SECOND
        if second != self._second:
            self._second, self._kept = second, 0
        self._kept += 1
        return self._kept <= KEPT_PER_SECOND_MAX

    async def _store(self, identifier: str, violation: Violation, now: Micros) -> None:
        tx = self._sealed.transaction()
        for old in await tx.scan(VIOLATIONS, VIOLATIONS.under(), limit=FORGOTTEN_AT_ONCE):
            if old.value.time + KEPT_SECONDS * _SECOND < now:
                tx.delete(VIOLATIONS, old.id)
        tx.put(VIOLATIONS, identifier, value=violation)
        try:
            await tx.commit()
        except Conflict:
            _log.warning("perimeter violation %s is in the log alone", identifier)


def violation_of(refusal: Refusal, origin: Origin, request: str, *, dry: bool) -> Violation:
    """Return what is kept of a refusal."""
    visit = refusal.visit
    return Violation(
        time=origin.time,
        request=request,
        reason=refusal.reason,
        perimeter=refusal.enclosure.name,
        service=", ".join(sorted(visit.services)),
        method=min(visit.methods, key=len, default=""),
        permission=visit.permission,
        principal=visit.member,
        remote=origin.peer.address,
        country=origin.country,
        resource=visit.resource,
        other=refusal.other.resource if refusal.other else "",
        levels=dict(origin.found),
        dry_run=dry,
    )
