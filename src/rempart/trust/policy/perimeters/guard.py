"""The guard that keeps calls within perimeters, and callers to the levels that they are bound to.

With no access policy in the universe it costs one comparison.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rempart.core.call import MethodId
from rempart.core.clock import World
from rempart.core.names import ProjectId
from rempart.core.principal import Principal
from rempart.trust.custody.sealed import SealedEngine
from rempart.trust.policy.changes import everything
from rempart.trust.policy.guard import SILENT, Asked, Opinion
from rempart.trust.policy.hierarchy import levels, place_name, severance, severed
from rempart.trust.policy.perimeters.crossing import Plan, Refusal, Visit, judge, plan
from rempart.trust.policy.perimeters.documents import ACCESS_POLICIES, AccessPolicy
from rempart.trust.policy.perimeters.origin import Origin, Origins
from rempart.trust.policy.perimeters.violation import (
    Violations,
    foretold,
    refusal_of,
    violation_of,
)

MANAGER = "cloudresourcemanager.googleapis.com"
SEE = "accesscontextmanager.servicePerimeters.get"
DRY_RUN_FACT = "perimeterDryRun"
"""Under this, an entry in the log has the identifier of what a dry run would have refused."""

_NO_NAMES: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class _State:
    """The perimeters of all access policies; `dry` is None where nothing is tried."""

    policies: Mapping[str, AccessPolicy]
    live: Plan
    dry: Plan | None


class PerimeterGuard:
    """Refuses what crosses a perimeter without a rule for it.

    `names` has for each method the names that method selectors may use besides its id.
    """

    title = "VPC Service Controls"

    def __init__(
        self,
        sealed: SealedEngine,
        world: World,
        origins: Origins,
        names: Mapping[MethodId, frozenset[str]],
    ) -> None:
        self._sealed = sealed
        self._origins = origins
        self._names = names
        self._violations = Violations(sealed, world)
        self._watch, self._seen = sealed.watch((ACCESS_POLICIES,)), -1
        self._state: _State | None = None

    async def check(self, asked: Asked) -> None:
        """Raise Google's refusal of a call that crosses a perimeter."""
        if self._watch.changes != self._seen:
            await self._look()
        state = self._state
        if state is None or asked.resource.project is None:
            return
        visits = await self._visits(asked, asked.resource.project)
        refused = await self._judge(state.live, asked, visits)
        if refused is not None:
            raise refusal_of(await self._keep(asked, *refused, dry=False), asked.service)
        if state.dry is not None:
            tried = await self._judge(state.dry, asked, visits)
            if tried is not None:
                asked.facts[DRY_RUN_FACT] = await self._keep(asked, *tried, dry=True)

    async def opinion(self, asked: Asked) -> Opinion:
        """Return which perimeter would refuse a call, for those who may read perimeters there."""
        if self._watch.changes != self._seen:
            await self._look()
        state = self._state
        if state is None or asked.resource.project is None:
            return SILENT
        visits = await self._visits(asked, asked.resource.project)
        place = visits[0].place
        holding = [one.policy.parent for one in state.live.around(place)]
        tops = [one for one in place if one.startswith("organizations/")]
        refused = await self._judge(state.live, asked, visits)
        see = frozenset((SEE, one) for one in (*tops, *holding))
        if refused is None:
            return Opinion(see=see)
        _, origin = refused
        return Opinion(foretold(*refused), unsure=origin.untold, see=see)

    async def _look(self) -> None:
        """Read the access policies again."""
        seen = self._watch.changes
        found = await everything(self._sealed, ACCESS_POLICIES, ACCESS_POLICIES.under())
        self._state = _state({one.value.name: one.value for one in found})
        self._seen = seen

    async def origin(self, principal: Principal, asked: Asked) -> Origin:
        """Return where a call comes from, to be asked for access levels."""
        return await self._origins.of(asked.call.peer, principal.member, asked.call.time)

    async def _judge(
        self, plan_: Plan, asked: Asked, visits: tuple[Visit, ...]
    ) -> tuple[Refusal, Origin] | None:
        """Return why a call may not be and where it comes from, None where it may."""
        origin = await self.origin(asked.principal, asked)
        refusal = judge(plan_, visits[0], visits[1:], origin)
        return (refusal, origin) if refusal else None

    async def _keep(self, asked: Asked, refusal: Refusal, origin: Origin, *, dry: bool) -> str:
        """Keep a violation, and return its identifier."""
        violation = violation_of(refusal, origin, asked.call.request_id, dry=dry)
        return await self._violations.keep(violation)

    async def _visits(self, asked: Asked, project: ProjectId) -> tuple[Visit, ...]:
        """Return what is asked about, and then what the call did before in other projects."""
        before = [
            await self._visit(other, ProjectId(id_))
            for id_, other in asked.before.items()
            if id_ != project
        ]
        return (await self._visit(asked, project), *before)

    async def _visit(self, asked: Asked, project: ProjectId) -> Visit:
        name, service = asked.resource.name, f"{asked.service}.googleapis.com"
        services = {service} if name.service == MANAGER else {service, name.service}
        method = asked.call.method
        return Visit(
            await place_of(self._sealed, project),
            name.name,
            frozenset(services),
            self._names.get(method, _NO_NAMES) | {method, f"google.{method}"},
            asked.permission,
            asked.principal.member,
            asked.principal.sets,
        )


async def place_of(sealed: SealedEngine, project: ProjectId) -> tuple[str, ...]:
    """Return a project and what it lies in, upwards: `projects/NUMBER`, folders, organization."""
    chain = await levels(sealed, f"projects/{project}")
    if severed(chain):
        raise severance(f"projects/{project}")
    return tuple(map(place_name, chain))


def _state(policies: Mapping[str, AccessPolicy]) -> _State | None:
    if not policies:
        return None
    tried = any(
        perimeter.use_explicit_dry_run_spec
        for policy in policies.values()
        for perimeter in policy.perimeters.values()
    )
    values = policies.values()
    return _State(policies, plan(values, dry=False), plan(values, dry=True) if tried else None)
