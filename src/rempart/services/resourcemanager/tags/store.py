"""The verbs of tags on the engine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeVar

from msgspec.structs import replace

from rempart.core.clock import Micros
from rempart.core.errors import already_exists, invalid, not_found
from rempart.core.grant import Grant
from rempart.core.names import ResourceName
from rempart.core.pages import Page, token
from rempart.core.policy import Resource
from rempart.services.resourcemanager.kinds import Json
from rempart.services.resourcemanager.store import ManagerStore
from rempart.services.resourcemanager.store import Setup as ManagerSetup
from rempart.services.resourcemanager.tags import model
from rempart.services.resourcemanager.tags.bindable import Bindable, Target, target_of
from rempart.services.resourcemanager.tags.kinds import TAG_KEY, TAG_NAME, TAG_VALUE, Named
from rempart.services.resourcemanager.tags.model import TagKey, TagValue
from rempart.trust.custody.kind import Found, Kind, Part
from rempart.trust.policy.registry import find_project
from rempart.trust.policy.tags import MANAGER, TAGS, EffectiveTags, Tag, TagsOfResource
from rempart.trust.policy.validate import new_etag
from rempart.trust.session import Session

T = TypeVar("T")
_ID_BYTES = 8
_TYPE = "type.googleapis.com/google.cloud.resourcemanager.v3."
_EMPTY: Json = {"@type": "type.googleapis.com/google.protobuf.Empty"}
_LETTERS = {
    "TagKey": "rctk",
    "TagValue": "rctv",
    "TagBinding": "rctb",
    "TagBindingCollection": "rctbc",
    "TagHold": "rcth",
}
"""What the names of operations begin with."""

_ABSENT = Resource(ResourceName(MANAGER, "", ""), None)


@dataclass(frozen=True, slots=True)
class Setup:
    """What the service needs for its whole life."""

    manager: ManagerSetup
    effective: EffectiveTags
    bindables: tuple[Bindable, ...]


@dataclass(slots=True)
class TagStore:
    """The documents of tags as one session sees them; `dry` ones are not changed."""

    setup: Setup
    session: Session
    dry: bool = False

    # As policy sees them.

    async def key_resource(self, name: str) -> Resource:
        """Return a key as policy sees it: its own policy, then what it lies in."""
        named = ResourceName(MANAGER, f"{MANAGER}/TagKey", name)
        key = await self.session.tx.get(TAG_KEY, model.key_id(name))
        if key is None:
            return replace(_ABSENT, name=named)
        above = "" if key.project else key.parent
        return Resource(named, key.project, (key.policy,), above=above)

    async def value_resource(self, name: str) -> Resource:
        """Return a value as policy sees it: its own policy, its key's, then what that lies in."""
        named = ResourceName(MANAGER, f"{MANAGER}/TagValue", name)
        value = await self.session.tx.get(TAG_VALUE, model.value_id(name))
        if value is None:
            return replace(_ABSENT, name=named)
        key = await self.key_resource(f"tagKeys/{value.key}")
        return replace(key, name=named, policies=(value.policy, *key.policies))

    async def parent_resource(self, name: str) -> Resource:
        """Return the organization or project that keys lie in, as policy sees it."""
        return (await self.parent_target(name)).resource

    async def parent_target(self, name: str) -> Target:
        """Return the organization or project that keys lie in; raises `invalid` for another."""
        if name.partition("/")[0] not in {"organizations", "projects"}:
            raise invalid("parent is organizations/* or projects/*.", field="parent")
        return await target_of(f"//{MANAGER}/{name}", self.setup.bindables, self.session.tx)

    async def target(self, full: str) -> Target:
        """Return what tags are bound to, by its full name."""
        return await target_of(full, self.setup.bindables, self.session.tx)

    async def named(self, name: str) -> str:
        """Return the `tagKeys/…` or `tagValues/…` of a namespaced name, empty where there is none.

        A namespace is an organization's number, a project's id or its number.
        """
        namespace, *shorts = name.split("/")
        tx, found = self.session.tx, await find_project(self.session.tx, namespace)
        parent = f"projects/{found.number}" if found else f"organizations/{namespace}"
        for noun, short in zip(("tagKeys", "tagValues"), shorts, strict=False):
            lies = await tx.get(TAG_NAME, parent, short)
            if lies is None:
                return ""
            parent = f"{noun}/{lies.id}"
        return parent

    # Keys.

    async def key(self, grant: Grant, name: str) -> TagKey:
        """Return a key; raises `not_found`."""
        found = await self.session.tx.get(TAG_KEY, model.key_id(name))
        if found is None:
            raise not_found(f"{name} not found.")
        return found

    async def create_key(self, grant: Grant, key: TagKey) -> None:
        """Store a new key; raises `already_exists`."""
        await self._refuse_more(key.parent, model.KEYS_PER_PARENT_MAX, "TAG_KEYS_PER_PARENT")
        await self._name(key.parent, key.short, key.id)
        self.put_key(grant, key)

    def put_key(self, grant: Grant, key: TagKey) -> None:
        """Store a key."""
        self._put(TAG_KEY, key.id, value=key)

    async def delete_key(self, grant: Grant, key: TagKey) -> None:
        """Remove a key without values."""
        if key.values:
            raise model.precondition(f"{key.name} has {key.values} values.", "TAG_KEY_HAS_VALUES")
        self.session.tx.expect_empty(TAG_NAME.under(key.name))
        self._delete(TAG_NAME, key.parent, key.short)
        self._delete(TAG_KEY, key.id)

    # Values.

    async def value(self, grant: Grant, name: str) -> TagValue:
        """Return a value; raises `not_found`."""
        found = await self.session.tx.get(TAG_VALUE, model.value_id(name))
        if found is None:
            raise not_found(f"{name} not found.")
        return found

    async def create_value(self, grant: Grant, key: TagKey, value: TagValue) -> None:
        """Store a new value of a key and count it; raises `already_exists`."""
        if key.values >= model.VALUES_PER_KEY_MAX:
            message = f"{key.name} has {model.VALUES_PER_KEY_MAX} values, which is the most."
            raise model.exhausted(message, "TAG_VALUES_PER_KEY")
        await self._name(key.name, value.short, value.id)
        self.put_key(grant, replace(key, values=key.values + 1))
        self.put_value(grant, value)

    def put_value(self, grant: Grant, value: TagValue) -> None:
        """Store a value."""
        self._put(TAG_VALUE, value.id, value=value)

    async def delete_value(self, grant: Grant, value: TagValue) -> None:
        """Remove a value that nothing has and nobody holds."""
        if value.bound or value.holds:
            message = (
                f"{value.name} is in use: it is bound to {value.bound} resources and has "
                f"{len(value.holds)} holds."
            )
            raise model.precondition(message, "TAG_VALUE_IN_USE")
        key = await self.key(grant, f"tagKeys/{value.key}")
        self.put_key(grant, replace(key, values=key.values - 1))
        self._delete(TAG_NAME, key.name, value.short)
        self._delete(TAG_VALUE, value.id)

    # Bindings.

    async def bound(self, grant: Grant, target: Target) -> tuple[Tag, ...]:
        """Return the tags that are bound to a resource itself."""
        found = await self.session.tx.get(TAGS, target.name)
        return found.tags if found else ()

    def bind(self, grant: Grant, target: Target, value: TagValue, tags: tuple[Tag, ...]) -> None:
        """Store the tags of a resource, to which a value was added."""
        self.put_value(grant, replace(value, bound=value.bound + 1))
        self._put(TAGS, target.name, value=TagsOfResource(tags))

    def unbind(self, grant: Grant, target: Target, value: TagValue, tags: tuple[Tag, ...]) -> None:
        """Store the tags of a resource, from which a value was taken."""
        self.put_value(grant, replace(value, bound=value.bound - 1))
        if tags:
            self._put(TAGS, target.name, value=TagsOfResource(tags))
        else:
            self._delete(TAGS, target.name)

    # What every method asks.

    async def done(self, grant: Grant, change: str, response: Json) -> Json:
        """Return the operation of a change, done: `Create TagKey`; a rehearsal has no name."""
        verb, noun = change.split()
        metadata: Json = {"@type": f"{_TYPE}{verb}{noun}Metadata"}
        outcome = {"@type": f"{_TYPE}{noun}", **response} if response else _EMPTY
        if self.dry:
            return {"done": True, "metadata": metadata, "response": outcome}
        manager = ManagerStore(self.setup.manager, self.session)
        return await manager.finished(grant, _LETTERS[noun], metadata, outcome)

    async def listed(self, grant: Grant, parent: str, page: Page) -> tuple[list[Found[Named]], str]:
        """Return a page of what lies under a parent by short name, and the next page's token."""
        span, after = TAG_NAME.under(parent), page.after_name
        if after:
            span = span.after(TAG_NAME.key(parent, after))
        found = await self.session.tx.scan(TAG_NAME, span, limit=page.size + 1)
        shown = found[: page.size]
        return shown, token(shown[-1].id) if len(found) > len(shown) > 0 else ""

    def new_id(self) -> str:
        """Return a fresh id."""
        return model.new_id(self.setup.manager.world.random(_ID_BYTES))

    def new_etag(self) -> str:
        """Return a fresh entity tag."""
        return new_etag(self.setup.manager.world.random)

    @property
    def now(self) -> Micros:
        """Return the time of this session's writes."""
        return self.setup.manager.world.clock()

    async def _name(self, parent: str, short: str, id_: str) -> None:
        if await self.session.tx.get(TAG_NAME, parent, short) is not None:
            raise already_exists(f"{short} already exists in {parent}.")
        self._put(TAG_NAME, parent, short, value=Named(id_))

    async def _refuse_more(self, parent: str, limit: int, reason: str) -> None:
        found = await self.session.tx.scan(TAG_NAME, TAG_NAME.under(parent), limit=limit)
        if len(found) >= limit:
            raise model.exhausted(f"{parent} has {limit} keys, which is the most.", reason)

    def _put(self, kind: Kind[T], *parts: Part, value: T) -> None:
        if not self.dry:
            self.session.tx.put(kind, *parts, value=value)

    def _delete(self, kind: Kind[Any], *parts: Part) -> None:
        if not self.dry:
            self.session.tx.delete(kind, *parts)
