"""Long-running operations of every service, which here are done when they are answered.

Source: google.longrunning.Operation. Google does not say how long operations are remembered; here
it is 30 days, and longer where nothing else is done. Each service keeps its own kind of them, and
names them as Google does.
"""

from __future__ import annotations

from typing import TypeVar

import msgspec

from rempart.core.clock import Micros, World
from rempart.trust.custody.kind import Kind, Part
from rempart.trust.custody.transaction import Transaction

REMEMBERED_SECONDS = 30 * 86_400
FORGOTTEN_AT_ONCE = 10
EMPTY = "google.protobuf.Empty"
_SALT_BYTES = 8
Json = dict[str, object]


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """What was done: the metadata and the response as JSON shows them, each with its `@type`."""

    created: Micros
    metadata: Json = {}
    response: Json


Done = TypeVar("Done", bound=Operation)


async def forget(tx: Transaction, kind: Kind[Done], *level: Part, now: Micros) -> None:
    """Forget the oldest operations of a level, whose ids must sort by time."""
    for old in await tx.scan(kind, kind.under(*level), limit=FORGOTTEN_AT_ONCE):
        if forgotten(old.value, now):
            tx.delete(kind, old.key[1:])


async def remember(
    tx: Transaction, kind: Kind[Done], *level: Part, operation: Done, world: World
) -> str:
    """Remember an operation of a level under a fresh id and return that; the oldest go."""
    await forget(tx, kind, *level, now=operation.created)
    id_ = f"{operation.created:014x}{world.random(_SALT_BYTES).hex()}"
    tx.put(kind, *level, id_, value=operation)
    return id_


def forgotten(operation: Operation, now: Micros) -> bool:
    """Tell whether an operation is too old to be asked about."""
    return operation.created + REMEMBERED_SECONDS * 1_000_000 <= now


def operation_json(name: str, operation: Operation) -> Json:
    """Return an operation, done."""
    shown: Json = {"name": name, "done": True, "response": operation.response}
    return shown | ({"metadata": operation.metadata} if operation.metadata else {})


def typed(name: str, message: Json) -> Json:
    """Return a message as `google.protobuf.Any` shows it."""
    return {"@type": f"type.googleapis.com/{name}", **message}
