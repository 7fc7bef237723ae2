"""What a transaction writes, as its entry in the log tells it: by name, with a digest.

A document's fact is its resource's name with the SHA-256 of what is stored, or `deleted`. So the
log's last word about a resource is its whole state, and `audit.py` holds the store to it.
"""

from __future__ import annotations

import hashlib
from typing import Protocol, TypeVar

from rempart.trust.custody.kind import Kind, Part
from rempart.trust.custody.transaction import Transaction

DELETED = "deleted"
T = TypeVar("T")


class Named(Protocol):
    """A resource's name: as text, and as the parts of its document's key."""

    @property
    def parts(self) -> tuple[Part, ...]:
        """Return what the document's key is made of."""


class Writes:
    """Writes documents into a transaction, and keeps the facts for its entry in the log."""

    __slots__ = ("_tx", "facts")

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx
        self.facts: dict[str, str] = {}

    def put(self, kind: Kind[T], name: Named, value: T) -> None:
        """Write a document."""
        self._tx.put(kind, *name.parts, value=value)
        self.facts[str(name)] = digest(kind, value)

    def delete(self, kind: Kind[T], name: Named) -> None:
        """Remove a document."""
        self._tx.delete(kind, *name.parts)
        self.facts[str(name)] = DELETED


def digest(kind: Kind[T], value: T) -> str:
    """Return what the log says of a document's content.

    Members at their default do not count (`omit_defaults`), so that a later version of Rempart,
    which knows more members, reads the same digest.
    """
    return hashlib.sha256(kind.tag + kind.encode(value)).hexdigest()
