"""The documents of Resource Manager that policy does not need. Times are in microseconds."""

from __future__ import annotations

import msgspec

from rempart.core.clock import Micros
from rempart.core.principal import Member
from rempart.services import operations
from rempart.trust.custody.kind import Kind

Json = dict[str, object]


class Lien(msgspec.Struct, frozen=True, kw_only=True):
    """What keeps a project from being deleted, for whose reason."""

    created: Micros
    reason: str
    origin: str
    restrictions: tuple[str, ...]


class Operation(operations.Operation, frozen=True, kw_only=True):
    """What was done; shown to who began it.

    `legacy` operations were begun by v1 or v2, and are asked about by v1.
    """

    owner: Member
    legacy: bool


class Due(msgspec.Struct, frozen=True):
    """Something that is removed for ever when its time has come."""


LIEN = Kind(b"G", Lien)
"""By (number of the project, id)."""

OPERATION = Kind(b"l", Operation)
"""By (number, letters): `operations/cp.123`. Numbers rise with time."""

DUE = Kind(b"D", Due)
"""By (time, noun, id)."""
