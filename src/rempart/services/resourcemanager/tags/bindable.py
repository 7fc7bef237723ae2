"""What tags can be bound to: organizations, folders and projects; and, by other services, more.

Google binds tags to key rings, not to keys; a key has the tags of its ring.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from rempart.core.errors import invalid
from rempart.core.names import ProjectId, ResourceName
from rempart.core.policy import Resource
from rempart.trust.custody.transaction import Transaction
from rempart.trust.policy.registry import find_project
from rempart.trust.policy.tags import MANAGER


@dataclass(frozen=True, slots=True)
class Target:
    """A resource as tags see it: its full name, as policy sees it, and whose permissions count.

    `noun` is before `.createTagBinding` and its like.
    """

    name: str
    resource: Resource
    noun: str


class Bindable(Protocol):
    """The resources of one service that bear tags."""

    @property
    def service(self) -> str:
        """Return the service's name: `storage.googleapis.com`."""

    async def target(self, relative: str, tx: Transaction) -> Target | None:
        """Return a resource by its relative name, None where the name has another form.

        One that is not there is a target without policies, so absent and forbidden have one
        answer.
        """


class Hierarchy:
    """Organizations, folders and projects."""

    service = MANAGER
    noun = "resourcemanager.hierarchyNodes"

    async def target(self, relative: str, tx: Transaction) -> Target | None:
        """Return an organization, a folder, or a project by its id or number."""
        noun, _, id_ = relative.partition("/")
        kinds = {"organizations": "Organization", "folders": "Folder", "projects": "Project"}
        if noun not in kinds or not id_ or "/" in id_:
            return None
        project, shown = None, relative
        if noun == "projects":
            found = await find_project(tx, id_)
            project = found.id if found else ProjectId(id_)
            relative, shown = f"projects/{project}", f"projects/{found.number if found else id_}"
        name = ResourceName(MANAGER, f"{MANAGER}/{kinds[noun]}", relative)
        return Target(f"//{MANAGER}/{shown}", Resource(name, project), self.noun)


async def target_of(
    full: str, bindables: tuple[Bindable, ...], tx: Transaction, field: str = "parent"
) -> Target:
    """Return the target of a full resource name; raises `invalid` for what bears no tags."""
    service, _, relative = full.removeprefix("//").partition("/")
    for one in bindables:
        if full.startswith("//") and one.service == service:
            found = await one.target(relative, tx)
            if found is not None:
                return found
    raise invalid(f"{full[:200]!r} is no full name of a resource that bears tags.", field=field)
