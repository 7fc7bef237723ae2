"""Long-running operations of IAM's policies: of a level, on a policy or a binding."""

from __future__ import annotations

from rempart.core.clock import Micros, World, rfc3339
from rempart.services import operations
from rempart.services.operations import Json, remember, typed
from rempart.trust.custody.kind import Kind
from rempart.trust.custody.transaction import Transaction

__all__ = ["OPERATIONS", "Json", "Operation", "finished", "operation_json"]


class Operation(operations.Operation, frozen=True, kw_only=True):
    """What was done to `name`."""

    name: str


OPERATIONS: Kind[Operation] = Kind(b"N", Operation)
"""By the noun and the id of the level, and the operation's id, which begins with its time."""


async def finished(tx: Transaction, level: tuple[str, str], done: Operation, world: World) -> Json:
    """Remember an operation of a level that is done, and return it."""
    return operation_json(await remember(tx, OPERATIONS, *level, operation=done, world=world), done)


def operation(name: str, now: Micros, types: tuple[str, str], response: Json) -> Operation:
    """Return what was done to a name; `types` are those of the metadata and of the response."""
    metadata, message = types
    return Operation(
        name=name,
        created=now,
        metadata=typed(metadata, {"createTime": rfc3339(now)}),
        response=typed(message, response),
    )


def operation_json(id_: str, operation: Operation) -> Json:
    """Return an operation, done."""
    return operations.operation_json(f"{operation.name}/operations/{id_}", operation)
