"""What the methods of Cloud Asset Inventory ask of a call, and work on."""

from __future__ import annotations

import re
from dataclasses import dataclass

from rempart.core.call import Call
from rempart.core.errors import ErrorInfo, invalid, unauthenticated
from rempart.core.names import ProjectId, ResourceName
from rempart.core.policy import Resource
from rempart.services.answers.places import MANAGER, level
from rempart.services.answers.rights import Rights
from rempart.services.cloudasset.review import Reviews
from rempart.trust.session import Session

_SCOPE = re.compile(r"(projects)/([a-z0-9.:-]{1,63})|(folders|organizations)/([0-9]{1,19})")
_TYPES = {"projects": "Project", "folders": "Folder", "organizations": "Organization"}


@dataclass(frozen=True, slots=True)
class AssetStore:
    """The grants, in one session's transaction."""

    reviews: Reviews
    session: Session

    @property
    def rights(self) -> Rights:
        """Return what finds grants."""
        return self.reviews.rights


async def scope(call: Call, store: AssetStore) -> Resource:
    """Return the level that the path names, whether or not it is there."""
    name = call.path["scope"]
    found = _SCOPE.fullmatch(name)
    if found is None and store.session.authority.principal.anonymous:
        text = "Request is missing required authentication credential."
        raise unauthenticated(text, reason="required", info=ErrorInfo("CREDENTIALS_MISSING"))
    if found is None:
        message = f"{name[:200]!r} is none of projects/ID, folders/NUMBER, organizations/NUMBER."
        raise invalid(message, field="scope")
    held = await level(name, store.session.tx)
    if held is not None:
        return held.resource
    noun = found[1] or found[3]
    project = ProjectId(found[2]) if found[1] else None
    return Resource(ResourceName(MANAGER, f"{MANAGER}/{_TYPES[noun]}", name), project)


def repeated(call: Call, name: str) -> list[str]:
    """Return the values of a parameter that may be given many times."""
    return [one for one in call.query.get(name, "").split("\n") if one]
