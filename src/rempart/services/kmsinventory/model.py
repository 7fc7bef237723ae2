"""What the inventory counts and shows.

Source: google.cloud.kms.inventory.v1.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import re2

from rempart.core.clock import Micros, rfc3339
from rempart.core.errors import invalid
from rempart.services.kms.model.names import CryptoKeyName
from rempart.services.kms.protected import ProtectedResource

PATTERNS_MAX = 20
Json = dict[str, object]


class Summary:
    """A count of protected resources, by type, product and place."""

    def __init__(self) -> None:
        self.total = 0
        self._projects: set[str] = set()
        self._by: dict[str, Counter[str]] = {
            name: Counter() for name in ("resourceTypes", "cloudProducts", "locations")
        }

    def add(self, resource: ProtectedResource) -> None:
        """Count a resource."""
        self.total += 1
        self._projects.add(resource.project)
        self._by["resourceTypes"][resource.type] += 1
        self._by["cloudProducts"][_product(resource)] += 1
        self._by["locations"][resource.location] += 1

    def shown(self, key: CryptoKeyName) -> Json:
        """Return a ProtectedResourcesSummary; numbers of 64 bits are text in JSON."""
        counts = {
            name: {value: str(count) for value, count in counter.items()}
            for name, counter in self._by.items()
        }
        return {
            "name": f"{key}/protectedResourcesSummary",
            "resourceCount": str(self.total),
            "projectCount": len(self._projects),
            **counts,
        }


def resource_json(resource: ProtectedResource) -> Json:
    """Return a ProtectedResource; its time is in whole seconds, as Google's is."""
    shown: Json = {
        "name": resource.name,
        "project": f"projects/{resource.number}",
        "projectId": resource.project,
        "cloudProduct": _product(resource),
        "resourceType": resource.type,
        "location": resource.location,
        "createTime": rfc3339(Micros(resource.created // 1_000_000 * 1_000_000)),
    }
    if resource.labels:
        shown["labels"] = dict(resource.labels)
    if resource.versions:
        shown["cryptoKeyVersion"] = resource.versions[0]
        shown["cryptoKeyVersions"] = list(resource.versions)
    return shown


def of_types(text: str, tracked: tuple[str, ...]) -> Callable[[ProtectedResource], bool]:
    """Return whether a resource is of the types asked for: RE2 patterns, one a line; all if none.

    A pattern that no tracked type fits is refused.
    """
    patterns = [one for one in text.split("\n") if one]
    if len(patterns) > PATTERNS_MAX:
        raise invalid(f"There may be {PATTERNS_MAX} resource types.", field="resourceTypes")
    wanted = set[str]()
    for pattern in patterns:
        fitting = {one for one in tracked if _fits(pattern, one)}
        if not fitting:
            offered = ", ".join(tracked)
            message = f"{pattern[:80]!r} fits none of the tracked types: {offered}."
            raise invalid(message, field="resourceTypes")
        wanted |= fitting
    return lambda resource: not patterns or resource.type in wanted


def _fits(pattern: str, type_: str) -> bool:
    try:
        return re2.fullmatch(pattern, type_) is not None
    except re2.error as problem:
        raise invalid(f"{pattern[:80]!r} is no pattern.", field="resourceTypes") from problem


def _product(resource: ProtectedResource) -> str:
    return resource.type.partition(".")[0]
