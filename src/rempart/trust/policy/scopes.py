"""How far OAuth scopes reach: a token never does more than it was asked for.

Source: the scopes that Cloud Storage's discovery document lists for each method.
"""

from __future__ import annotations

from functools import lru_cache

_PREFIX = "https://www.googleapis.com/auth/"
_WHOLE = _PREFIX + "cloud-platform"
_READ = frozenset((_PREFIX + "cloud-platform.read-only", _PREFIX + "devstorage.read_only"))
_STORAGE_WHOLE = _PREFIX + "devstorage.full_control"
_STORAGE_WRITE = _PREFIX + "devstorage.read_write"
_READING = frozenset(("get", "list", "listParts", "listEffectiveTags", "listTagBindings"))
_NOT_BY_READ_WRITE = frozenset(
    (
        "storage.buckets.getIamPolicy",
        "storage.buckets.setIamPolicy",
        "storage.buckets.update",
        "storage.hmacKeys.create",
        "storage.hmacKeys.update",
        "storage.managedFolders.setIamPolicy",
        "storage.objects.overrideUnlockedRetention",
        "storage.objects.setIamPolicy",
        "storage.objects.setRetention",
    )
)
"""What changes who may do what: full control alone."""

_STORAGE = _PREFIX + "devstorage."
_PROJECT_SEEN = "resourcemanager.projects.get"
"""Cloud Storage's own scopes admit it: `projects.serviceAccount.get` asks for it."""

_CASES_MAX = 4096


@lru_cache(maxsize=_CASES_MAX)
def permit(scopes: frozenset[str], permission: str) -> bool:
    """Tell whether scopes let a permission be used at all."""
    if _WHOLE in scopes:
        return True
    if not permission.startswith("storage."):
        return _permit_elsewhere(scopes, permission)
    if _STORAGE_WHOLE in scopes:
        return True
    if _STORAGE_WRITE in scopes and permission not in _NOT_BY_READ_WRITE:
        return True
    return not scopes.isdisjoint(_READ) and _reads(permission)


def _permit_elsewhere(scopes: frozenset[str], permission: str) -> bool:
    """Answer for the other services: their own scopes are whole, the read-only ones read."""
    if _PREFIX + "cloud-platform.read-only" in scopes and _reads(permission):
        return True
    if permission == _PROJECT_SEEN and any(scope.startswith(_STORAGE) for scope in scopes):
        return True
    own = _OWN.get(permission.partition(".")[0])
    if own is None:
        return False
    return own in scopes or (own + ".readonly" in scopes and _reads(permission))


def _reads(permission: str) -> bool:
    return permission.rpartition(".")[2] in _READING


_OWN = {
    "iam": _PREFIX + "iam",
    "cloudkms": _PREFIX + "cloudkms",
    "resourcemanager": _PREFIX + "cloudplatformprojects",
    "pubsub": _PREFIX + "pubsub",
    "compute": _PREFIX + "compute",
    "bigquery": _PREFIX + "bigquery",
    "datastore": _PREFIX + "datastore",
    "serviceusage": _PREFIX + "service.management",
}
"""By the first word of a permission: the scope that admits all of that service."""
