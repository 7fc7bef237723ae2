"""What kinds of keys may be made here: protection levels, and algorithms at each.

Source: ProtectionLevel and CryptoKeyVersionAlgorithm of google.cloud.kms.v1. A value that Google
knows and this universe does not have is refused as INVALID_ARGUMENT, a level that it could have but
is not set up for as FAILED_PRECONDITION, both with the field. Neither is UNIMPLEMENTED: gcloud and
the libraries try a 501 again and again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from rempart.core.errors import CloudError, Code, invalid, unsupported
from rempart.trust.custody.software.algorithms import ALGORITHMS, Algorithm, Purpose

SOFTWARE = "SOFTWARE"
HSM = "HSM"
EXTERNAL = "EXTERNAL"
EXTERNAL_VPC = "EXTERNAL_VPC"
EXTERNALS = frozenset((EXTERNAL, EXTERNAL_VPC))
_CONFIGURABLE = frozenset((HSM, EXTERNAL, EXTERNAL_VPC))
_NOT_THERE = frozenset(("HSM_SINGLE_TENANT",))
UNSPECIFIED = frozenset(("", "PROTECTION_LEVEL_UNSPECIFIED"))
ALGORITHM_FIELD = "versionTemplate.algorithm"


def not_configured(level: str, field: str) -> CloudError:
    """Return the refusal of a protection level that needs something outside, which is not set."""
    return CloudError(
        Code.FAILED_PRECONDITION,
        f"The protection level {level} is not configured in this universe.",
        reason="PROTECTION_LEVEL_NOT_CONFIGURED",
        field=field,
    )


@dataclass(frozen=True, slots=True)
class Choices:
    """The protection levels that are there, each with why it lacks an algorithm, or "".

    `anssi` says whether only algorithms that this agency's rules admit may be chosen.
    """

    levels: Mapping[str, Callable[[Algorithm], str]]
    anssi: bool = False

    def protection(self, level: str, field: str) -> str:
        """Return the protection level; those that are not there are refused by name."""
        if level in UNSPECIFIED:
            return SOFTWARE
        if level in self.levels:
            return level
        if level in _CONFIGURABLE:
            raise not_configured(level, field)
        if level in _NOT_THERE:
            raise unsupported(f"The protection level {level}", field=field)
        raise invalid(f"{level[:80]} is not a protection level.", field=field)

    def algorithm(self, name: str, purpose: Purpose, level: str) -> Algorithm:
        """Return the algorithm by Google's name, for keys of a purpose and a protection level."""
        found = ALGORITHMS.get(name)
        if found is None:
            raise invalid(f"{name[:80]} is not an algorithm.", field=ALGORITHM_FIELD)
        if found.purpose is not purpose:
            message = f"{name} is not an algorithm for {purpose.value}."
            raise invalid(message, field=ALGORITHM_FIELD)
        lacks = self.levels[self.protection(level, ALGORITHM_FIELD)](found)
        if lacks:
            what = f"The algorithm {name} at the protection level {level}"
            raise unsupported(what, field=ALGORITHM_FIELD, because=lacks)
        if self.anssi and not found.anssi:
            message = f"{name} is not on this universe's list: {found.anssi_note}"
            raise invalid(message, field=ALGORITHM_FIELD, reason="ALGORITHM_NOT_ADMITTED")
        return found
