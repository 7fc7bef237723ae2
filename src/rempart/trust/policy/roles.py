"""Predefined roles with Google's names and permissions, as far as this universe has the resources.

Source: Google's published role descriptions (Cloud Storage's and IAM's pages of predefined roles,
read in November 2026). Permissions of services that no Rempart universe offers are left out, and
basic roles carry only what is listed here: what is not listed is not granted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Flag, auto


class Level(Flag):
    """Where a role may be granted."""

    ORGANIZATION = auto()
    FOLDER = auto()
    PROJECT = auto()
    BUCKET = auto()
    MANAGED_FOLDER = auto()
    SERVICE_ACCOUNT = auto()


HIERARCHY = Level.ORGANIZATION | Level.FOLDER | Level.PROJECT
STORAGE = HIERARCHY | Level.BUCKET | Level.MANAGED_FOLDER


@dataclass(frozen=True, slots=True)
class Role:
    """A named set of permissions."""

    name: str
    title: str
    permissions: frozenset[str]
    levels: Level = HIERARCHY


def _of(noun: str, verbs: str) -> frozenset[str]:
    return frozenset(f"{noun}.{verb}" for verb in verbs.split())


_PROJECT_SEEN = _of("resourcemanager.projects", "get list")
_CREATOR = (
    _of("orgpolicy.policy", "get")
    | _PROJECT_SEEN
    | _of("storage.folders", "create")
    | _of("storage.managedFolders", "create")
    | _of("storage.multipartUploads", "abort create listParts")
    | _of("storage.objects", "create createContext")
)
_VIEWER = (
    _PROJECT_SEEN
    | _of("storage.folders", "get list")
    | _of("storage.managedFolders", "get list")
    | _of("storage.objects", "get list")
)
_OBJECT_USER = (
    _of("orgpolicy.policy", "get")
    | _PROJECT_SEEN
    | _of("storage.folders", "create delete get list rename")
    | _of("storage.managedFolders", "create delete get list")
    | _of("storage.multipartUploads", "abort create list listParts")
    | _of(
        "storage.objects",
        "create createContext delete deleteContext get list move restore update updateContext",
    )
)
_OBJECT_ADMIN = _OBJECT_USER | _of(
    "storage.objects", "getIamPolicy overrideUnlockedRetention setIamPolicy setRetention"
)
_FOLDER_ADMIN = _OBJECT_ADMIN | _of("storage.managedFolders", "getIamPolicy setIamPolicy")
_BUCKET_SHARED = (
    _of("storage.anywhereCaches", "create disable get list pause resume update")
    | _of("storage.bucketOperations", "cancel get list")
    | _of(
        "storage.buckets",
        "createTagBinding deleteTagBinding enableObjectRetention get getIamPolicy getIpFilter "
        "listEffectiveTags listTagBindings restore setIamPolicy setIpFilter update",
    )
)
_STORAGE_ADMIN = (
    _FOLDER_ADMIN
    | _BUCKET_SHARED
    | _of("firebase.projects", "get")
    | _of("resourcemanager.hierarchyNodes", "listEffectiveTags")
    | _of("storage.buckets", "create delete getObjectInsights list relocate")
    | _of("storage.managementHubs", "get update")
)
_LEGACY_WRITER = (
    _of("storage.buckets", "get")
    | _of("storage.multipartUploads", "abort create list listParts")
    | _of("storage.objects", "create delete list")
)
_LEGACY_OWNER = (
    _BUCKET_SHARED
    | _of("storage.folders", "create delete get list rename")
    | _of("storage.managedFolders", "create delete get getIamPolicy list setIamPolicy")
    | _of("storage.multipartUploads", "abort create list listParts")
    | _of("storage.objects", "create delete list restore setRetention")
)
_HMAC = _of("storage.hmacKeys", "create delete get list update")
_ACCOUNT_SEEN = _of("iam.serviceAccounts", "get list") | _PROJECT_SEEN

_BASIC_VIEWER = (
    _of("iam.serviceAccountKeys", "get list")
    | _of("iam.serviceAccounts", "get getIamPolicy list listEffectiveTags listTagBindings")
    | _of("iam.roles", "get list")
    | _of("orgpolicy.policy", "get")
    | _of("resourcemanager.projects", "get getIamPolicy list")
    | _of("serviceusage.services", "get list")
    | _of("storage.buckets", "list listEffectiveTags listTagBindings")
    | _of("storage.folders", "get list")
    | _of("storage.hmacKeys", "get list")
    | _of("storage.managementHubs", "get")
)
_BASIC_EDITOR = (
    _BASIC_VIEWER
    | _of("iam.serviceAccountKeys", "create delete disable enable")
    | _of("iam.serviceAccounts", "actAs create delete disable enable undelete update")
    | _of("resourcemanager.projects", "update")
    | _of("serviceusage.services", "disable enable use")
    | _of("storage.buckets", "create delete")
    | _HMAC
)
_BASIC_OWNER = (
    _BASIC_EDITOR
    | _of("iam.roles", "create delete undelete update")
    | _of("iam.serviceAccounts", "setIamPolicy")
    | _of("resourcemanager.projects", "delete setIamPolicy undelete")
    | _of("storage.buckets", "createTagBinding deleteTagBinding")
)


def _storage(name: str, title: str, permissions: frozenset[str]) -> Role:
    return Role(f"roles/storage.{name}", title, permissions, STORAGE)


def _legacy(name: str, title: str, permissions: frozenset[str]) -> Role:
    return Role(f"roles/storage.legacy{name}", title, permissions, Level.BUCKET)


def _account(name: str, title: str, permissions: frozenset[str]) -> Role:
    levels = HIERARCHY | Level.SERVICE_ACCOUNT
    return Role(f"roles/iam.serviceAccount{name}", title, permissions, levels)


def _manager(name: str, title: str, permissions: frozenset[str]) -> Role:
    return Role(f"roles/resourcemanager.{name}", title, permissions)


_STORAGE_ROLES = (
    _storage("admin", "Storage Admin", _STORAGE_ADMIN),
    _storage("objectAdmin", "Storage Object Admin", _OBJECT_ADMIN),
    _storage("objectCreator", "Storage Object Creator", _CREATOR),
    _storage("objectUser", "Storage Object User", _OBJECT_USER),
    _storage("objectViewer", "Storage Object Viewer", _VIEWER),
    _storage("folderAdmin", "Storage Folder Admin", _FOLDER_ADMIN),
    _storage("bucketViewer", "Storage Bucket Viewer", _of("storage.buckets", "get list")),
    _storage(
        "insightsCollectorService",
        "Storage Insights Collector Service",
        _PROJECT_SEEN | _of("storage.buckets", "get getObjectInsights"),
    ),
    Role(
        "roles/storage.hmacKeyAdmin",
        "Storage HMAC Key Admin",
        _HMAC | _PROJECT_SEEN | _of("firebase.projects", "get") | _of("orgpolicy.policy", "get"),
    ),
    _legacy("BucketOwner", "Storage Legacy Bucket Owner", _LEGACY_OWNER),
    _legacy("BucketWriter", "Storage Legacy Bucket Writer", _LEGACY_WRITER),
    _legacy(
        "BucketReader",
        "Storage Legacy Bucket Reader",
        _of("storage.buckets", "get")
        | _of("storage.multipartUploads", "list")
        | _of("storage.objects", "list"),
    ),
    _legacy(
        "ObjectOwner",
        "Storage Legacy Object Owner",
        _of("storage.objects", "get getIamPolicy setIamPolicy update"),
    ),
    _legacy("ObjectReader", "Storage Legacy Object Reader", _of("storage.objects", "get")),
)

_ACCOUNT_ROLES = (
    _account(
        "Admin",
        "Service Account Admin",
        _ACCOUNT_SEEN
        | _of(
            "iam.serviceAccounts",
            "create createTagBinding delete deleteTagBinding disable enable getIamPolicy "
            "listEffectiveTags listTagBindings setIamPolicy undelete update",
        )
        | _of("iam.serviceAccountApiKeyBindings", "create delete undelete"),
    ),
    _account(
        "Creator", "Create Service Accounts", _ACCOUNT_SEEN | _of("iam.serviceAccounts", "create")
    ),
    _account(
        "Deleter", "Delete Service Accounts", _ACCOUNT_SEEN | _of("iam.serviceAccounts", "delete")
    ),
    _account(
        "KeyAdmin",
        "Service Account Key Admin",
        _ACCOUNT_SEEN | _of("iam.serviceAccountKeys", "create delete disable enable get list"),
    ),
    _account(
        "TokenCreator",
        "Service Account Token Creator",
        _ACCOUNT_SEEN
        | _of(
            "iam.serviceAccounts",
            "getAccessToken getOpenIdToken implicitDelegation signBlob signJwt",
        ),
    ),
    _account("User", "Service Account User", _ACCOUNT_SEEN | _of("iam.serviceAccounts", "actAs")),
    _account(
        "Viewer",
        "View Service Accounts",
        _ACCOUNT_SEEN
        | _of("iam.serviceAccounts", "getIamPolicy")
        | _of("iam.serviceAccountKeys", "get list"),
    ),
)

_MANAGER_ROLES = (
    _manager(
        "organizationAdmin",
        "Organization Administrator",
        _of("orgpolicy.constraints", "list")
        | _of("orgpolicy.policies", "list")
        | _of("orgpolicy.policy", "get")
        | _of("resourcemanager.folders", "get getIamPolicy list setIamPolicy")
        | _of("resourcemanager.organizations", "get getIamPolicy setIamPolicy")
        | _of("resourcemanager.projects", "get getIamPolicy list setIamPolicy"),
    ),
    _manager(
        "organizationViewer",
        "Organization Viewer",
        _of("resourcemanager.organizations", "get"),
    ),
    _manager(
        "folderAdmin",
        "Folder Admin",
        _of("orgpolicy.constraints", "list")
        | _of("orgpolicy.policies", "list")
        | _of("orgpolicy.policy", "get")
        | _of(
            "resourcemanager.folders",
            "create delete get getIamPolicy list move setIamPolicy undelete update",
        )
        | _of("resourcemanager.projects", "get getIamPolicy list move setIamPolicy"),
    ),
    _manager(
        "folderViewer",
        "Folder Viewer",
        _of("orgpolicy.policy", "get") | _of("resourcemanager.folders", "get list") | _PROJECT_SEEN,
    ),
    _manager(
        "projectCreator",
        "Project Creator",
        _of("resourcemanager.organizations", "get") | _of("resourcemanager.projects", "create"),
    ),
    _manager("projectDeleter", "Project Deleter", _of("resourcemanager.projects", "delete")),
    _manager(
        "projectIamAdmin",
        "Project IAM Admin",
        _of("resourcemanager.projects", "get getIamPolicy setIamPolicy"),
    ),
)

_BASIC_ROLES = (
    Role("roles/owner", "Owner", _BASIC_OWNER),
    Role("roles/editor", "Editor", _BASIC_EDITOR),
    Role("roles/viewer", "Viewer", _BASIC_VIEWER),
    Role(
        "roles/browser",
        "Browser",
        _of("resourcemanager.folders", "get list")
        | _of("resourcemanager.organizations", "get")
        | _of("resourcemanager.projects", "get getIamPolicy list"),
    ),
)

ROLES: Mapping[str, Role] = {
    role.name: role for role in (*_BASIC_ROLES, *_STORAGE_ROLES, *_ACCOUNT_ROLES, *_MANAGER_ROLES)
}
"""Every role of this universe by its name."""

BASIC = frozenset(("roles/owner", "roles/editor", "roles/viewer"))

PERMISSIONS = frozenset[str]().union(*(role.permissions for role in ROLES.values()))
"""Every permission that some role carries."""

_NOTHING: frozenset[str] = frozenset()


def permissions_of(role: str) -> frozenset[str]:
    """Return a role's permissions; a role that does not exist has none."""
    found = ROLES.get(role)
    return found.permissions if found else _NOTHING
