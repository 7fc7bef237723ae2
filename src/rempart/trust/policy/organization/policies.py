"""The policies along the way up from a resource, remembered as long as nothing has changed.

What was concluded stands while no policy, custom constraint, tag, project, folder or organization
was written since (`SealedEngine.watch`): a change takes effect at the next question. Each of these
is read when it is first asked for, so nothing is paid for hierarchies that nobody uses.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from rempart.core.names import ProjectId, ResourceName
from rempart.core.policy import Condition
from rempart.core.principal import Member
from rempart.trust.custody.sealed import SealedEngine
from rempart.trust.policy.hierarchy import (
    FOLDERS,
    ORGANIZATIONS,
    PROJECTS,
    find_project,
    level_name,
    levels,
    severance,
    severed,
)
from rempart.trust.policy.members import email_alone
from rempart.trust.policy.organization.constraint import Constraint, Meaning, Shape
from rempart.trust.policy.organization.documents import (
    CUSTOM,
    POLICIES_MAX,
    POLICY,
    CustomConstraint,
    OrgPolicy,
    Spec,
)
from rempart.trust.policy.organization.effective import (
    Effective,
    effective_boolean,
    effective_list,
)
from rempart.trust.policy.organization.tags import holds
from rempart.trust.policy.organization.values import Value, plain
from rempart.trust.policy.registry import by_id
from rempart.trust.policy.tags import MANAGER, TAGS, EffectiveTags, Tag

CUSTOM_PREFIX = "custom."
CONTAINERS_KEPT_MAX = 4096
"""Of how many containers, existing or not, conclusions are kept; beyond that all begins anew."""

_ACCOUNT = re.compile(
    r"(?:deleted:)?serviceAccount:([^@]+)@([a-z0-9-]+)(?:\.([a-z0-9-]+))??"
    r"\.iam\.gserviceaccount\.com(?:\?.*)?"
)
_SYSTEM = "-system"
"""Ends the second word of the address of a service agent, whose project is in its first."""
_AGENT = re.compile(r"service-(\d+)")
_POOL = re.compile(r"principal(?:Set)?://[a-z.]+/projects/(\d+)/.+")
_PEOPLE = re.compile(r"principal(?:Set)?://[a-z.]+/(locations/global/workforcePools/[^/]+)/.+")
_WITHIN = re.compile(r"principalSet://[a-z.]+/(organizations/\d+)")
_TEAM = re.compile(r"project(?:Owner|Editor|Viewer):(.+)")


Standing = tuple[Constraint, Effective | None, Effective | None]
"""A constraint, what holds for it, and what would hold if trials were enforced."""


@dataclass(slots=True)
class Seen:
    """What was read and concluded since the last change."""

    changes: int
    any: bool
    above: dict[str, tuple[str, ...]] = field(default_factory=dict)
    policies: dict[str, Mapping[str, OrgPolicy]] = field(default_factory=dict)
    custom: dict[str, Mapping[str, CustomConstraint]] = field(default_factory=dict)
    effective: dict[tuple[str, str, bool], Effective | None] = field(default_factory=dict)
    calls: dict[str, tuple[Standing, ...]] = field(default_factory=dict)
    concealed: dict[ProjectId, bool] = field(default_factory=dict)


OrganizationOf = Callable[[str], Awaitable[str]]
"""What finds the organization of a workforce pool by its name; empty for none."""


async def _unknown(_: str) -> str:
    return ""


class Policies:
    """What organization policy says of every resource."""

    def __init__(self, sealed: SealedEngine, pools: OrganizationOf = _unknown) -> None:
        self._sealed = sealed
        self._pools = pools
        self._tags = EffectiveTags(sealed)
        self._watch = sealed.watch((POLICY, CUSTOM, TAGS, PROJECTS, FOLDERS, ORGANIZATIONS))
        self._seen = Seen(-1, any=False)

    def fresh(self) -> Seen | None:
        """Return what is remembered, or None where something has changed since."""
        seen = self._seen
        return seen if seen.changes == self._watch.changes else None

    async def seen(self) -> Seen:
        """Return what is remembered, and begin anew where something has changed."""
        if (found := self.fresh()) is not None:
            return found
        changes = self._watch.changes
        some = await self._sealed.scan(POLICY, POLICY.under(), limit=1)
        self._seen = Seen(changes, any=bool(some))
        return self._seen

    async def above(self, container: str) -> tuple[str, ...]:
        """Return a project, folder or organization and all that it lies in, nearest first."""
        seen = await self.seen()
        if container not in seen.above:
            if len(seen.above) >= CONTAINERS_KEPT_MAX:
                self._seen = seen = Seen(seen.changes, any=seen.any)
            seen.above[container] = await self._way_up(container)
        return seen.above[container]

    async def effective(
        self, constraint: Constraint, container: str, *, dry_run: bool = False
    ) -> Effective | None:
        """Return what holds for a constraint at a container.

        With `dry_run`, what would hold if trials were enforced, and None where there is no trial.
        """
        seen = await self.seen()
        key = (container, constraint.name, dry_run)
        if key not in seen.effective:
            seen.effective[key] = await self._merged(seen, constraint, container, dry_run=dry_run)
        return seen.effective[key]

    async def enforced(self, constraint: Constraint, container: str) -> bool:
        """Tell whether a boolean constraint is enforced at a container."""
        found = await self.effective(constraint, container)
        return found is not None and found.enforced

    async def custom(self, container: str) -> Mapping[str, CustomConstraint]:
        """Return the custom constraints of the organization that a container lies in."""
        seen, top = await self.seen(), (await self.above(container))[-1]
        if top not in seen.custom:
            found = await self._sealed.scan(CUSTOM, CUSTOM.under(top), limit=POLICIES_MAX)
            seen.custom[top] = {one.id: one.value for one in found}
        return seen.custom[top]

    async def of(self, container: str) -> Mapping[str, OrgPolicy]:
        """Return the policies that are set on a container itself, by constraint."""
        return await self._of(await self.seen(), container)

    async def value(self, constraint: Constraint, text: str) -> Value:
        """Return a value with its other names and with what it lies in."""
        if constraint.meaning is Meaning.PROJECT:
            above = await self.above(text)
            return Value(text, frozenset((text,)), frozenset(above))
        if constraint.meaning is Meaning.MEMBER:
            top = await self._organization(text)
            known = (f"principalSet://iam.googleapis.com/{top}", f"//{MANAGER}/{top}")
            return Value(
                text, frozenset((text, email_alone(Member(text)), *(known if top else ())))
            )
        return plain(text)

    async def _merged(
        self, seen: Seen, constraint: Constraint, container: str, *, dry_run: bool
    ) -> Effective | None:
        policies = [
            found.get(constraint.name)
            for found in [await self._of(seen, one) for one in await self.above(container)]
        ]
        if dry_run and not any(one is not None and one.dry_run for one in policies):
            return None
        specs = [_spec(one, dry_run=dry_run) for one in policies]
        tags: tuple[Tag, ...] = ()
        if any(rule.condition for spec in specs if spec for rule in spec.rules):
            tags = await self._carried(container)
        merge = effective_list if constraint.shape is Shape.LIST else effective_boolean

        def met(condition: Condition) -> bool:
            return holds(condition.expression, tags)

        return merge(specs, met, denies=constraint.denies)

    async def _of(self, seen: Seen, container: str) -> Mapping[str, OrgPolicy]:
        if container not in seen.policies:
            found = await self._sealed.scan(POLICY, POLICY.under(container), limit=POLICIES_MAX)
            seen.policies[container] = {one.id: one.value for one in found}
        return seen.policies[container]

    async def _carried(self, container: str) -> tuple[Tag, ...]:
        noun, _, id_ = container.partition("/")
        project = ProjectId(id_) if noun == "projects" else None
        return await self._tags.of(ResourceName(MANAGER, "", container), project)

    async def _way_up(self, container: str) -> tuple[str, ...]:
        chain = await levels(self._sealed, container)
        if severed(chain):
            raise severance(container)
        return tuple(map(level_name, chain)) or (container,)

    async def _organization(self, member: str) -> str:
        """Return the organization that a member belongs to, empty where it is in none known."""
        if within := _WITHIN.fullmatch(member):
            return within[1]
        if people := _PEOPLE.fullmatch(member):
            return await self._pools(people[1])
        project = await self._project_of(member)
        top = (await self.above(f"projects/{project}"))[-1] if project else ""
        return top if top.startswith("organizations/") else ""

    async def _project_of(self, member: str) -> str:
        if pool := _POOL.fullmatch(member):
            return await self._by_number(pool[1])
        if team := _TEAM.fullmatch(member):
            return team[1]
        account = _ACCOUNT.fullmatch(member)
        if account is None:
            return ""
        id_, project, prefix = account.groups("")
        owner = ProjectId(f"{prefix}:{project}" if prefix else project)
        if await find_project(self._sealed, owner) is not None:
            return owner
        agent = _AGENT.fullmatch(id_)
        return await self._by_number(agent[1]) if agent and prefix.endswith(_SYSTEM) else ""

    async def _by_number(self, number: str) -> str:
        named = await by_id(self._sealed, {"name": f"projects/{number}"})
        return named["name"].removeprefix("projects/")


def _spec(policy: OrgPolicy | None, *, dry_run: bool) -> Spec | None:
    if policy is None:
        return None
    return (policy.dry_run or policy.spec) if dry_run else policy.spec
