"""What IAM and its token services would make, as the constraints on identities want it told.

Here and not in the services, because several of them make the same: each declares one of these in
`proposes`.
"""

from __future__ import annotations

from collections.abc import Mapping

from rempart.core.names import ProjectId
from rempart.core.proposal import Change, Proposal
from rempart.trust.policy.organization.constraints.iam import (
    ACCESS_TOKEN,
    ACCOUNT,
    ACCOUNT_KEY,
    PROVIDER,
    UPLOADED,
)

Fields = Mapping[str, object]


def service_account(project: ProjectId, email: str, fields: Fields) -> Proposal:
    """Return a service account to create; `fields` as REST shows it."""
    return _of(ACCOUNT, project, email, fields)


def service_account_key(project: ProjectId, email: str, *, uploaded: bool) -> Proposal:
    """Return a key to create for a service account, or its own that is uploaded."""
    return _of(ACCOUNT_KEY, project, email, {"keyOrigin": UPLOADED} if uploaded else {})


def access_token(project: ProjectId, email: str, lifetime_seconds: int) -> Proposal:
    """Return an access token of a service account to issue."""
    return _of(ACCESS_TOKEN, project, email, {"lifetime": f"{lifetime_seconds}s"})


def provider(project: ProjectId, name: str, fields: Fields, before: Fields | None) -> Proposal:
    """Return a provider of a workload identity pool to create, or as it would be instead."""
    return Proposal(
        type=PROVIDER,
        change=Change.CREATE if before is None else Change.UPDATE,
        container=f"projects/{project}",
        name=name,
        fields=fields,
        before=before or {},
    )


def _of(kind: str, project: ProjectId, email: str, fields: Fields) -> Proposal:
    return Proposal(
        type=kind,
        change=Change.CREATE,
        container=f"projects/{project}",
        name=f"projects/{project}/serviceAccounts/{email}",
        fields=fields,
    )
