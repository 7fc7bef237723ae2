"""Resource Manager's roles."""

from __future__ import annotations

from rempart.trust.policy.roles.role import PROJECT_SEEN, Role, of

_BINDING = "createPolicyBinding deletePolicyBinding searchPolicyBindings updatePolicyBinding"


def _manager(name: str, title: str, permissions: frozenset[str]) -> Role:
    return Role(f"roles/resourcemanager.{name}", title, permissions)


ROLES = (
    _manager(
        "organizationAdmin",
        "Organization Administrator",
        of("orgpolicy.constraints", "list")
        | of("orgpolicy.policies", "list")
        | of("orgpolicy.policy", "get")
        | of("resourcemanager.folders", f"get getIamPolicy list setIamPolicy {_BINDING}")
        | of("resourcemanager.organizations", f"get getIamPolicy setIamPolicy {_BINDING}")
        | of("resourcemanager.projects", f"get getIamPolicy list setIamPolicy {_BINDING}"),
    ),
    _manager(
        "organizationViewer",
        "Organization Viewer",
        of("resourcemanager.organizations", "get"),
    ),
    _manager(
        "folderAdmin",
        "Folder Admin",
        of("orgpolicy.constraints", "list")
        | of("orgpolicy.policies", "list")
        | of("orgpolicy.policy", "get")
        | of(
            "resourcemanager.folders",
            "create delete get getIamPolicy list move setIamPolicy undelete update",
        )
        | of("resourcemanager.projects", "get getIamPolicy list move setIamPolicy"),
    ),
    _manager(
        "folderViewer",
        "Folder Viewer",
        of("orgpolicy.policy", "get") | of("resourcemanager.folders", "get list") | PROJECT_SEEN,
    ),
    _manager(
        "projectCreator",
        "Project Creator",
        of("resourcemanager.organizations", "get") | of("resourcemanager.projects", "create"),
    ),
    _manager("projectDeleter", "Project Deleter", of("resourcemanager.projects", "delete")),
    _manager(
        "projectIamAdmin",
        "Project IAM Admin",
        of("resourcemanager.projects", f"get getIamPolicy setIamPolicy {_BINDING}"),
    ),
)
