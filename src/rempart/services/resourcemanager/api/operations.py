"""Long-running operations: get. Here every operation is done when it is answered.

Source: google.longrunning.Operations.
"""

from __future__ import annotations

import re

from rempart.core.call import Call, Reply
from rempart.core.grant import Grant
from rempart.services.operations import operation_json
from rempart.services.resourcemanager.api.asked import require_signed_in
from rempart.services.resourcemanager.kinds import OPERATION, Operation
from rempart.services.resourcemanager.store import ManagerStore
from rempart.trust.policy.refusals import refusal

_NAME = re.compile(r"operations/([a-z]{1,8})\.([0-9]{1,18}|[1-8][0-9]{18})")
_GET = "resourcemanager.operations.get"


async def get(grant: Grant, call: Call, store: ManagerStore) -> Reply:
    """Return an operation to the caller who began it; to others it is not there."""
    require_signed_in(store)
    asked = _NAME.fullmatch(call.path["name"])
    found: Operation | None = None
    if asked is not None:
        found = await store.tx.get(OPERATION, int(asked[2]), asked[1])
    if (
        found is None
        or found.owner != grant.principal.member
        # The older versions' messages are unknown to gRPC, which speaks v3.
        or found.legacy is not store.legacy
    ):
        resource = await store.resource("organizations/-")
        raise refusal(grant.principal, _GET, resource)
    return Reply(document=operation_json(call.path["name"], found))
