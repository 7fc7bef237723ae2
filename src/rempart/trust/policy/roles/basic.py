"""The basic roles, which Google calls primitive: viewer is in editor, editor in owner.

They carry only what is listed here: what is not listed is not granted.
"""

from __future__ import annotations

from rempart.trust.policy.roles import cloudasset, cloudkms, logging, recommender, workload_identity
from rempart.trust.policy.roles.role import HIERARCHY, KMS, Role, of
from rempart.trust.policy.roles.storage import HMAC
from rempart.trust.policy.roles.tags import TAGS_OWNED

_VIEWER = (
    cloudkms.BASIC_VIEWER
    | cloudasset.VIEWED
    | logging.VIEWED
    | recommender.VIEWED
    | of("iam.serviceAccountKeys", "get list")
    | of("iam.serviceAccounts", "get getIamPolicy list listEffectiveTags listTagBindings")
    | of("iam.roles", "get list")
    | workload_identity.READ
    | of("orgpolicy.policy", "get")
    | of("resourcemanager.hierarchyNodes", "listEffectiveTags listTagBindings")
    | of("resourcemanager.projects", "get getIamPolicy list")
    | of("serviceusage.operations", "get list")
    | of("resourcemanager.tagKeys", "get list")
    | of("resourcemanager.tagValues", "get list")
    | of("serviceusage.services", "get list")
    | of("storage.buckets", "list listEffectiveTags listTagBindings")
    | of("storage.folders", "get list")
    | of("storage.hmacKeys", "get list")
    | of("storage.managementHubs", "get")
)
_EDITOR = (
    _VIEWER
    | cloudkms.BASIC_EDITOR
    | logging.EDITED
    | of("iam.serviceAccountKeys", "create delete disable enable")
    | of("iam.serviceAccounts", "actAs create delete disable enable undelete update")
    | of("resourcemanager.projects", "update")
    | of("serviceusage.operations", "cancel delete")
    | of("serviceusage.services", "disable enable use")
    | of("storage.buckets", "create delete")
    | HMAC
)
_OWNER = (
    _EDITOR
    | cloudkms.PERMISSIONS
    | logging.OWNED
    | of("recommender.iamPolicyRecommendations", "update")
    | of("iam.roles", "create delete undelete update")
    | workload_identity.WRITE
    | of("iam.serviceAccounts", "setIamPolicy")
    | TAGS_OWNED
    | of("resourcemanager.projects", "delete move setIamPolicy undelete updateLiens")
    | of("storage.buckets", "createTagBinding deleteTagBinding")
)

_LEVELS = HIERARCHY | KMS
"""Not on buckets, but on key rings and keys: configurations grant Viewer on a single key."""

ROLES = (
    Role("roles/owner", "Owner", _OWNER, _LEVELS),
    Role("roles/editor", "Editor", _EDITOR, _LEVELS),
    Role("roles/viewer", "Viewer", _VIEWER, _LEVELS),
    Role(
        "roles/browser",
        "Browser",
        of("resourcemanager.folders", "get list")
        | of("resourcemanager.organizations", "get")
        | of("resourcemanager.projects", "get getIamPolicy list"),
    ),
)
