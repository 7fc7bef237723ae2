"""Resource Manager by Google's own Python library, by gRPC and REST."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

import pytest
from google.api_core import exceptions
from google.cloud import resourcemanager_v3 as rm
from google.iam.v1 import iam_policy_pb2, policy_pb2
from google.oauth2 import service_account
from google.protobuf.field_mask_pb2 import FieldMask

from support.universe import Universe

# The library leaves its connections to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")


@dataclass
class Clients:
    """The library's clients, one for each noun."""

    organizations: Any
    folders: Any
    projects: Any


def connected(universe: Universe, transport: str, key: dict[str, str]) -> Clients:
    path = "/cloudresourcemanager" if transport == "rest" else ""
    settings = {
        "credentials": service_account.Credentials.from_service_account_info(key),  # type: ignore[no-untyped-call]  # Google's is untyped
        "transport": transport,
        "client_options": {
            "api_endpoint": f"localhost:{universe.listen}{path}",
            "universe_domain": universe.domain,
        },
    }
    kinds = (rm.OrganizationsClient, rm.FoldersClient, rm.ProjectsClient)
    return Clients(*(kind(**settings) for kind in kinds))


@pytest.fixture(scope="module", params=["grpc", "rest"])
def clients(shell: Universe, request: pytest.FixtureRequest) -> Clients:
    return connected(shell, request.param, shell.admin_key)


def fresh(prefix: str = "p") -> str:
    return f"{prefix}-{uuid.uuid4().hex[:12]}"


def new_folder(clients: Clients, parent: str, name: str) -> Any:
    folder = rm.Folder(parent=parent, display_name=name)
    return clients.folders.create_folder(folder=folder).result(timeout=20)


def new_project(clients: Clients, parent: str, **labels: str) -> Any:
    project = rm.Project(parent=parent, project_id=fresh(), labels=labels)
    return clients.projects.create_project(project=project).result(timeout=20)


def test_organizations_are_found_by_their_domain(clients: Clients, shell: Universe) -> None:
    organization = shell.above["organizations"]
    assert clients.organizations.get_organization(name=organization).display_name == shell.domain
    found = clients.organizations.search_organizations(query=f"domain:{shell.domain}")
    assert [one.name for one in found] == [organization]


def test_projects_are_made_searched_moved_and_changed(clients: Clients, shell: Universe) -> None:
    source = new_folder(clients, shell.above["organizations"], fresh())
    target = new_folder(clients, source.name, "lower")
    project = new_project(clients, source.name, team="red")
    assert project.project_id.startswith(f"{shell.project.partition(':')[0]}:p-")
    assert clients.projects.get_project(name=f"projects/{project.project_id}") == project
    assert clients.projects.get_project(name=project.name).labels == {"team": "red"}
    moved = clients.projects.move_project(name=project.name, destination_parent=target.name)
    project = moved.result(timeout=20)
    listed = clients.projects.list_projects(parent=target.name)
    assert [one.name for one in listed] == [project.name]
    query = f"labels.team:red AND parent:{target.name}"
    assert [one.name for one in clients.projects.search_projects(query=query)] == [project.name]
    project.display_name = "Another name"
    mask = FieldMask(paths=["display_name"])
    changed = clients.projects.update_project(project=project, update_mask=mask)
    assert changed.result(timeout=20).display_name == "Another name"
    with pytest.raises(exceptions.Conflict):
        clients.projects.update_project(project=project, update_mask=mask)


def test_what_is_deleted_comes_back_from_the_top_down(clients: Clients, shell: Universe) -> None:
    upper = new_folder(clients, shell.above["organizations"], fresh())
    lower = new_folder(clients, upper.name, "lower")
    project = new_project(clients, lower.name)
    below = {"destination_parent": lower.name}
    for refused, asked in (
        (clients.folders.delete_folder, {}),
        (clients.folders.move_folder, below),
    ):
        with pytest.raises(exceptions.BadRequest) as problem:
            refused(name=upper.name, **asked)
        assert "VIOLATION" in str(problem.value.details[-1])
    clients.projects.delete_project(name=project.name).result(timeout=20)
    for one in (lower, upper):
        clients.folders.delete_folder(name=one.name).result(timeout=20)
    with pytest.raises(exceptions.BadRequest):
        clients.projects.undelete_project(name=project.name)
    for one in (upper, lower):
        clients.folders.undelete_folder(name=one.name).result(timeout=20)
    back = clients.projects.undelete_project(name=project.name).result(timeout=20)
    assert back.state is rm.Project.State.ACTIVE


def test_a_stranger_gets_what_a_policy_gives_and_nothing_more(
    clients: Clients, shell: Universe
) -> None:
    stranger = connected(shell, "grpc", shell.keys["stranger"])
    project = new_project(clients, shell.above["folders"])
    own = f"id:{project.project_id}"
    with pytest.raises(exceptions.PermissionDenied):
        stranger.projects.get_project(name=project.name)
    assert list(stranger.projects.search_projects(query=own)) == []
    policy = clients.projects.get_iam_policy(resource=project.name)
    member = f"serviceAccount:{shell.keys['stranger']['client_email']}"
    policy.bindings.append(policy_pb2.Binding(role="roles/browser", members=[member]))
    request = iam_policy_pb2.SetIamPolicyRequest(resource=project.name, policy=policy)
    clients.projects.set_iam_policy(request=request)
    with pytest.raises(exceptions.Conflict):
        clients.projects.set_iam_policy(request=request)
    asked = ["resourcemanager.projects.get", "resourcemanager.projects.delete"]
    held = stranger.projects.test_iam_permissions(resource=project.name, permissions=asked)
    assert list(held.permissions) == asked[:1]
    # Whether somebody has what nothing here asks for is no question; Google's other services are.
    other = stranger.projects.test_iam_permissions(
        resource=project.name, permissions=["compute.instances.create"]
    )
    assert list(other.permissions) == []
    for wrong in ("resourcemanager.projects.gte", "resourcemanager.projects.list", "storage.*"):
        with pytest.raises(exceptions.InvalidArgument, match="permission"):
            stranger.projects.test_iam_permissions(
                resource=project.name, permissions=[*asked, wrong]
            )
    assert [one.name for one in stranger.projects.search_projects(query=own)] == [project.name]
