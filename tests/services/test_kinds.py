"""Documents of all services share one ordered space: no two kinds may have the same prefix."""

from __future__ import annotations

import importlib
import pkgutil
from collections import defaultdict

import rempart.services
import rempart.trust
from rempart.trust.custody.kind import Kind


def test_every_kind_of_document_has_a_tag_of_its_own() -> None:
    kinds: defaultdict[bytes, set[int]] = defaultdict(set)
    for package in (rempart.services, rempart.trust):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            members = vars(importlib.import_module(module.name)).values()
            for one in members:
                if isinstance(one, Kind):
                    kinds[one.tag].add(id(one))
    assert len(kinds) > 20
    assert {tag: len(ids) for tag, ids in kinds.items() if len(ids) > 1} == {}
