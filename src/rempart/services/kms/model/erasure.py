"""How much died with a key version: what the log says of it, and the certificate repeats."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
from typing_extensions import override

from rempart.services.kms.model.names import VersionName


class Toll(msgspec.Struct, frozen=True, omit_defaults=True):
    """How much lay under a key version: generations of objects, their bytes, their buckets."""

    buckets: int = 0
    objects: int = 0
    size: int = 0

    def facts(self) -> dict[str, str]:
        """Return the toll in the words of the log."""
        return {"buckets": str(self.buckets), "objects": str(self.objects), "bytes": str(self.size)}


class Erased(msgspec.Struct, frozen=True, omit_defaults=True):
    """How much died with a version, and from where on in the log to look for its entry."""

    toll: Toll
    since: int


@dataclass(frozen=True, slots=True)
class ErasureName:
    """`…/cryptoKeyVersions/N/erasureCertificate`."""

    version: VersionName

    @property
    def parts(self) -> tuple[str | int, ...]:
        """Return the parts of the version's name."""
        return self.version.parts

    @override
    def __str__(self) -> str:
        return f"{self.version}/erasureCertificate"
