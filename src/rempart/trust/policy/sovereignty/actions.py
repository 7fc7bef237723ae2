"""Classes of action, by the permission that is asked for: what rules are about."""

from __future__ import annotations

from functools import lru_cache

from rempart.core.method import Access

ELEVATION = "elevation"
"""Changes who may do what, or borrows somebody else's rights."""

TRACE = "trace"
"""Changes what is recorded, or where records go."""

KEYS = "keys"
"""Makes, changes, disables or destroys keys."""

DATA = "data"
"""Reads or changes what customers have stored, or opens it with their keys."""

TECHNICAL = "technical"
"""Reads identities, rights, settings or logs."""

CLASSES = (ELEVATION, TRACE, KEYS, DATA, TECHNICAL)

_CASES_MAX = 4096
_ELEVATING_VERBS = frozenset(
    ("setIamPolicy", "actAs", "getAccessToken", "getOpenIdToken", "implicitDelegation")
) | frozenset(("signBlob", "signJwt", "createTagBinding", "deleteTagBinding"))
_ELEVATING = (
    "iam.roles.",
    "iam.serviceAccountKeys.",
    "iam.denypolicies.",
    "iam.principalaccessboundarypolicies.",
    "iam.workforcePool",
    "iam.workloadIdentityPool",
    "iam.googleapis.com/workforcePool",
    "iam.googleapis.com/workloadIdentityPool",
    "accesscontextmanager.",
    "orgpolicy.",
    "storage.hmacKeys.",
    "rempart.",
)
_TRACING = ("logging.sinks.", "logging.buckets.", "logging.exclusions.", "logging.settings.")
_STORED = (
    "storage.objects.",
    "storage.multipartUploads.",
    "secretmanager.versions.access",
    "bigquery.tables.getData",
    "bigquery.tables.updateData",
    "pubsub.subscriptions.consume",
    "pubsub.snapshots.seek",
    "logging.privateLogEntries.",
)
_READING = ("get", "list", "search", "query", "view", "test", "lookup", "show", "fetch")


@lru_cache(maxsize=_CASES_MAX)
def classes(permission: str, access: Access) -> tuple[str, ...]:
    """Return the classes that an action is of."""
    verb = permission.rpartition(".")[2]
    reads = access is Access.READ and verb.startswith(_READING)
    found = []
    if verb in _ELEVATING_VERBS or (permission.startswith(_ELEVATING) and not reads):
        found.append(ELEVATION)
    if permission == "logging.logs.delete" or (permission.startswith(_TRACING) and not reads):
        found.append(TRACE)
    if permission.startswith("cloudkms."):
        found += [DATA] if verb.startswith("useTo") else [] if reads else [KEYS]
    if permission.startswith(_STORED):
        found.append(DATA)
    elif reads:
        found.append(TECHNICAL)
    return tuple(found)
