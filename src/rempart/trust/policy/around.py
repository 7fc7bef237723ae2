"""What the place of a policy tells: custom roles that may be granted there, policies above it.

Read in the transaction that will store the policy: if a role or a policy above changes meanwhile,
the commit fails and all is asked again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from rempart.core.policy import Policy, Resource
from rempart.trust.custody.transaction import Transaction
from rempart.trust.policy.custom_roles import CUSTOM_ROLES, CustomRole
from rempart.trust.policy.duties import Duty
from rempart.trust.policy.hierarchy import (
    DEPTH_MAX,
    FOLDERS,
    ORGANIZATIONS,
    PROJECTS,
    Folder,
    Organization,
    Project,
    container_of,
)
from rempart.trust.policy.roles.custom import key_parts, scope_of


@dataclass(frozen=True, slots=True)
class Around:
    """The surroundings of a policy.

    `roles` are the custom roles, by name, that the request or a policy above names, where they
    exist and belong here. `above` are the policies of all that the resource lies in; its own may
    be among them. `duties` are the universe's.
    """

    roles: Mapping[str, CustomRole] = field(default_factory=dict)
    above: tuple[Policy, ...] = ()
    duties: tuple[Duty, ...] = ()


async def around(
    tx: Transaction, resource: Resource, document: Mapping[str, object], duties: tuple[Duty, ...]
) -> Around:
    """Return the surroundings of a resource that setIamPolicy is asked for with this document."""
    levels = await _levels(tx, container_of(resource))
    above = (*resource.policies, *levels.values())
    named = _roles_named(document)
    if duties:
        named |= {binding.role for policy in above for binding in policy.bindings}
    roles: dict[str, CustomRole] = {}
    for name in sorted(named):
        parts = key_parts(name)
        if parts is not None and scope_of(name) in levels:
            found = await tx.get(CUSTOM_ROLES, *parts)
            if found is not None:
                roles[name] = found
    return Around(roles, above, duties)


async def container_names(tx: Transaction, resource: Resource) -> list[str]:
    """Return the names of the level that a resource is or lies in and of those above, as found."""
    return list(await _levels(tx, container_of(resource)))


async def _levels(tx: Transaction, name: str) -> dict[str, Policy]:
    """Return a level of the hierarchy and those above it, each with its policy."""
    found: dict[str, Policy] = {}
    while name and len(found) <= DEPTH_MAX:
        noun, _, id_ = name.partition("/")
        level: Project | Folder | Organization | None
        if noun == "projects":
            level = await tx.get(PROJECTS, id_)
        elif noun == "folders":
            level = await tx.get(FOLDERS, id_)
        else:
            level = await tx.get(ORGANIZATIONS, id_)
        if level is None:
            break
        found[name] = level.policy
        name = "" if isinstance(level, Organization) else level.parent
    return found


def _roles_named(document: Mapping[str, object]) -> set[str]:
    """Return the roles that a request names, in the policy that it has or is."""
    policy = document.get("policy", document)
    bindings = policy.get("bindings") if isinstance(policy, dict) else None
    named = (
        [one.get("role") for one in bindings or () if isinstance(one, dict)]
        if isinstance(bindings, list)
        else []
    )
    return {role for role in named if isinstance(role, str)}
