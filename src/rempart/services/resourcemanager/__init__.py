"""Resource Manager: organizations, folders, projects, liens, and IAM policies on them.

The table below is the service, in v3 and in what clients still call of v1 and v2: each method with
the permission that the gate asks for, on what.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from rempart.core.call import Call, MethodId, Reply
from rempart.core.grant import Grant
from rempart.core.method import Access, Method
from rempart.core.policy import Resource
from rempart.services.resourcemanager.api import (
    asked,
    folders,
    liens,
    operations,
    organizations,
    projects,
    projects_v1,
    proposed,
)
from rempart.services.resourcemanager.api.iam import (
    FOLDER_POLICY,
    ORGANIZATION_POLICY,
    PROJECT_POLICY,
    PolicyMethods,
)
from rempart.services.resourcemanager.api.proposed import Proposes
from rempart.services.resourcemanager.store import ManagerStore, Setup
from rempart.trust.session import Session

NAME = "cloudresourcemanager"
_R, _W = Access.READ, Access.WRITE
_SEARCH = "it returns what the caller may get"
_TEST = "it tells callers their own rights only"
_OWN = "it is shown to the caller who began it"

Run = Callable[[Grant, Call, ManagerStore], Awaitable[Reply]]
Resources = Callable[[Call, ManagerStore], Awaitable[Resource]]
Methods = tuple[Method[ManagerStore], ...]


def _method(
    name: str,
    access: Access,
    permission: str,
    resource: Resources,
    run: Run,
    proposes: Proposes | None = None,
) -> Methods:
    """Return the declaration of a method; `name` is without the API's."""
    id_, full = MethodId(f"{NAME}.{name}"), f"resourcemanager.{permission}"
    return (Method(id_, access, run, resource, full, proposes=proposes),)


def _public(name: str, resource: Resources, run: Run, why: str) -> Methods:
    return (Method(MethodId(f"{NAME}.{name}"), _R, run, resource, public=why),)


def _policy(noun: str, methods: PolicyMethods) -> Methods:
    """Return the declarations of the methods on a policy; the permission is the same in all."""
    bare = noun.rpartition(".")[2]
    return (
        *_method(f"{noun}.getIamPolicy", _R, f"{bare}.getIamPolicy", asked.named, methods.get),
        *_method(
            f"{noun}.setIamPolicy",
            _W,
            f"{bare}.setIamPolicy",
            asked.named,
            methods.set,
            methods.proposes,
        ),
        *_public(f"{noun}.testIamPermissions", asked.named, methods.test, _TEST),
    )


def _organizations(version: str) -> Methods:
    noun = f"{version}organizations"
    return (
        *_method(f"{noun}.get", _R, "organizations.get", asked.named, organizations.get),
        *_public(f"{noun}.search", asked.everything, organizations.search, _SEARCH),
        *_policy(noun, ORGANIZATION_POLICY),
    )


def _folders(version: str) -> Methods:
    noun = f"{version}folders"
    return (
        *_method(
            f"{noun}.create",
            _W,
            "folders.create",
            asked.of_folder,
            folders.create,
            proposed.new_folder,
        ),
        *_method(f"{noun}.get", _R, "folders.get", asked.named, folders.get),
        *_method(f"{noun}.list", _R, "folders.list", asked.in_query, folders.list_),
        *_public(f"{noun}.search", asked.everything, folders.search, _SEARCH),
        *_method(
            f"{noun}.patch",
            _W,
            "folders.update",
            asked.named,
            folders.patch,
            proposed.renamed_folder,
        ),
        *_method(
            f"{noun}.move",
            _W,
            "folders.move",
            asked.above_folder,
            folders.move,
            proposed.moved_folder,
        ),
        *_method(f"{noun}.delete", _W, "folders.delete", asked.named, folders.delete),
        *_method(f"{noun}.undelete", _W, "folders.undelete", asked.named, folders.undelete),
        *_policy(noun, FOLDER_POLICY),
    )


def _liens(version: str) -> Methods:
    noun, update, seen = f"{version}liens", "projects.updateLiens", "projects.get"
    return (
        *_method(f"{noun}.create", _W, update, liens.of_body, liens.create),
        *_method(f"{noun}.get", _R, seen, liens.of_path, liens.get),
        *_method(f"{noun}.list", _R, seen, liens.of_query, liens.list_),
        *_method(f"{noun}.delete", _W, update, liens.of_path, liens.delete),
    )


_PROJECTS: Methods = (
    *_method(
        "projects.create",
        _W,
        "projects.create",
        asked.of_project,
        projects.create,
        proposed.new_project,
    ),
    *_method("projects.get", _R, "projects.get", asked.named, projects.get),
    *_method("projects.list", _R, "projects.list", asked.in_query, projects.list_),
    *_public("projects.search", asked.everything, projects.search, _SEARCH),
    *_method(
        "projects.patch",
        _W,
        "projects.update",
        asked.named,
        projects.patch,
        proposed.patched_project,
    ),
    *_method(
        "projects.move", _W, "projects.move", asked.named, projects.move, proposed.moved_project
    ),
    *_method("projects.delete", _W, "projects.delete", asked.named, projects.delete),
    *_method("projects.undelete", _W, "projects.undelete", asked.named, projects.undelete),
    *_policy("projects", PROJECT_POLICY),
)

_PROJECTS_V1: Methods = (
    *_method(
        "v1.projects.create",
        _W,
        "projects.create",
        asked.of_project,
        projects_v1.create,
        proposed.new_project,
    ),
    *_method("v1.projects.get", _R, "projects.get", asked.named, projects_v1.get),
    *_public("v1.projects.list", asked.everything, projects_v1.list_, _SEARCH),
    *_method(
        "v1.projects.update",
        _W,
        "projects.update",
        asked.named,
        projects_v1.update,
        proposed.updated_project,
    ),
    *_method("v1.projects.delete", _W, "projects.delete", asked.named, projects_v1.delete),
    *_method("v1.projects.undelete", _W, "projects.undelete", asked.named, projects_v1.undelete),
    *_method("v1.projects.getAncestry", _R, "projects.get", asked.named, projects_v1.get_ancestry),
    *_policy("v1.projects", PROJECT_POLICY),
)

METHODS: Methods = (
    *_organizations(""),
    *_organizations("v1."),
    *_folders(""),
    *_folders("v2."),
    *_PROJECTS,
    *_PROJECTS_V1,
    *_liens(""),
    *_liens("v1."),
    *_public("operations.get", asked.everything, operations.get, _OWN),
    *_public("v1.operations.get", asked.everything, operations.get, _OWN),
)


@dataclass(frozen=True, slots=True)
class ResourceManagerService:
    """The API as the gate serves it."""

    setup: Setup
    name: str = NAME
    methods: Methods = METHODS

    def open(self, session: Session) -> ManagerStore:
        """Return the store of one session."""
        return ManagerStore(self.setup, session)

    async def discard(self, staged: Any) -> None:  # noqa: ANN401 - nothing is ever staged
        """Do nothing: no method stages anything."""
