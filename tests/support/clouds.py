"""A small cloud to decide about: an organization, two folders, two projects, buckets in them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import msgspec

from rempart.core.clock import Micros, World
from rempart.core.names import (
    FolderId,
    OrganizationId,
    ProjectId,
    ProjectNumber,
    ResourceName,
)
from rempart.core.policy import Binding, Condition, Policy, Resource
from rempart.core.principal import Member, Principal
from rempart.trust.custody.sealed import SealedEngine
from rempart.trust.policy.decision import PolicyDecision
from rempart.trust.policy.hierarchy import (
    FOLDERS,
    ORGANIZATIONS,
    PROJECTS,
    Folder,
    Organization,
    Project,
)
from support.worlds import NOW, TestUniverse

TIME = Micros(NOW * 1_000_000)
DEMO, OTHER = ProjectId("lab:demo"), ProjectId("lab:other")
STORAGE = "storage.googleapis.com"


def robot(name: str, *, scopes: frozenset[str] | None = None) -> Principal:
    email = f"{name}@demo.lab.iam.gserviceaccount.com"
    return Principal(Member(f"serviceAccount:{email}"), email, "1" * 21, DEMO, scopes)


def bind(role: str, *members: str, when: str | None = None) -> Binding:
    condition = Condition(when, "t") if when is not None else None
    return Binding(role, tuple(map(Member, members)), condition)


def policy(*bindings: Binding) -> Policy:
    return Policy(bindings, "e", 3)


def bucket(
    *bindings: Binding, name: str = "b", project: ProjectId | None = DEMO, public: bool = True
) -> Resource:
    where = ResourceName(STORAGE, f"{STORAGE}/Bucket", f"projects/_/buckets/{name}")
    return Resource(where, project, (policy(*bindings),), public=public)


def an_object(bucket_: Resource, name: str = "a/b.txt") -> Resource:
    where = ResourceName(STORAGE, f"{STORAGE}/Object", f"{bucket_.name.name}/objects/{name}")
    return msgspec.structs.replace(bucket_, name=where)


@dataclass
class Cloud:
    """organization 1 → folder 2 → folder 3 → lab:demo; organization 1 → lab:other."""

    universe: TestUniverse = field(default_factory=TestUniverse)

    def __post_init__(self) -> None:
        self._decision = PolicyDecision(self.sealed, self.world)

    @property
    def sealed(self) -> SealedEngine:
        return self.universe.sealed

    @property
    def decision(self) -> PolicyDecision:
        return self._decision

    @property
    def world(self) -> World:
        return self.universe.world

    async def build(self, **policies: Policy) -> Cloud:
        """Write all documents; policies by `organization`, `upper`, `lower`, `demo`, `other`."""

        def of(name: str) -> Policy:
            return policies.get(name, Policy())

        write = self.sealed.transaction()
        top = Organization(OrganizationId("1"), "example", TIME, of("organization"))
        write.put(ORGANIZATIONS, "1", value=top)
        upper = Folder(FolderId("2"), "upper", "organizations/1", TIME, of("upper"))
        write.put(FOLDERS, "2", value=upper)
        write.put(FOLDERS, "3", value=Folder(FolderId("3"), "low", "folders/2", TIME, of("lower")))
        for project, number, parent in (
            (DEMO, "11", "folders/3"),
            (OTHER, "12", "organizations/1"),
        ):
            made = Project(
                project, ProjectNumber(number), "n", parent, TIME, policy=of(project[4:])
            )
            write.put(PROJECTS, project, value=made)
        await write.commit()
        return self

    async def change(self, project: ProjectId, **changes: Any) -> None:
        write = self.sealed.transaction()
        found = await write.get(PROJECTS, project)
        assert found is not None
        write.put(PROJECTS, project, value=replace(found, **changes))
        await write.commit()
