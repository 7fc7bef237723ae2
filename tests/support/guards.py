"""What a guard is asked, and a small hierarchy to ask about."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec.structs import replace

from rempart.core.call import MethodId
from rempart.core.clock import Micros
from rempart.core.method import Access
from rempart.core.names import FolderId, OrganizationId, ProjectId, ProjectNumber, ResourceName
from rempart.core.policy import Resource
from rempart.core.principal import Member, Principal
from rempart.trust.policy.guard import Asked
from rempart.trust.policy.hierarchy import (
    FOLDERS,
    ORGANIZATIONS,
    PROJECTS,
    Folder,
    Organization,
    Project,
)
from support.worlds import START, TestUniverse, call

PROJECT_NUMBERS = {"lab:one": "11", "lab:two": "22", "lab:three": "33", "lab:orphan": "44"}


async def hierarchy(universe: TestUniverse) -> None:
    """Write organization 1 with folder 5, projects one and three; organization 2 with two."""
    tx, then = universe.sealed.transaction(), Micros(START)
    for number in ("1", "2"):
        tx.put(ORGANIZATIONS, number, value=Organization(OrganizationId(number), "o", then))
    tx.put(FOLDERS, "5", value=Folder(FolderId("5"), "f", "organizations/1", then))
    parents = {
        "lab:one": "folders/5",
        "lab:two": "organizations/2",
        "lab:three": "organizations/1",
        "lab:orphan": "",
    }
    for id_, parent in parents.items():
        number = ProjectNumber(PROJECT_NUMBERS[id_])
        project = Project(ProjectId(id_), number, id_, parent, then)
        tx.put(PROJECTS, id_, value=project)
    await tx.commit()


def bucket(project: str, name: str = "b") -> Resource:
    storage = "storage.googleapis.com"
    full = ResourceName(storage, f"{storage}/Bucket", f"projects/_/buckets/{name}")
    return Resource(full, ProjectId(project))


def caller(member: str = "serviceAccount:robot@one.lab.iam.gserviceaccount.com") -> Principal:
    return Principal(Member(member), member.partition(":")[2], "1", None)


def asked(
    *,
    project: str = "lab:one",
    resource: Resource | None = None,
    member: str = "serviceAccount:robot@one.lab.iam.gserviceaccount.com",
    permission: str = "storage.objects.get",
    method: str = "storage.objects.get",
    service: str = "storage",
    access: Access = Access.READ,
    remote: str = "192.0.2.1",
    headers: dict[str, str] | None = None,
    before: Mapping[str, Asked] | None = None,
    **changes: Any,
) -> Asked:
    """Return what a guard is asked in a call; `changes` are of the call itself."""
    made = replace(call(headers=headers), method=MethodId(method), remote=remote, **changes)
    where = resource if resource is not None else bucket(project)
    asked = Asked(caller(member), permission, where, made, access, service)
    return msgspec.structs.replace(asked, before=before or {})
