"""Which reads are on record: all of classified data, and what audit configurations ask for.

Writes, refusals and uses of keys always are. A configuration counts as Google's do: what any level
wants logged is logged, and who is exempted is so at that level only. Nobody is exempted from the
record of classified data.
"""

from __future__ import annotations

import msgspec

from rempart.core.labels import SENSITIVITY
from rempart.core.log_type import LogType
from rempart.core.policy import AuditConfig, Resource
from rempart.core.principal import Principal
from rempart.trust.custody.sealed import SealedEngine
from rempart.trust.policy.changes import Concluded
from rempart.trust.policy.hierarchy import Project, container_of, levels
from rempart.trust.policy.lineage import HIERARCHY
from rempart.trust.policy.sovereignty.sensitivity import rank

CLASSIFIED = rank("sensitive")
"""From this level on, each read of data is on record."""

ALL_SERVICES = "allServices"
Audit = tuple[AuditConfig, ...]


class Above(msgspec.Struct, frozen=True, gc=False):
    """What holds for all that lies in a project, folder or organization."""

    classified: bool = False
    audits: tuple[Audit, ...] = ()


_NOTHING = Above()


class Auditing:
    """Answers whether a read is to be on record."""

    def __init__(self, sealed: SealedEngine) -> None:
        self._sealed = sealed
        self._above = Concluded(sealed, HIERARCHY, self._conclude)

    async def wants(
        self, principal: Principal, service: str, log: LogType, resource: Resource
    ) -> bool:
        """Tell whether this access has to be on record before it is answered."""
        container = container_of(resource)
        above = self._above.known(container) or await self._above.of(container)
        if log.data and (above.classified or rank(resource.sensitivity) >= CLASSIFIED):
            return True
        own = tuple(one.audit for one in resource.policies if one.audit)
        if not own and not above.audits:
            return False
        return any(_wanted(one, principal, service, log) for one in (*own, *above.audits))

    async def _conclude(self, container: str) -> Above:
        if not container:
            return _NOTHING
        chain = await levels(self._sealed, container)
        labels = [one.labels.get(SENSITIVITY, "") for one in chain if isinstance(one, Project)]
        audits = tuple(one.policy.audit for one in chain if one.policy.audit)
        return Above(any(rank(label) >= CLASSIFIED for label in labels), audits)


def _wanted(audit: Audit, principal: Principal, service: str, log: LogType) -> bool:
    """Tell whether one policy wants an access logged: its configurations are taken together."""
    named = (ALL_SERVICES, f"{service}.googleapis.com")
    found = [one for one in audit if one.service in named and one.log == log.value]
    exempted = {member for one in found for member in one.exempted}
    return bool(found) and principal.member not in exempted
