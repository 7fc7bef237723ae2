"""Any resource by its full name, and all that has a policy below an organization or a folder.

What a name means is told alike for callers and on the command line: `gs://b/o`, `projects/p` and
`projects/p/locations/…` stand for the full names `//SERVICE/…`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

from rempart.core.errors import invalid
from rempart.core.names import ProjectId, ResourceName
from rempart.core.policy import Policy, Resource
from rempart.services.answers.held import Held, Holder, Located
from rempart.trust.custody.transaction import Transaction
from rempart.trust.policy.hierarchy import (
    DEPTH_MAX,
    FOLDERS,
    ORGANIZATIONS,
    Folder,
    Organization,
    Project,
)
from rempart.trust.policy.registry import find_project, scan_children

MANAGER = "cloudresourcemanager.googleapis.com"
HELD_MAX = 20_000
"""How many policies one question looks at."""

_CHILDREN_AT_ONCE = 500
_TYPES = {"projects": "Project", "folders": "Folder", "organizations": "Organization"}
_SHORT = (
    ("gs://", "storage.googleapis.com"),
    ("projects/_/buckets/", "storage.googleapis.com"),
)


def full_name(text: str, *, field: str = "fullResourceName") -> str:
    """Return the full name of a resource that may be named in short; raises `invalid`."""
    if text.startswith("//"):
        return text
    if text.startswith("gs://"):
        bucket, slash, name = text.removeprefix("gs://").partition("/")
        inside = f"/objects/{name}" if slash and name else ""
        return f"//storage.googleapis.com/projects/_/buckets/{bucket}{inside}"
    if text.startswith("projects/_/buckets/"):
        return f"//storage.googleapis.com/{text}"
    noun, _, rest = text.partition("/")
    if noun in _TYPES and rest:
        within = rest.partition("/")[2]
        service = {"serviceAccounts": "iam.googleapis.com", "locations": "cloudkms.googleapis.com"}
        return f"//{service.get(within.partition('/')[0], MANAGER)}/{text}"
    raise invalid(
        f"{text[:200]!r} names no resource: it is //SERVICE/NAME, gs://BUCKET/OBJECT, or a name "
        "that begins with projects/, folders/ or organizations/.",
        field=field,
    )


@dataclass(frozen=True, slots=True)
class Places:
    """All that can be asked about; `holders` are of each service."""

    holders: tuple[Holder, ...]

    async def find(self, text: str, tx: Transaction) -> Located | None:
        """Return the resource of a name, None where there is none of this universe."""
        service, _, name = full_name(text).removeprefix("//").partition("/")
        if service == MANAGER:
            held = await level(name, tx)
            # Its policy is that of the lineage, where the decision reads it.
            return Located(held.resource, held.full) if held else None
        for holder in self.holders:
            if holder.service == service:
                return await holder.find(await _by_id(name, tx), tx)
        return None

    async def under(self, name: str, tx: Transaction) -> AsyncIterator[Held]:
        """Iterate over a level, and all with policies below it: nearest levels first."""
        held = await level(name, tx)
        if held is None:
            return
        yield held
        noun, _, id_ = held.name.name.partition("/")
        if noun == "projects":
            for holder in self.holders:
                async for one in holder.under(ProjectId(id_), tx):
                    yield one
            return
        async for child in _children(held.name.name, tx):
            async for one in self.under(child, tx):
                yield one


async def level(name: str, tx: Transaction) -> Held | None:
    """Return a project (by id or number), folder or organization; None where there is none."""
    noun, _, id_ = name.partition("/")
    found: Project | Folder | Organization | None = None
    if "/" in id_ or "\x00" in id_ or not id_:
        return None
    if noun == "projects":
        found = await find_project(tx, id_)
    elif noun == "folders":
        found = await tx.get(FOLDERS, id_)
    elif noun == "organizations":
        found = await tx.get(ORGANIZATIONS, id_)
    if found is None:
        return None
    above = "" if isinstance(found, Organization) else found.parent
    return _level(noun, found.id, found.policy, above)


def _level(noun: str, id_: str, policy: Policy, above: str) -> Held:
    name = f"{noun}/{id_}"
    resource = Resource(
        ResourceName(MANAGER, f"{MANAGER}/{_TYPES[noun]}", name),
        ProjectId(id_) if noun == "projects" else None,
    )
    see = f"resourcemanager.{noun}.getIamPolicy"
    return Held(resource, f"//{MANAGER}/{name}", policy, see, above and f"//{MANAGER}/{above}")


async def _children(parent: str, tx: Transaction) -> AsyncIterator[str]:
    for noun in ("folders", "projects"):
        last = b""
        while found := await scan_children(tx, parent, noun, after=last, limit=_CHILDREN_AT_ONCE):
            for one in found:
                yield f"{noun}/{one.id}"
            last = found[-1].key


async def _by_id(name: str, tx: Transaction) -> str:
    """Return a name in which a project that goes by its number goes by its id."""
    if not name.startswith("projects/"):
        return name
    number, slash, rest = name.removeprefix("projects/").partition("/")
    found = await find_project(tx, number) if number.isdecimal() else None
    return f"projects/{found.id}{slash}{rest}" if found else name


async def above(held: Held, tx: Transaction) -> list[str]:
    """Return the full names of what something lies in, nearest first, up to its organization."""
    names, name = list[str](), held.above
    for _ in range(DEPTH_MAX + 2):
        if not name:
            break
        names.append(name)
        if not name.startswith(f"//{MANAGER}/"):
            project = held.resource.project
            name = f"//{MANAGER}/projects/{project}" if project else ""
            continue
        found = await level(name.removeprefix(f"//{MANAGER}/"), tx)
        name = found.above if found else ""
    return names
