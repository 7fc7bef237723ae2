"""A long-running operation, which here is done when it is answered.

Source: google.longrunning.Operation. Google does not say how long Cloud KMS remembers operations;
here it is 30 days.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import msgspec

from rempart.core.clock import Micros
from rempart.services.kms.model.names import InLocation, LocationName, in_location

NOUN = "operations"
REMEMBERED_SECONDS = 30 * 86_400
EMPTY = "google.protobuf.Empty"
Json = dict[str, object]


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """What was done: the metadata and the response as JSON shows them, each with its `@type`."""

    created: int
    metadata: Json
    response: Json


@dataclass(frozen=True, slots=True)
class OperationName(InLocation):
    """`…/operations/O`."""

    noun: ClassVar[str] = NOUN


def operation_name(text: str) -> OperationName:
    """Return the name of an operation."""
    return OperationName(*in_location(text, NOUN))


def new_name(parent: LocationName, now: Micros, salt: bytes) -> OperationName:
    """Return a fresh name; names sort by time, so that the oldest come first."""
    return OperationName(parent, f"{now:014x}{salt.hex()}")


def forgotten(operation: Operation, now: Micros) -> bool:
    """Tell whether an operation is too old to be asked about."""
    return operation.created + REMEMBERED_SECONDS * 1_000_000 <= now


def operation_json(name: OperationName, operation: Operation) -> Json:
    """Return the operation, done."""
    shown: Json = {"name": str(name), "done": True, "response": operation.response}
    return shown | ({"metadata": operation.metadata} if operation.metadata else {})


def typed(name: str, message: Json) -> Json:
    """Return a message as `google.protobuf.Any` shows it."""
    return {"@type": f"type.googleapis.com/{name}", **message}
