"""Long-running operations of IAM's policies: here each is done when it is answered.

Source: google.longrunning.Operation. Google does not say how long they are remembered; here it is
a day, and longer where nothing else is done on that level.
"""

from __future__ import annotations

import msgspec

from rempart.core.clock import Micros, Random, rfc3339
from rempart.trust.custody.sealed import Kind, Transaction

Json = dict[str, object]

REMEMBERED_MICROS = 86_400 * 1_000_000
FORGOTTEN_AT_ONCE_MAX = 20
_SALT_BYTES = 6


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """What was done to `name`: the metadata and the response, each with its `@type`."""

    name: str
    created: Micros
    metadata: Json
    response: Json


OPERATIONS: Kind[Operation] = Kind(b"N", Operation)
"""By the noun and the id of the level, and the operation's id, which begins with its time."""


async def finished(  # noqa: PLR0913 - each is one thing that an operation shows
    tx: Transaction,
    level: tuple[str, str],
    name: str,
    *,
    types: tuple[str, str],
    response: Json,
    now: Micros,
    random: Random,
) -> Json:
    """Remember an operation that is done and return it; the oldest are forgotten.

    `types` are those of the metadata and of the response.
    """
    for old in await tx.scan(OPERATIONS, OPERATIONS.under(*level), limit=FORGOTTEN_AT_ONCE_MAX):
        if old.value.created + REMEMBERED_MICROS <= now:
            tx.delete(OPERATIONS, *level, old.id)
    metadata, message = types
    operation = Operation(
        name=name,
        created=now,
        metadata=_typed(metadata, {"createTime": rfc3339(now)}),
        response=_typed(message, response),
    )
    id_ = f"{now:014x}{random(_SALT_BYTES).hex()}"
    tx.put(OPERATIONS, *level, id_, value=operation)
    return operation_json(id_, operation)


def operation_json(id_: str, operation: Operation) -> Json:
    """Return an operation, done."""
    return {
        "name": f"{operation.name}/operations/{id_}",
        "metadata": operation.metadata,
        "done": True,
        "response": operation.response,
    }


def _typed(name: str, message: Json) -> Json:
    return {"@type": f"type.googleapis.com/{name}", **message}
