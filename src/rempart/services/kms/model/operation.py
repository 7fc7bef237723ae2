"""The names of long-running operations, which lie in a location."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from rempart.services.kms.model.names import InLocation, in_location

NOUN = "operations"


@dataclass(frozen=True, slots=True)
class OperationName(InLocation):
    """`…/operations/O`."""

    noun: ClassVar[str] = NOUN


def operation_name(text: str) -> OperationName:
    """Return the name of an operation."""
    return OperationName(*in_location(text, NOUN))
