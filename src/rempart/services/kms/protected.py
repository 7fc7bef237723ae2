"""The port through which services tell what a key protects."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from rempart.services.kms.model.names import CryptoKeyName
from rempart.trust.custody.transaction import Transaction


@dataclass(frozen=True, slots=True)
class ProtectedResource:
    """A resource whose data cannot be read without a key.

    `name` is the full name (`//storage.googleapis.com/…`), `project` an id, `created` in
    microseconds, `versions` the full names of the key versions in use, where they are known.
    """

    name: str
    type: str
    project: str
    number: str
    location: str
    created: int
    versions: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)


class ProtectedResources(Protocol):
    """What one service protects by customers' keys."""

    @property
    def types(self) -> tuple[str, ...]:
        """Return the types of resource that are tracked: `storage.googleapis.com/Bucket`."""

    def under(self, key: CryptoKeyName, tx: Transaction) -> AsyncIterator[ProtectedResource]:
        """Iterate over all that a key protects, in the order of the names.

        The caller has the right to know; nothing is asked here. It stops when it has enough.
        """
