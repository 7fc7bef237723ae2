"""Resource Manager's roles."""

from __future__ import annotations

from rempart.trust.policy.roles.role import HIERARCHY, PROJECT_SEEN, Level, Role, of

_ORG_POLICY = (
    of("orgpolicy.constraints", "list")
    | of("orgpolicy.policies", "list")
    | of("orgpolicy.policy", "get")
)
_BINDING = "createTagBinding deleteTagBinding listEffectiveTags listTagBindings"

_BINDINGS_SEEN = of("iam.policybindings", "get list")
_POLICY_BINDING = "createPolicyBinding deletePolicyBinding searchPolicyBindings updatePolicyBinding"


def _manager(name: str, title: str, permissions: frozenset[str], levels: Level = HIERARCHY) -> Role:
    return Role(f"roles/resourcemanager.{name}", title, permissions, levels)


ROLES = (
    _manager(
        "organizationAdmin",
        "Organization Administrator",
        _ORG_POLICY
        | of("resourcemanager.folders", f"get getIamPolicy list setIamPolicy {_POLICY_BINDING}")
        | of("resourcemanager.organizations", f"get getIamPolicy setIamPolicy {_POLICY_BINDING}")
        | of("resourcemanager.projects", f"get getIamPolicy list setIamPolicy {_POLICY_BINDING}")
        | _BINDINGS_SEEN,
    ),
    _manager(
        "organizationViewer",
        "Organization Viewer",
        of("resourcemanager.organizations", "get"),
    ),
    _manager(
        "folderAdmin",
        "Folder Admin",
        _ORG_POLICY
        | of(
            "resourcemanager.folders",
            "create delete get getIamPolicy list move setIamPolicy undelete update",
        )
        | of("resourcemanager.hierarchyNodes", _BINDING)
        | of("resourcemanager.projects", "get getIamPolicy list move setIamPolicy"),
    ),
    _manager(
        "folderCreator",
        "Folder Creator",
        _ORG_POLICY | of("resourcemanager.folders", "create get list") | PROJECT_SEEN,
    ),
    _manager(
        "folderEditor",
        "Folder Editor",
        _ORG_POLICY
        | of("resourcemanager.folders", "delete get getIamPolicy list undelete update")
        | PROJECT_SEEN,
    ),
    _manager(
        "folderIamAdmin",
        "Folder IAM Admin",
        of("resourcemanager.folders", "get getIamPolicy setIamPolicy"),
    ),
    _manager(
        "folderMover",
        "Folder Mover",
        of("resourcemanager.folders", "move") | of("resourcemanager.projects", "move"),
    ),
    _manager(
        "folderViewer",
        "Folder Viewer",
        _ORG_POLICY | of("resourcemanager.folders", "get list") | PROJECT_SEEN,
    ),
    _manager(
        "lienModifier",
        "Project Lien Modifier",
        of("resourcemanager.projects", "updateLiens"),
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
        of("resourcemanager.projects", f"get getIamPolicy setIamPolicy {_POLICY_BINDING}")
        | _BINDINGS_SEEN,
    ),
    _manager("projectMover", "Project Mover", of("resourcemanager.projects", "get move update")),
)
