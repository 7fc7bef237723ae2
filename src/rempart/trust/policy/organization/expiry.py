"""How long new keys of service accounts live where organization policy says it.

Source: "Setting an expiry time for service account keys": uploaded keys are not touched by it.
"""

from __future__ import annotations

from rempart.core.names import ProjectId
from rempart.trust.policy.organization.constraints import CONSTRAINTS
from rempart.trust.policy.organization.constraints.iam import KEY_EXPIRY, KEY_HOURS
from rempart.trust.policy.organization.policies import Policies

_HOUR_SECONDS = 3600


async def key_seconds(policies: Policies, project: ProjectId) -> int | None:
    """Return the seconds that a key of a project's account lives, None where nothing limits it.

    Of several values that are allowed the shortest counts, and it does too where all are denied.
    """
    if not (await policies.seen()).any:
        return None
    found = await policies.effective(CONSTRAINTS[KEY_EXPIRY], f"projects/{project}")
    if found is None or (found.allow_all and not found.deny_all):
        return None
    listed = {KEY_HOURS[one] for one in found.allowed if one in KEY_HOURS}
    if found.deny_all or not listed:
        listed = set(KEY_HOURS.values())
    return min(listed) * _HOUR_SECONDS
