"""The guard of organization policy: what would break a policy is refused, whoever may do it.

Asked by the gate for every permission. Without any policy it costs one comparison. A trial
(`dryRunSpec`) refuses nothing: what it would have refused is told to the program's log and, of a
write that goes through, to the witness's entry of it.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Mapping, Sequence

from rempart.core.policy import Resource
from rempart.core.proposal import Proposal
from rempart.trust.policy.guard import SILENT, Asked, Opinion
from rempart.trust.policy.hierarchy import container_of
from rempart.trust.policy.organization.constraint import Constraint, Shape
from rempart.trust.policy.organization.constraints import (
    CALLS,
    CONSTRAINTS,
    STRICT_SERVICES,
    bears_on,
    of_type,
)
from rempart.trust.policy.organization.constraints.storage import PUBLIC_ACCESS
from rempart.trust.policy.organization.custom import holds
from rempart.trust.policy.organization.custom_policy import as_constraint
from rempart.trust.policy.organization.documents import CustomConstraint
from rempart.trust.policy.organization.effective import Effective
from rempart.trust.policy.organization.policies import Policies, Seen, Standing
from rempart.trust.policy.organization.refusals import custom_refusal, refusal, refused_call
from rempart.trust.policy.organization.values import IS, Value

DRY_RUN_FACT = "orgPolicyDryRun"
SEE = "orgpolicy.policy.get"
_STORAGE = "storage.googleapis.com"
_log = logging.getLogger(__name__)


class OrganizationPolicyGuard:
    """Refuses what organization policy does not admit."""

    title = "Organization policy"

    def __init__(self, policies: Policies) -> None:
        self._policies = policies

    async def check(self, asked: Asked) -> None:
        """Raise the refusal of a call, or of what it would make."""
        seen = self._policies.fresh() or await self._policies.seen()
        if seen.any:
            await self._check_call(asked, seen)
        elif asked.service not in STRICT_SERVICES:
            return
        proposal = await asked.propose() if asked.propose else None
        if proposal is not None:
            await self._check_proposal(asked, proposal)

    async def opinion(self, asked: Asked) -> Opinion:
        """Return which constraint would refuse a call, and those that would judge what it makes."""
        seen = self._policies.fresh() or await self._policies.seen()
        container = container_of(asked.resource)
        if not container or not (seen.any or asked.service in STRICT_SERVICES):
            return SILENT
        see = frozenset((SEE, name) for name in await self._policies.above(container))
        async for constraint, value, live in self._breaches(asked, seen, container):
            if live:
                refusal = refused_call(constraint, asked, container, value)
                return Opinion(f"{refusal.message}. {_todo(constraint.full, container)}", see=see)
        depends = await self._in_force(asked, container) if asked.propose else ()
        return Opinion(depends=depends, see=see)

    async def _in_force(self, asked: Asked, container: str) -> tuple[str, ...]:
        """Return the constraints in force that judge what such a call makes."""
        own = await self._policies.custom(container)
        custom = {
            f"customConstraints/{name}": as_constraint(name, one) for name, one in own.items()
        }
        every = {one.full: one for one in CONSTRAINTS.values()} | custom
        found = []
        for name, constraint in every.items():
            if bears_on(asked.permission, constraint.types):
                live = await self._policies.effective(constraint, container)
                found += [name] if live is not None and _restrains(live) else []
        return tuple(found)

    async def conceals(self, resource: Resource) -> bool:
        """Tell whether bindings to everyone are not to count on a resource of Cloud Storage."""
        seen = self._policies.fresh() or await self._policies.seen()
        project = resource.project
        if not seen.any or project is None or resource.name.service != _STORAGE:
            return False
        concealed = seen.concealed.get(project)
        if concealed is None:
            constraint = CONSTRAINTS[PUBLIC_ACCESS]
            concealed = await self._policies.enforced(constraint, f"projects/{project}")
            seen.concealed[project] = concealed
        return concealed

    async def _check_call(self, asked: Asked, seen: Seen) -> None:
        key = asked.resource.project or asked.resource.name.name
        if seen.calls.get(key) == ():
            return
        container = container_of(asked.resource)
        if not container:
            return
        async for constraint, value, live in self._breaches(asked, seen, container):
            if live:
                raise refused_call(constraint, asked, container, value)
            _tell(asked, constraint.full, container)

    async def _breaches(
        self, asked: Asked, seen: Seen, container: str
    ) -> AsyncIterator[tuple[Constraint, str, bool]]:
        """Iterate over the constraints that a call breaks, by what, and whether they are live."""
        key = asked.resource.project or asked.resource.name.name
        if key not in seen.calls:
            standing = [await self._stands(each, container) for each in CALLS]
            seen.calls[key] = tuple([one for one in standing if _asks(one)])
        for constraint, live, trial in seen.calls[key]:
            for value in constraint.calls(asked) if constraint.calls else ():
                judged = await self._policies.value(constraint, value)
                if live is not None and not _passes(constraint, live, judged):
                    yield constraint, value, True
                if trial is not None and not _passes(constraint, trial, judged):
                    yield constraint, value, False

    async def _check_proposal(self, asked: Asked, proposal: Proposal) -> None:
        for constraint in of_type(proposal.type):
            values = constraint.asks(proposal)
            if values:
                await self._check_values(asked, proposal, constraint, values)
        await self._check_custom(asked, proposal)

    async def _check_values(
        self, asked: Asked, proposal: Proposal, constraint: Constraint, values: Sequence[str]
    ) -> None:
        _, live, trial = await self._stands(constraint, proposal.container)
        for text in values:
            value = await self._policies.value(constraint, text)
            if live is not None and not _passes(constraint, live, value):
                raise refusal(constraint, asked, proposal, text)
            if trial is not None and not _passes(constraint, trial, value):
                _tell(asked, constraint.full, proposal.container)

    async def _check_custom(self, asked: Asked, proposal: Proposal) -> None:
        container = proposal.container
        own: Mapping[str, CustomConstraint] = await self._policies.custom(container)
        for name, custom in own.items():
            if custom.resource_type != proposal.type or proposal.change.value not in custom.methods:
                continue
            _, live, trial = await self._stands(as_constraint(name, custom), container)
            if not (live and live.enforced) and not (trial and trial.enforced):
                continue
            if _admits(custom, proposal):
                continue
            if live and live.enforced:
                raise custom_refusal(name, custom, asked, proposal)
            _tell(asked, f"customConstraints/{name}", container)

    async def _stands(self, constraint: Constraint, container: str) -> Standing:
        return (
            constraint,
            await self._policies.effective(constraint, container),
            await self._policies.effective(constraint, container, dry_run=True),
        )


def _admits(custom: CustomConstraint, proposal: Proposal) -> bool:
    """Tell whether a resource satisfies a custom constraint; in doubt it does not."""
    outcome = holds(custom.condition, custom.resource_type, proposal.fields)
    return outcome is (custom.action == "ALLOW")


def _passes(constraint: Constraint, effective: Effective, value: Value) -> bool:
    if constraint.shape is Shape.LIST:
        return effective.admits(value, constraint.group)
    if not effective.enforced:
        return True
    listed = [effective.parameters.get(name) for name in constraint.parameters]
    named = [entry for some in listed if isinstance(some, list | tuple) for entry in some]
    return any(str(entry).removeprefix(IS) in value.names for entry in named)


def _asks(standing: Standing) -> bool:
    """Tell whether anything is set for a constraint that every call is asked about."""
    _, live, trial = standing
    return trial is not None or (
        live is not None and (live.enforced or live.deny_all or not live.allow_all)
    )


def _restrains(live: Effective) -> bool:
    """Tell whether what is set for a constraint can refuse anything."""
    return (
        live.enforced or live.deny_all or bool(live.denied or (live.allowed and not live.allow_all))
    )


def _todo(constraint: str, container: str) -> str:
    return f"Who administers organization policy may change {constraint} for {container}."


def _tell(asked: Asked, constraint: str, container: str) -> None:
    """Record what a trial would have refused."""
    told = asked.facts.get(DRY_RUN_FACT, "")
    if constraint not in told.split(" "):
        asked.facts[DRY_RUN_FACT] = f"{told} {constraint}".strip()
    _log.warning(
        "request %s: a dry run of %s would have refused %s on %s",
        asked.call.request_id,
        constraint,
        asked.call.method,
        container,
    )
