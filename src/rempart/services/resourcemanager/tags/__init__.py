"""Tags of Resource Manager v3: keys and values, and what they are bound to.

The table below is the service: each method with the permission that the gate asks for, on what.
What tags mean to conditions is `trust/policy/tags.py`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any

from rempart.core.call import Call, MethodId
from rempart.core.method import Access, Method
from rempart.core.policy import Resource
from rempart.services.resourcemanager.tags.api import (
    asked,
    bindings,
    collections,
    holds,
    iam,
    keys,
    values,
)
from rempart.services.resourcemanager.tags.store import Setup, TagStore
from rempart.trust.session import Session

_R, _W = Access.READ, Access.WRITE
Asked = Callable[[Call, TagStore], Awaitable[Resource]]


def _method(
    name: str, access: Access, permission: str, resource: Asked, run: asked.Run
) -> Method[TagStore]:
    id_ = MethodId(f"cloudresourcemanager.{name}")
    return Method(id_, access, run, resource, f"resourcemanager.{permission}")


def _policy(noun: str, resource: Asked, methods: iam.PolicyMethods) -> tuple[Method[TagStore], ...]:
    get, set_ = f"{noun}.getIamPolicy", f"{noun}.setIamPolicy"
    return (
        _method(get, _R, get, resource, methods.get),
        replace(_method(set_, _W, set_, resource, methods.set), proposes=methods.proposes),
        Method(
            MethodId(f"cloudresourcemanager.{noun}.testIamPermissions"),
            _R,
            methods.test,
            resource,
            public="it tells callers their own rights only",
        ),
    )


def _of_resource(
    name: str, resource: Asked, run: asked.Run, access: Access = _R
) -> Method[TagStore]:
    id_ = MethodId(f"cloudresourcemanager.{name}")
    public = "each kind of resource has permissions of its own, which the method asks for"
    return Method(id_, access, run, resource, public=public)


_BIND, _HOLDS = "tagValueBindings", "tagValues.tagHolds"
_ALL = "locations.tagBindingCollections"
_EFFECTIVE = "locations.effectiveTagBindingCollections"

TAG_METHODS: tuple[Method[TagStore], ...] = (
    _method("tagKeys.create", _W, "tagKeys.create", asked.new_key, keys.create),
    _method("tagKeys.get", _R, "tagKeys.get", asked.key, keys.get),
    _method("tagKeys.getNamespaced", _R, "tagKeys.get", asked.namespaced_key, keys.get),
    _method("tagKeys.list", _R, "tagKeys.list", asked.listed_keys, keys.list_),
    _method("tagKeys.patch", _W, "tagKeys.update", asked.key, keys.patch),
    _method("tagKeys.delete", _W, "tagKeys.delete", asked.key, keys.delete),
    *_policy("tagKeys", asked.key, iam.KEYS),
    _method("tagValues.create", _W, "tagValues.create", asked.new_value, values.create),
    _method("tagValues.get", _R, "tagValues.get", asked.value, values.get),
    _method("tagValues.getNamespaced", _R, "tagValues.get", asked.namespaced_value, values.get),
    _method("tagValues.list", _R, "tagValues.list", asked.listed_values, values.list_),
    _method("tagValues.patch", _W, "tagValues.update", asked.value, values.patch),
    _method("tagValues.delete", _W, "tagValues.delete", asked.value, values.delete),
    *_policy("tagValues", asked.value, iam.VALUES),
    _method(f"{_HOLDS}.create", _W, "tagHolds.create", asked.value, holds.create),
    _method(f"{_HOLDS}.list", _R, "tagHolds.list", asked.value, holds.list_),
    _method(f"{_HOLDS}.delete", _W, "tagHolds.delete", asked.value, holds.delete),
    _method("tagBindings.create", _W, f"{_BIND}.create", asked.bound_value, bindings.create),
    _method("tagBindings.delete", _W, f"{_BIND}.delete", asked.unbound_value, bindings.delete),
    _of_resource("tagBindings.list", asked.bound_target, bindings.list_),
    _of_resource("effectiveTags.list", asked.bound_target, bindings.list_effective),
    _of_resource(f"{_ALL}.get", collections.asked_for, collections.get),
    _of_resource(f"{_ALL}.patch", collections.asked_for, collections.patch, _W),
    _of_resource(f"{_EFFECTIVE}.get", collections.asked_for, collections.get_effective),
)


@dataclass(frozen=True, slots=True)
class TagsService:
    """The part of the API as the gate serves it."""

    setup: Setup
    name: str = "cloudresourcemanager"
    methods: tuple[Method[TagStore], ...] = TAG_METHODS

    def open(self, session: Session) -> TagStore:
        """Return the store of one session."""
        return TagStore(self.setup, session)

    async def discard(self, staged: Any) -> None:  # noqa: ANN401 - nothing is ever staged
        """Do nothing: no method stages anything."""
