"""The guard that holds service accounts to the access levels that they are bound to.

The binding that is closest counts: that of the account before that of its project. One that is
tried in a dry run is logged and refuses nothing.
"""

from __future__ import annotations

import logging

from rempart.core.errors import CloudError, ErrorInfo, denied
from rempart.trust.custody.sealed import SealedEngine
from rempart.trust.policy.changes import everything
from rempart.trust.policy.guard import SILENT, Asked, Opinion
from rempart.trust.policy.hierarchy import find_project
from rempart.trust.policy.perimeters.documents import (
    ACCESS_BINDINGS,
    ACCESS_POLICIES,
    AccessBinding,
    AccessPolicy,
)
from rempart.trust.policy.perimeters.levels import holds
from rempart.trust.policy.perimeters.origin import Origin, Origins

DRY_RUN_FACT = "accessLevelDryRun"
"""Under this, an entry in the log has the level that a dry run would have asked for."""

SEE = "accesscontextmanager.gcpUserAccessBindings.get"
_log = logging.getLogger(__name__)


class BindingGuard:
    """Refuses callers outside the access level that they are bound to."""

    title = "Access bindings"

    def __init__(self, sealed: SealedEngine, origins: Origins) -> None:
        self._sealed = sealed
        self._origins = origins
        self._watch, self._seen = sealed.watch((ACCESS_BINDINGS,)), -1
        self._bound: dict[str, AccessBinding] = {}

    async def check(self, asked: Asked) -> None:
        """Raise where the caller has not the level; with no bindings it costs a comparison."""
        if self._watch.changes != self._seen:
            await self._look()
        if not self._bound or asked.principal.project is None:
            return
        for dry in (False, True):
            level = await self._level(asked, dry=dry)
            if level and not await self._has(level, asked):
                if not dry:
                    raise _refusal(level)
                who = asked.principal.member
                asked.facts[DRY_RUN_FACT] = level
                _log.warning("dry run: %s is bound to %s and has it not", who, level)

    async def opinion(self, asked: Asked) -> Opinion:
        """Return the level that a caller would lack, for those who may read bindings there."""
        if self._watch.changes != self._seen:
            await self._look()
        level = await self._level(asked, dry=False) if asked.principal.project else ""
        if not self._bound or not level:
            return SILENT
        policy = await self._policy(level)
        see = frozenset(((SEE, policy.parent),)) if policy else frozenset[tuple[str, str]]()
        origin = await self._origin(asked)
        if policy is not None and holds(policy, level, origin):
            return Opinion(see=see)
        said = f"{_refusal(level).message} Call from where it holds.{origin.advice}"
        return Opinion(said, unsure=not asked.call.remote or origin.untold, see=see)

    async def _look(self) -> None:
        seen = self._watch.changes
        found = await everything(self._sealed, ACCESS_BINDINGS, ACCESS_BINDINGS.under())
        self._bound = {bound_to(one.value): one.value for one in found}
        self._seen = seen

    async def _level(self, asked: Asked, *, dry: bool) -> str:
        """Return the level that the closest binding asks for, empty where none does."""
        principal = asked.principal
        keys = [principal.email]
        if principal.project is not None:
            project = await find_project(self._sealed, principal.project)
            keys += [f"projects/{project.number}"] if project else []
        for key in keys:
            binding = self._bound.get(key)
            levels = () if binding is None else binding.access_levels
            if binding is not None and dry:
                levels = binding.dry_run_access_levels
            if levels:
                return levels[0]
        return ""

    async def _has(self, level: str, asked: Asked) -> bool:
        policy = await self._policy(level)
        return policy is not None and holds(policy, level, await self._origin(asked))

    async def _origin(self, asked: Asked) -> Origin:
        return await self._origins.of(asked.call.peer, asked.principal.member, asked.call.time)

    async def _policy(self, level: str) -> AccessPolicy | None:
        number = level.split("/")[1]
        found = await self._sealed.find(ACCESS_POLICIES, ACCESS_POLICIES.key(number))
        return found.value if found else None


def _refusal(level: str) -> CloudError:
    return denied(
        f"The caller does not have the access level {level} that it is bound to.",
        info=ErrorInfo("ACCESS_LEVEL_REQUIRED", "rempart", (("accessLevel", level),)),
    )


def bound_to(binding: AccessBinding) -> str:
    """Return whom a binding is about: an account's email, or `projects/NUMBER`."""
    principal = binding.principal
    if principal is None:
        return ""
    number = principal.service_account_project_number
    return principal.service_account or f"projects/{number}"
