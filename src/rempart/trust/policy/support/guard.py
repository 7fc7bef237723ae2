"""The guard of customers: the operator's people do nothing there without an approval in force.

Whatever IAM grants them. With no sovereignty rules there are no people of the operator's, and
nothing is looked at.
"""

from __future__ import annotations

from rempart.core.errors import ErrorInfo, denied
from rempart.trust.policy.guard import SILENT, Asked, Opinion
from rempart.trust.policy.support.access import SupportAccess

DOMAIN = "rempart"
_REFUSAL = (
    "The operator's staff reach a customer's resource under the customer's approval alone, and none"
    " in force covers this: see `rempart support open`."
)


class SupportGuard:
    """Refuses what somebody of the staff, or an agent on their behalf, seeks without approval."""

    title = "Access Approval"

    def __init__(self, access: SupportAccess) -> None:
        self._access = access

    async def check(self, asked: Asked) -> None:
        """Raise unless an approval covers the call, or none is needed."""
        if asked.approved is not None or self._access.idle(asked.call.time):
            return
        who = asked.behind or asked.principal
        if await self._access.concerned(who, asked.resource, asked.call.time):
            raise denied(
                _REFUSAL,
                reason="accessApproval",
                info=ErrorInfo(
                    "ACCESS_APPROVAL_REQUIRED", DOMAIN, (("permission", asked.permission),)
                ),
            )

    async def opinion(self, asked: Asked) -> Opinion:
        """Return that an approval is wanted, where the caller is staff and none covers the call."""
        call, who = asked.call, asked.principal
        if asked.approved is not None or self._access.idle(call.time):
            return SILENT
        if not await self._access.concerned(who, asked.resource, call.time):
            return SILENT
        found = await self._access.approved(
            who, asked.permission, asked.resource, call, asked.access
        )
        return SILENT if found is not None else Opinion(_REFUSAL)
