"""Organizations, folders and projects as IAM's own policies name what they are attached to."""

from __future__ import annotations

import re
from dataclasses import dataclass

from rempart.core.errors import invalid
from rempart.core.names import ProjectId, ResourceName
from rempart.core.policy import Resource
from rempart.trust.custody.transaction import Transaction
from rempart.trust.policy.registry import find_project

MANAGER = "cloudresourcemanager.googleapis.com"
_LEVEL = re.compile(r"(projects)/([a-z0-9.:-]{1,63})|(folders|organizations)/([0-9]{1,19})")
_TYPES = {"projects": "Project", "folders": "Folder", "organizations": "Organization"}


@dataclass(frozen=True, slots=True)
class Attachment:
    """A level of the hierarchy: `noun` and `id` of its name; `number` is as answers show it."""

    noun: str
    id: str
    number: str

    @property
    def name(self) -> str:
        """Return its name as policy has it: a project's has its id."""
        return f"{self.noun}/{self.id}"

    @property
    def shown(self) -> str:
        """Return its name as answers have it: a project's has its number."""
        return f"{self.noun}/{self.number}"

    @property
    def resource(self) -> Resource:
        """Return it as policy sees it."""
        kind = f"{MANAGER}/{_TYPES[self.noun]}"
        project = ProjectId(self.id) if self.noun == "projects" else None
        return Resource(ResourceName(MANAGER, kind, self.name), project)


async def attachment(tx: Transaction, name: str, *, field: str) -> Attachment:
    """Return the level of a name, a project's by id or number, whether or not it is there."""
    found = _LEVEL.fullmatch(name)
    if found is None:
        raise invalid(
            f"{name[:200]!r} is none of projects/ID, folders/NUMBER and organizations/NUMBER.",
            field=field,
        )
    noun, id_ = found[1] or found[3], found[2] or found[4]
    if noun != "projects":
        return Attachment(noun, id_, id_)
    project = await find_project(tx, id_)
    return Attachment(noun, project.id, project.number) if project else Attachment(noun, id_, id_)
