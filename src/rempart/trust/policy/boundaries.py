"""Principal access boundaries: which resources a principal can reach at all, whatever is granted.

A policy lists projects, folders and organizations; a binding puts a set of principals under it. Who
is under at least one policy reaches only what one of them lists, and what lies below. The IAM API
writes both; the decision asks after the deny rules. It fails closed: a binding whose condition
cannot be evaluated binds, one whose policy is gone lets nothing through, and a principal with no
place in the hierarchy is bound by whatever binds an organization.

Every enforcement version of Google's is taken to cover every permission, but for those that
`spared` names: else whoever bound everybody could not unbind them.

Source: google.iam.v3; Google's pages on principal access boundary policies.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from urllib.parse import unquote

import msgspec

from rempart.core.clock import Micros
from rempart.core.policy import Condition
from rempart.core.principal import Principal
from rempart.trust.custody.kind import Kind
from rempart.trust.custody.sealed import SealedEngine
from rempart.trust.policy.changes import Concluded, everything
from rempart.trust.policy.conditions import OF_PRINCIPAL, Situation, spares
from rempart.trust.policy.deny import UNDENIABLE
from rempart.trust.policy.members import email_alone

MANAGER = "//cloudresourcemanager.googleapis.com/"
ORGANIZATIONS = "organizations/"
POOLS = "//iam.googleapis.com/"

_ADMINISTRATION = (UNDENIABLE, "iam.principalaccessboundarypolicies.", "iam.policybindings.")
_BINDING_VERBS = ("PolicyBinding", "PolicyBindings")
_POLICIES = "locations/global/principalAccessBoundaryPolicies"
_SET, _ALL = "principalSet:", "/*"
_ACCOUNT, _USER, _SUBJECT = "serviceAccount:", "user:", "/subject/"


class BoundaryRule(msgspec.Struct, frozen=True):
    """Resources as they were written, and the names of the same levels as policy has them."""

    resources: tuple[str, ...]
    levels: tuple[str, ...]
    description: str = ""


class BoundaryPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """A principal access boundary policy of an organization."""

    uid: str
    etag: str
    created: Micros
    updated: Micros
    display_name: str = ""
    annotations: dict[str, str] = {}
    version: str
    rules: tuple[BoundaryRule, ...] = ()


class PolicyBinding(msgspec.Struct, frozen=True, kw_only=True):
    """What puts a set of principals, `target`, under a policy."""

    uid: str
    etag: str
    created: Micros
    updated: Micros
    display_name: str = ""
    annotations: dict[str, str] = {}
    target: str
    organization: str
    policy: str
    policy_uid: str
    condition: Condition | None = None


BOUNDARY_POLICIES: Kind[BoundaryPolicy] = Kind(b"2", BoundaryPolicy, hot=4096)
"""By the organization's number and the policy's id."""

POLICY_BINDINGS: Kind[PolicyBinding] = Kind(b"3", PolicyBinding, hot=4096)
"""By `projects`, `folders` or `organizations`, the id, the binding's id."""

_KINDS = (BOUNDARY_POLICIES, POLICY_BINDINGS)


class Bound(msgspec.Struct, frozen=True, gc=False):
    """A binding: its condition, its policy (`organizations/N/…/ID`) and the levels listed there."""

    expression: str
    policy: str
    listed: frozenset[str]


class Boundaries:
    """Who is bound to what, remembered while neither policies nor bindings change."""

    def __init__(self, sealed: SealedEngine) -> None:
        self._sealed = sealed
        self._bound: Concluded[str, Mapping[str, list[Bound]]] = Concluded(
            sealed, _KINDS, self._load
        )

    async def exist(self) -> bool:
        """Tell whether anybody is bound."""
        return bool(await self._bound.of(""))

    async def shut_out(
        self, principal: Principal, places: tuple[str, ...], levels: tuple[str, ...], at: Situation
    ) -> bool:
        """Tell whether a principal is bound to resources that these levels are not among."""
        counted = await self.binding(principal, places, at)
        if not counted:
            return False
        return frozenset[str]().union(*[one.listed for one in counted]).isdisjoint(levels)

    async def binding(
        self, principal: Principal, places: tuple[str, ...], at: Situation
    ) -> list[Bound]:
        """Return what binds a principal now.

        `places` are the levels that the principal itself is in, with numbers for projects.
        """
        every = await self._bound.of("")
        targets = () if principal.anonymous else _targets(principal, places, every)
        bound = [one for target in targets for one in every.get(target, ())]
        if not bound:
            return []
        who = msgspec.structs.replace(at, principal=_who(principal))
        return [
            one
            for one in bound
            if not (one.expression and spares(one.expression, who, OF_PRINCIPAL))
        ]

    async def _load(self, _: str) -> Mapping[str, list[Bound]]:
        found: defaultdict[str, list[Bound]] = defaultdict(list)
        span = POLICY_BINDINGS.under()
        for one in await everything(self._sealed, POLICY_BINDINGS, span):
            binding = one.value
            key = BOUNDARY_POLICIES.key(binding.organization, binding.policy)
            policy = await self._sealed.find(BOUNDARY_POLICIES, key)
            rules = policy.value.rules if policy else ()
            listed = frozenset(level for rule in rules for level in rule.levels)
            expression = binding.condition.expression if binding.condition else ""
            name = f"organizations/{binding.organization}/{_POLICIES}/{binding.policy}"
            found[binding.target.removeprefix(MANAGER)].append(Bound(expression, name, listed))
        return dict(found)


def spared(permission: str) -> bool:
    """Tell whether no boundary holds for a permission: it serves to take boundaries back."""
    return permission.startswith(_ADMINISTRATION) or permission.endswith(_BINDING_VERBS)


def _targets(
    principal: Principal, places: tuple[str, ...], every: Mapping[str, object]
) -> list[str]:
    """Return the sets of principals that a principal is in, of those that are bound."""
    pools = [
        one.removeprefix(_SET).removesuffix(_ALL) for one in principal.sets if one.endswith(_ALL)
    ]
    if places:
        return [*pools, *places]
    return [*pools, *(target for target in every if target.startswith(ORGANIZATIONS))]


def _who(principal: Principal) -> tuple[str, str]:
    """Return a principal's type and subject, as conditions of bindings know them."""
    member = email_alone(principal.member)
    if member.startswith(_ACCOUNT):
        return "iam.googleapis.com/ServiceAccount", member.removeprefix(_ACCOUNT)
    if member.startswith(_USER):
        return "iam.googleapis.com/WorkspaceIdentity", member.removeprefix(_USER)
    kind = "WorkforcePool" if "/workforcePools/" in member else "WorkloadPool"
    return f"iam.googleapis.com/{kind}Identity", unquote(member.partition(_SUBJECT)[2])
