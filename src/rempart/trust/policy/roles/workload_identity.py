"""IAM's roles on workload identity pools, and the one that lets their identities be an account.

Permissions on pools have the API's whole name in them, as Google writes them.
"""

from __future__ import annotations

from rempart.trust.policy.roles.role import HIERARCHY, PROJECT_SEEN, Level, Role, of

READ = of("iam.googleapis.com/workloadIdentityPools", "get list") | of(
    "iam.googleapis.com/workloadIdentityPoolProviders", "get list"
)
WRITE = of("iam.googleapis.com/workloadIdentityPools", "create delete undelete update") | of(
    "iam.googleapis.com/workloadIdentityPoolProviders", "create delete undelete update"
)
_NAME = "roles/iam.workloadIdentityPool"

ROLES = (
    Role(
        f"{_NAME}Admin",
        "IAM Workload Identity Pool Admin",
        READ | WRITE | PROJECT_SEEN,
        HIERARCHY,
    ),
    Role(f"{_NAME}Viewer", "IAM Workload Identity Pool Viewer", READ | PROJECT_SEEN, HIERARCHY),
    Role(
        "roles/iam.workloadIdentityUser",
        "Workload Identity User",
        of("iam.serviceAccounts", "get getAccessToken getOpenIdToken list"),
        HIERARCHY | Level.SERVICE_ACCOUNT,
    ),
    Role(
        "roles/iam.serviceAccountOpenIdTokenCreator",
        "Service Account OpenID Connect Identity Token Creator",
        of("iam.serviceAccounts", "getOpenIdToken"),
        HIERARCHY | Level.SERVICE_ACCOUNT,
    ),
)
