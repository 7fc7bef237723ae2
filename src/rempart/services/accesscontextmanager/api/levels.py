"""Access levels."""

from __future__ import annotations

from rempart.core.errors import CloudError, Code
from rempart.core.grant import Grant
from rempart.services.accesscontextmanager.api.parts import Noun, methods, replace_all
from rempart.services.accesscontextmanager.model.levels import check_level, uses
from rempart.services.accesscontextmanager.store import Store
from rempart.trust.policy.perimeters.documents import (
    AccessLevel,
    AccessPolicy,
    EgressPolicy,
    IngressPolicy,
    PerimeterConfig,
)


async def _check(
    _grant: Grant, _store: Store, policy: AccessPolicy, id_: str, level: AccessLevel
) -> None:
    check_level(policy, id_, level)


def _removable(policy: AccessPolicy, name: str) -> None:
    """Raise where a level or a perimeter still refers to a level."""
    users = [one.name for one in policy.levels.values() if one.name != name and uses(one, name)]
    for perimeter in policy.perimeters.values():
        configs = [one for one in (perimeter.status, perimeter.spec) if one is not None]
        if any(name in _levels_of(config) for config in configs):
            users.append(perimeter.name)
    if users:
        message = f"{name} is still referred to by {users[0]}."
        raise CloudError(Code.FAILED_PRECONDITION, message, reason="IN_USE")


def _levels_of(config: PerimeterConfig) -> set[str]:
    rules: tuple[IngressPolicy | EgressPolicy, ...] = (
        *config.ingress_policies,
        *config.egress_policies,
    )
    named = set(config.access_levels)
    for rule in rules:
        by = rule.ingress_from if isinstance(rule, IngressPolicy) else rule.egress_from
        named |= {source.access_level for source in by.sources}
    return named


LEVELS = Noun("accessLevels", AccessLevel, "levels", _check, removable=_removable)
METHODS = methods(LEVELS)
replace_levels = replace_all(LEVELS, "ReplaceAccessLevelsResponse")
