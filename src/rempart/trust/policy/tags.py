"""Tags in effect: which tags a resource has, its own and those from above.

A tag is bound to a resource and holds for everything below it; of two values of one key the nearest
wins. What a resource's own service keeps below its project (a bucket, a key ring) comes first, then
the project, its folders and its organization. Source: Resource Manager documentation, "Tags
overview".
"""

from __future__ import annotations

from collections import OrderedDict

import msgspec

from rempart.core.names import ProjectId, ResourceName
from rempart.trust.custody.kind import Kind
from rempart.trust.custody.sealed import SealedEngine
from rempart.trust.policy.hierarchy import (
    FOLDERS,
    ORGANIZATIONS,
    PROJECTS,
    Organization,
    ancestors,
    find_project,
)

MANAGER = "cloudresourcemanager.googleapis.com"
RESOURCES_KEPT_MAX = 4096
_SEGMENTS = {"storage.googleapis.com": 4, "cloudkms.googleapis.com": 6}
"""How many segments of a relative name are the resource that bears tags: a bucket, a key ring."""


class Tag(msgspec.Struct, frozen=True):
    """A value that is bound: the ids of key and value, and their names.

    `key` and `value` are `tagKeys/…` and `tagValues/…`; `key_name` is namespaced
    (`123456789012/environment`), `value_name` short. None of them ever changes.
    """

    key: str
    value: str
    key_name: str
    value_name: str


class TagsOfResource(msgspec.Struct, frozen=True):
    """The tags that are bound to a resource itself, at most one for a key."""

    tags: tuple[Tag, ...] = ()


TAGS: Kind[TagsOfResource] = Kind(b"Z", TagsOfResource, hot=16_384)
"""By full resource name: `//cloudresourcemanager.googleapis.com/projects/NUMBER`."""

_KINDS = (TAGS, PROJECTS, FOLDERS, ORGANIZATIONS)
Level = tuple[str, tuple[Tag, ...]]
"""A full resource name and the tags that are bound to it."""


def full_name(name: ResourceName) -> str:
    """Return the full name of what bears the tags of a resource: itself, or what it lies in.

    Empty where nothing below the project does.
    """
    segments = name.name.split("/")
    wanted = _SEGMENTS.get(name.service, 0)
    if wanted and len(segments) >= wanted:
        return f"//{name.service}/{'/'.join(segments[:wanted])}"
    return ""


def merged(levels: list[Level]) -> tuple[Tag, ...]:
    """Return the tags in effect, given those bound to each level, nearest first."""
    kept: dict[str, Tag] = {}
    for _, tags in levels:
        for tag in tags:
            kept.setdefault(tag.key, tag)
    return tuple(kept.values())


class EffectiveTags:
    """The tags in effect on resources, remembered until something that they rest on changes."""

    def __init__(self, sealed: SealedEngine) -> None:
        self._sealed = sealed
        self._kept: OrderedDict[tuple[str, str], tuple[Tag, ...]] = OrderedDict()
        self._watch, self._seen = sealed.watch(_KINDS), -1

    async def of(self, name: ResourceName, project: ProjectId | None) -> tuple[Tag, ...]:
        """Return the tags in effect on a resource."""
        changes = self._watch.changes
        if changes != self._seen:
            self._kept.clear()
            self._seen = changes
        own = full_name(name)
        at = (own, project or name.name)
        kept = self._kept.get(at)
        if kept is None:
            kept = merged(await self.levels(name, project))
            if self._watch.changes == changes:
                self._kept[at] = kept
                while len(self._kept) > RESOURCES_KEPT_MAX:
                    self._kept.popitem(last=False)
        return kept

    async def levels(self, name: ResourceName, project: ProjectId | None) -> list[Level]:
        """Return a resource and what it lies in, nearest first, with what is bound to each."""
        names = [own] if (own := full_name(name)) else []
        parent = "" if project else name.name
        if project and (found := await find_project(self._sealed, project)):
            names.append(f"//{MANAGER}/projects/{found.number}")
            parent = found.parent
        if project or name.service == MANAGER:
            names += [
                f"//{MANAGER}/{_noun(level)}/{level.id}"
                for level in await ancestors(self._sealed, parent)
            ]
        return [(one, await self._bound(one)) for one in names]

    async def _bound(self, name: str) -> tuple[Tag, ...]:
        found = await self._sealed.find(TAGS, TAGS.key(name))
        return found.value.tags if found else ()


def _noun(level: object) -> str:
    return "organizations" if isinstance(level, Organization) else "folders"
