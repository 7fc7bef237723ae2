"""The guard of customers: the operator's people do nothing there without an approval in force.

Whatever IAM grants them. With no sovereignty rules there are no people of the operator's, and
nothing is looked at.
"""

from __future__ import annotations

from rempart.core.errors import ErrorInfo, denied
from rempart.trust.policy.guard import Asked
from rempart.trust.policy.support.access import SupportAccess

DOMAIN = "rempart"


class SupportGuard:
    """Refuses what somebody of the staff, or an agent on their behalf, seeks without approval."""

    def __init__(self, access: SupportAccess) -> None:
        self._access = access

    async def check(self, asked: Asked) -> None:
        """Raise unless an approval covers the call, or none is needed."""
        if asked.approved is not None or self._access.idle(asked.call.time):
            return
        who = asked.behind or asked.principal
        if await self._access.concerned(who, asked.resource, asked.call.time):
            raise denied(
                "The operator's staff reach a customer's resource under the customer's approval"
                " alone, and none in force covers this: see `rempart support open`.",
                reason="accessApproval",
                info=ErrorInfo(
                    "ACCESS_APPROVAL_REQUIRED", DOMAIN, (("permission", asked.permission),)
                ),
            )
