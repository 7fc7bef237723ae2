"""Cloud Storage's roles."""

from __future__ import annotations

from rempart.trust.policy.roles.role import PROJECT_SEEN, STORAGE, Level, Role, of

_CREATOR = (
    of("orgpolicy.policy", "get")
    | PROJECT_SEEN
    | of("storage.folders", "create")
    | of("storage.managedFolders", "create")
    | of("storage.multipartUploads", "abort create listParts")
    | of("storage.objects", "create createContext")
)
_VIEWER = (
    PROJECT_SEEN
    | of("storage.folders", "get list")
    | of("storage.managedFolders", "get list")
    | of("storage.objects", "get list")
)
_OBJECT_USER = (
    of("orgpolicy.policy", "get")
    | PROJECT_SEEN
    | of("storage.folders", "create delete get list rename")
    | of("storage.managedFolders", "create delete get list")
    | of("storage.multipartUploads", "abort create list listParts")
    | of(
        "storage.objects",
        "create createContext delete deleteContext get list move restore update updateContext",
    )
)
_OBJECT_ADMIN = _OBJECT_USER | of(
    "storage.objects", "getIamPolicy overrideUnlockedRetention setIamPolicy setRetention"
)
_FOLDER_ADMIN = _OBJECT_ADMIN | of("storage.managedFolders", "getIamPolicy setIamPolicy")
_BUCKET_SHARED = (
    of("storage.anywhereCaches", "create disable get list pause resume update")
    | of("storage.bucketOperations", "cancel get list")
    | of(
        "storage.buckets",
        "createTagBinding deleteTagBinding enableObjectRetention get getIamPolicy getIpFilter "
        "listEffectiveTags listTagBindings restore setIamPolicy setIpFilter update",
    )
)
_STORAGE_ADMIN = (
    _FOLDER_ADMIN
    | _BUCKET_SHARED
    | of("firebase.projects", "get")
    | of("resourcemanager.hierarchyNodes", "listEffectiveTags")
    | of("storage.buckets", "create delete getObjectInsights list relocate")
    | of("storage.managementHubs", "get update")
)
_LEGACY_WRITER = (
    of("storage.buckets", "get")
    | of("storage.multipartUploads", "abort create list listParts")
    | of("storage.objects", "create delete list")
)
_LEGACY_OWNER = (
    _BUCKET_SHARED
    | of("storage.folders", "create delete get list rename")
    | of("storage.managedFolders", "create delete get getIamPolicy list setIamPolicy")
    | of("storage.multipartUploads", "abort create list listParts")
    | of("storage.objects", "create delete list restore setRetention")
)
HMAC = of("storage.hmacKeys", "create delete get list update")


def _storage(name: str, title: str, permissions: frozenset[str]) -> Role:
    return Role(f"roles/storage.{name}", title, permissions, STORAGE)


def _legacy(name: str, title: str, permissions: frozenset[str]) -> Role:
    return Role(f"roles/storage.legacy{name}", title, permissions, Level.BUCKET)


ROLES = (
    _storage("admin", "Storage Admin", _STORAGE_ADMIN),
    _storage("objectAdmin", "Storage Object Admin", _OBJECT_ADMIN),
    _storage("objectCreator", "Storage Object Creator", _CREATOR),
    _storage("objectUser", "Storage Object User", _OBJECT_USER),
    _storage("objectViewer", "Storage Object Viewer", _VIEWER),
    _storage("folderAdmin", "Storage Folder Admin", _FOLDER_ADMIN),
    _storage("bucketViewer", "Storage Bucket Viewer", of("storage.buckets", "get list")),
    _storage(
        "insightsCollectorService",
        "Storage Insights Collector Service",
        PROJECT_SEEN | of("storage.buckets", "get getObjectInsights"),
    ),
    Role(
        "roles/storage.hmacKeyAdmin",
        "Storage HMAC Key Admin",
        HMAC | PROJECT_SEEN | of("firebase.projects", "get") | of("orgpolicy.policy", "get"),
    ),
    _legacy("BucketOwner", "Storage Legacy Bucket Owner", _LEGACY_OWNER),
    _legacy("BucketWriter", "Storage Legacy Bucket Writer", _LEGACY_WRITER),
    _legacy(
        "BucketReader",
        "Storage Legacy Bucket Reader",
        of("storage.buckets", "get")
        | of("storage.multipartUploads", "list")
        | of("storage.objects", "list"),
    ),
    _legacy(
        "ObjectOwner",
        "Storage Legacy Object Owner",
        of("storage.objects", "get getIamPolicy setIamPolicy update"),
    ),
    _legacy("ObjectReader", "Storage Legacy Object Reader", of("storage.objects", "get")),
)
