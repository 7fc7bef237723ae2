"""Long-running operations: get.

Source: google.longrunning.Operations. Here every operation is done when it is answered.
"""

from __future__ import annotations

from rempart.core.call import Call, Reply
from rempart.core.grant import Grant
from rempart.services.kms.api.asked import name_of
from rempart.services.kms.model.operation import operation_name
from rempart.services.kms.store import KmsStore
from rempart.services.operations import operation_json


async def get(grant: Grant, call: Call, store: KmsStore) -> Reply:
    """Return an operation."""
    name = operation_name(name_of(call))
    return Reply(document=operation_json(str(name), await store.operation(grant, name)))
