"""All that holds above a project, as one compiled policy.

A lineage is kept with the documents that it was made of and used only while each of them is still
the one that the sealed engine returns: a change anywhere above takes effect at the next question.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

from rempart.core.names import ProjectId
from rempart.engine.seam import Key
from rempart.trust.custody.sealed import SealedEngine
from rempart.trust.policy.compiled import Compiled, compiled, merge
from rempart.trust.policy.hierarchy import (
    FOLDERS,
    ORGANIZATIONS,
    PROJECTS,
    Folder,
    Organization,
    Project,
    State,
    ancestors,
    find_project,
    reaches_top,
)

LINEAGES_MAX = 1024


@dataclass(frozen=True, slots=True)
class Lineage:
    """A project and what is above it: whether it is in use, and the bindings of all together."""

    active: bool
    inherited: Compiled
    project: tuple[Key, Project]
    above: tuple[tuple[Key, Organization | Folder], ...]


class Lineages:
    """The way up from every project, remembered."""

    def __init__(self, sealed: SealedEngine) -> None:
        self._sealed = sealed
        self._kept: OrderedDict[ProjectId, Lineage] = OrderedDict()

    async def of(self, project: ProjectId) -> Lineage | None:
        """Return a project's lineage as it is now, or None where there is no such project."""
        kept = self._kept.get(project)
        if kept is not None and await self._stands(kept):
            return kept
        self._kept.pop(project, None)
        return await self._build(project)

    async def state(self, project: ProjectId) -> State | None:
        """Return whether a project is in use, None where there is none."""
        kept = self._kept.get(project)
        key = kept.project[0] if kept is not None else PROJECTS.key(project)
        found = await self._sealed.find(PROJECTS, key)
        return found.value.state if found else None

    async def _stands(self, lineage: Lineage) -> bool:
        key, project = lineage.project
        found = await self._sealed.find(PROJECTS, key)
        if found is None or found.value is not project:
            return False
        for key, level in lineage.above:
            if await self._at(key, level) is not level:
                return False
        return True

    async def _at(self, key: Key, level: Organization | Folder) -> object:
        """Return what now stands where a level stood."""
        if isinstance(level, Folder):
            folder = await self._sealed.find(FOLDERS, key)
            return folder and folder.value
        organization = await self._sealed.find(ORGANIZATIONS, key)
        return organization and organization.value

    async def _build(self, name: ProjectId) -> Lineage | None:
        project = await find_project(self._sealed, name)
        if project is None:
            return None
        chain = await ancestors(self._sealed, project.parent)
        lineage = Lineage(
            active=project.state is State.ACTIVE,
            inherited=merge([compiled(level.policy) for level in (project, *chain)]),
            project=(PROJECTS.key(name), project),
            above=tuple([(_key(level), level) for level in chain]),
        )
        if reaches_top(project.parent, chain):
            self._keep(name, lineage)
        return lineage

    def _keep(self, name: ProjectId, lineage: Lineage) -> None:
        self._kept[name] = lineage
        while len(self._kept) > LINEAGES_MAX:
            self._kept.popitem(last=False)


def _key(level: Organization | Folder) -> Key:
    return (FOLDERS if isinstance(level, Folder) else ORGANIZATIONS).key(level.id)


def policies_of(chain: Sequence[Organization | Folder]) -> Compiled:
    """Return the bindings of several levels together."""
    return merge([compiled(level.policy) for level in chain])
