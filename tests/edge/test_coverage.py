"""Methods answered ÷ methods described."""

from __future__ import annotations

import pytest

from rempart.core.errors import Bug
from rempart.edge.coverage import ServiceCoverage, coverage, rendered
from rempart.wire import WireMethod, WireService, all_services


def service(name: str, version: str, *ids: str) -> WireService:
    methods = tuple(WireMethod(id=one, verb="GET", path=one) for one in ids)
    return WireService(name=name, version=version, revision="", host=name, methods=methods)


def test_every_described_service_is_reported_even_with_nothing_answered() -> None:
    assert coverage({}, [service("b", "v1", "b.x"), service("a", "v1", "a.x", "a.y")]) == [
        ServiceCoverage("a", 0, 2),
        ServiceCoverage("b", 0, 1),
    ]


def test_a_method_of_two_versions_counts_once() -> None:
    versions = [service("a", "v1", "a.get", "a.old"), service("a", "v3", "a.get", "a.new")]
    assert coverage({"a": {"a.get", "a.new"}}, versions) == [ServiceCoverage("a", 2, 3)]


@pytest.mark.parametrize(
    "answered",
    [
        {"storage": {"storage.objects.teleport"}},
        {"storage": {"sts.token"}},
        {"teleport": {"teleport.go"}},
    ],
)
def test_what_nobody_describes_cannot_be_counted(answered: dict[str, set[str]]) -> None:
    with pytest.raises(Bug, match="no description"):
        coverage(answered)


def test_the_document_has_the_shape_that_users_rely_on() -> None:
    rows = coverage({"storage": {"storage.objects.get", "storage.objects.list"}})
    document = rendered(rows)
    assert list(document) == ["services"]
    assert {"service": "storage", "answered": 2, "described": 87} in document["services"]


def test_google_describes_more_than_a_thousand_methods_of_these_apis() -> None:
    rows = coverage({})
    assert [row.service for row in rows] == sorted({table.name for table in all_services()})
    assert sum(row.described for row in rows) > 1000
