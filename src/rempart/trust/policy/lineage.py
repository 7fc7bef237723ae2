"""All that holds at and above an organization, a folder or a project, as one compiled policy.

A lineage is kept with the documents that it was made of and used only while each of them is still
the one that the sealed engine returns: a change anywhere above takes effect at the next question.
As long as no level of any hierarchy is written, that need not be looked at again.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rempart.core.names import ProjectId
from rempart.core.principal import Member
from rempart.engine.seam import Key
from rempart.trust.custody.kind import Kind
from rempart.trust.custody.sealed import SealedEngine
from rempart.trust.policy.compiled import EMPTY, Compiled, compiled, merge
from rempart.trust.policy.hierarchy import (
    FOLDERS,
    ORGANIZATIONS,
    PROJECTS,
    Folder,
    Level,
    Organization,
    Project,
    State,
    level_name,
    levels,
    place_name,
    severed,
)
from rempart.trust.policy.members import accounts_of

LINEAGES_MAX = 1024

HIERARCHY = (ORGANIZATIONS, FOLDERS, PROJECTS)
_KINDS: Mapping[type[Level], Kind[Any]] = {
    Organization: ORGANIZATIONS,
    Folder: FOLDERS,
    Project: PROJECTS,
}


@dataclass(frozen=True, slots=True)
class Lineage:
    """A level of the hierarchy and what is above it.

    `active` tells whether a project is in use; `inherited` has the bindings of all levels together;
    `names` are theirs, nearest first: `projects/P`, `folders/N`, `organizations/N`; `places` are
    the same with a project's number, and `accounts` the sets of the service accounts in each.
    """

    active: bool
    inherited: Compiled
    names: tuple[str, ...]
    places: tuple[str, ...]
    accounts: tuple[Member, ...]
    levels: tuple[tuple[Kind[Any], Key, Level], ...]


NO_LINEAGE = Lineage(active=True, inherited=EMPTY, names=(), places=(), accounts=(), levels=())
"""Of what lies in no hierarchy: nothing is inherited."""


class Lineages:
    """The way up from every level, remembered."""

    def __init__(self, sealed: SealedEngine) -> None:
        self._sealed = sealed
        self._kept: OrderedDict[str, Lineage] = OrderedDict()
        self._watch = sealed.watch(HIERARCHY)
        self._looked: dict[str, int] = {}

    async def of(self, project: ProjectId) -> Lineage | None:
        """Return a project's lineage as it is now, or None where there is no such project."""
        return await self.at(f"projects/{project}")

    async def at(self, name: str) -> Lineage | None:
        """Return the lineage of `projects/P`, `folders/N` or `organizations/N`, or None.

        None also where something above is not there: what would be denied there is unknown.
        """
        kept, now = self._kept.get(name), self._watch.changes
        if kept is not None and self._looked.get(name) == now:
            return kept
        if kept is not None and await self._stands(kept):
            self._looked[name] = now
            return kept
        self._kept.pop(name, None)
        self._looked.pop(name, None)
        return await self._build(name)

    async def state(self, project: ProjectId) -> State | None:
        """Return whether a project is in use, None where there is none."""
        kept = self._kept.get(f"projects/{project}")
        key = kept.levels[0][1] if kept is not None else PROJECTS.key(project)
        found = await self._sealed.find(PROJECTS, key)
        return found.value.state if found else None

    async def _stands(self, lineage: Lineage) -> bool:
        for kind, key, level in lineage.levels:
            found = await self._sealed.find(kind, key)
            if found is None or found.value is not level:
                return False
        return True

    async def _build(self, name: str) -> Lineage | None:
        chain = await levels(self._sealed, name)
        if not chain or severed(chain):
            return None
        first, places = chain[0], tuple(map(place_name, chain))
        self._kept[name] = lineage = Lineage(
            active=not isinstance(first, Project) or first.state is State.ACTIVE,
            inherited=merge([compiled(level.policy) for level in chain]),
            names=tuple(map(level_name, chain)),
            places=places,
            accounts=tuple(map(accounts_of, places)),
            levels=tuple(
                [(kind := _KINDS[type(level)], kind.key(level.id), level) for level in chain]
            ),
        )
        while len(self._kept) > LINEAGES_MAX:
            dropped, _ = self._kept.popitem(last=False)
            self._looked.pop(dropped, None)
        return lineage
