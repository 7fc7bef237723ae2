"""How much of Google's APIs this universe answers: methods answered ÷ methods described."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from rempart.core.errors import invariant
from rempart.wire import WireService, all_services


@dataclass(frozen=True, slots=True)
class ServiceCoverage:
    """The methods of one API over all its versions: how many are answered, how many described."""

    service: str
    answered: int
    described: int


def coverage(
    answered: Mapping[str, AbstractSet[str]], services: Iterable[WireService] | None = None
) -> list[ServiceCoverage]:
    """Return the coverage of every described API, sorted by name.

    `answered` holds method ids by API name. A method that two versions describe counts once. An id
    that no table of its API describes raises Bug, so that the figure cannot be inflated.
    """
    described = _described(all_services() if services is None else services)
    for api, ids in answered.items():
        unknown = sorted(ids - described.get(api, frozenset()))
        invariant(not unknown, f"{api}: no description of {', '.join(unknown)}")
    return [
        ServiceCoverage(api, len(answered.get(api, ())), len(ids))
        for api, ids in sorted(described.items())
    ]


def rendered(rows: Sequence[ServiceCoverage]) -> dict[str, list[dict[str, str | int]]]:
    """Return the document that `rempart coverage --json` prints."""
    return {
        "services": [
            {"service": row.service, "answered": row.answered, "described": row.described}
            for row in rows
        ]
    }


def _described(services: Iterable[WireService]) -> dict[str, frozenset[str]]:
    ids: defaultdict[str, set[str]] = defaultdict(set)
    for service in services:
        ids[service.name].update(method.id for method in service.methods)
    return {api: frozenset(methods) for api, methods in ids.items()}
