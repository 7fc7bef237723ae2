"""Cloud Logging v2: log entries, audit logs among them, and where they are kept, seen and routed.

The table below is the service: each method with the permission that the gate asks for, on what.
REST describes most methods for each kind of container and once more for any; they are one here.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from rempart.core.call import Call, MethodId, Reply
from rempart.core.grant import Grant
from rempart.core.method import Access, Method
from rempart.core.policy import Resource
from rempart.services.logging.api import (
    asked,
    buckets,
    entries,
    exclusions,
    logs,
    metrics,
    sinks,
    tail,
    views,
)
from rempart.services.logging.store import LoggingStore, Setup
from rempart.trust.session import Session

_R, _W = Access.READ, Access.WRITE
Run = Callable[[Grant, Call, LoggingStore], Awaitable[Reply]]
Asked = Callable[[Call, LoggingStore], Awaitable[Resource]]
_CONTAINERS = ("projects.", "folders.", "organizations.", "")


def _method(
    name: str, access: Access, permission: str, run: Run, on: Asked = asked.container
) -> Method[LoggingStore]:
    id_ = MethodId(f"logging.{name}")
    return Method(id_, access, run, on, f"logging.{permission}")


def _public(
    name: str, access: Access, why: str, run: Run, on: Asked = asked.nothing
) -> Method[LoggingStore]:
    return Method(MethodId(f"logging.{name}"), access, run, on, public=why)


def _on(above: str) -> tuple[Method[LoggingStore], ...]:
    """Return the methods on what lies in a kind of container."""
    bucket, view = f"{above}locations.buckets", f"{above}locations.buckets.views"
    sink, exclusion = f"{above}sinks", f"{above}exclusions"
    return (
        _public(f"{above}logs.list", _R, "asked for each resource that is named", logs.list_,
                asked.container),
        _method(f"{above}logs.delete", _W, "logs.delete", logs.delete),
        _method(f"{above}locations.list", _R, "locations.list", buckets.list_locations),
        _method(f"{above}locations.get", _R, "locations.get", buckets.get_location),
        _method(f"{bucket}.list", _R, "buckets.list", buckets.list_),
        _method(f"{bucket}.get", _R, "buckets.get", buckets.get),
        _method(f"{bucket}.create", _W, "buckets.create", buckets.create),
        _method(f"{bucket}.patch", _W, "buckets.update", buckets.patch),
        _method(f"{bucket}.delete", _W, "buckets.delete", buckets.delete),
        _method(f"{bucket}.undelete", _W, "buckets.undelete", buckets.undelete),
        _method(f"{view}.list", _R, "views.list", views.list_),
        _method(f"{view}.get", _R, "views.get", views.get),
        _method(f"{view}.create", _W, "views.create", views.create),
        _method(f"{view}.patch", _W, "views.update", views.patch),
        _method(f"{view}.delete", _W, "views.delete", views.delete),
        _method(f"{view}.getIamPolicy", _R, "views.getIamPolicy", views.get_policy, asked.view),
        Method(
            MethodId(f"logging.{view}.setIamPolicy"),
            _W,
            views.set_policy,
            asked.view,
            "logging.views.setIamPolicy",
            proposes=views.proposes,
        ),
        _public(f"{view}.testIamPermissions", _R, "it tells callers their own rights only",
                views.permissions, asked.view),
        _method(f"{sink}.list", _R, "sinks.list", sinks.list_),
        _method(f"{sink}.get", _R, "sinks.get", sinks.get),
        _method(f"{sink}.create", _W, "sinks.create", sinks.create),
        _method(f"{sink}.update", _W, "sinks.update", sinks.update),
        _method(f"{sink}.delete", _W, "sinks.delete", sinks.delete),
        _method(f"{exclusion}.list", _R, "exclusions.list", exclusions.list_),
        _method(f"{exclusion}.get", _R, "exclusions.get", exclusions.get),
        _method(f"{exclusion}.create", _W, "exclusions.create", exclusions.create),
        _method(f"{exclusion}.patch", _W, "exclusions.update", exclusions.patch),
        _method(f"{exclusion}.delete", _W, "exclusions.delete", exclusions.delete),
        _method(f"{above}getSettings", _R, "settings.get", metrics.settings),
        _method(f"{above}getCmekSettings", _R, "cmekSettings.get", metrics.cmek_settings),
    )  # fmt: skip


STREAMED = MethodId("logging.entries.tail")
"""The method that is answered as a stream of gRPC alone."""

_NAMED = "asked for each resource that is named"

METHODS: tuple[Method[LoggingStore], ...] = (
    _public("entries.list", _R, _NAMED, entries.list_, asked.reading),
    _public(STREAMED.partition(".")[2], _R, _NAMED, tail.tail, asked.reading),
    _method("entries.write", _W, "logEntries.create", entries.write, asked.writing),
    _public("monitoredResourceDescriptors.list", _R, "it tells of no customer", logs.descriptors),
    *(method for above in _CONTAINERS for method in _on(above)),
    *(
        _method(f"{above}.sinks.patch", _W, "sinks.update", sinks.update)
        for above in ("projects", "folders", "organizations")
    ),
    *(
        _public(
            f"{above}.locations.buckets.views.logs.list", _R, _NAMED, logs.list_, asked.container
        )
        for above in ("projects", "folders", "organizations")
    ),
    _method("projects.metrics.list", _R, "logMetrics.list", metrics.list_),
    _method("projects.metrics.get", _R, "logMetrics.get", metrics.get),
    _method("projects.metrics.create", _W, "logMetrics.create", metrics.create),
    _method("projects.metrics.update", _W, "logMetrics.update", metrics.update),
    _method("projects.metrics.delete", _W, "logMetrics.delete", metrics.delete),
)


@dataclass(frozen=True, slots=True)
class LoggingService:
    """The API as the gate serves it."""

    setup: Setup
    name: str = "logging"
    methods: tuple[Method[LoggingStore], ...] = METHODS

    def open(self, session: Session) -> LoggingStore:
        """Return the store of one session."""
        return LoggingStore(self.setup, session)

    async def discard(self, staged: Any) -> None:  # noqa: ANN401 - nothing is ever staged
        """Do nothing: no method stages anything."""
