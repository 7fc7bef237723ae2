"""What an access policy holds: levels, perimeters and trusted organizations, all in one way.

Each change is one of the whole policy: it is checked against everything else in it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from msgspec.structs import replace

from rempart.core.call import Call, Reply
from rempart.core.document import items, only, text, update_mask
from rempart.core.errors import already_exists, invalid, not_found, unsupported
from rempart.core.grant import Grant
from rempart.services.accesscontextmanager.api import asked
from rempart.services.accesscontextmanager.model.shapes import Json, id_in, masked, read, show
from rempart.services.accesscontextmanager.store import Store
from rempart.trust.policy.perimeters.documents import (
    AccessLevel,
    AccessPolicy,
    AuthorizedOrgsDesc,
    ServicePerimeter,
)

P = TypeVar("P", AccessLevel, ServicePerimeter, AuthorizedOrgsDesc)
Run = Callable[[Grant, Call, Store], Awaitable[Reply]]
Check = Callable[[Grant, Store, AccessPolicy, str, P], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Noun(Generic[P]):
    """A kind of part: its collection's name, where a policy keeps it, and what it must be like.

    `sealed` gives a part that is stored its etag, where the kind has one; `removable` raises where
    another part still refers to one. `begin` names the permission with which a patch that names the
    part in its mask makes one that is not there; empty where none does.
    """

    collection: str
    kind: type[P]
    field: str
    check: Check[P]
    seal: Callable[[Store, P], P] = lambda _, part: part
    removable: Callable[[AccessPolicy, str], None] = lambda _policy, _name: None
    begin: str = ""

    def of(self, policy: AccessPolicy) -> dict[str, P]:
        """Return the parts of this kind by id."""
        found: dict[str, P] = getattr(policy, self.field)
        return found


def methods(noun: Noun[P]) -> Mapping[str, Run]:
    """Return the methods that every kind of part has."""

    async def create(grant: Grant, call: Call, store: Store) -> Reply:
        policy = await store.policy(grant, asked.policy_name(call))
        part = read(call.document, noun.kind)
        id_ = id_in(part.name, policy.name, noun.collection)
        if id_ in noun.of(policy):
            raise already_exists(f"{part.name} already exists.")
        return await _put(grant, store, noun, policy, id_, part)

    async def get(grant: Grant, call: Call, store: Store) -> Reply:
        _as_defined(call)
        policy = await store.policy(grant, asked.policy_name(call))
        return Reply(document=show(_found(noun, policy, call)))

    async def list_(grant: Grant, call: Call, store: Store) -> Reply:
        _as_defined(call)
        parts = noun.of(await store.policy(grant, asked.policy_name(call)))
        return asked.page(call, noun.collection, {id_: show(one) for id_, one in parts.items()})

    async def patch(grant: Grant, call: Call, store: Store) -> Reply:
        policy = await store.policy(grant, asked.policy_name(call))
        mask = update_mask(call.query)
        begins = noun.begin and "name" in mask and asked.last(call) not in noun.of(policy)
        old = await _begun(noun, policy, call, store) if begins else _found(noun, policy, call)
        asked.check_etag(text(call.document, "etag"), getattr(old, "etag", ""))
        new = replace(masked(old, call.document, mask - {"name", "etag"}), name=old.name)
        return await _put(grant, store, noun, policy, asked.last(call), new)

    async def delete(grant: Grant, call: Call, store: Store) -> Reply:
        policy = await store.policy(grant, asked.policy_name(call))
        old = _found(noun, policy, call)
        noun.removable(policy, old.name)
        kept = {id_: one for id_, one in noun.of(policy).items() if id_ != asked.last(call)}
        store.put_policy(grant, replace(policy, **{noun.field: kept}))
        return await asked.done(grant, store, policy, "", {}, old.name)

    return {"create": create, "get": get, "list": list_, "patch": patch, "delete": delete}


def replace_all(noun: Noun[P], kind: str) -> Run:
    """Return the method that puts the given parts in the place of all of a kind."""

    async def run(grant: Grant, call: Call, store: Store) -> Reply:
        only(call.document, noun.collection, "etag")
        old = await store.policy(grant, asked.policy_name(call))
        asked.check_etag(text(call.document, "etag"), old.etag)
        parts: dict[str, P] = {}
        for document in items(call.document, noun.collection):
            part = noun.seal(store, read(document, noun.kind))
            id_ = id_in(part.name, old.name, noun.collection)
            if id_ in parts:
                raise invalid(f"{part.name} is given twice.", field=noun.collection)
            parts[id_] = part
        new = replace(old, **{noun.field: parts})
        for id_, part in parts.items():
            await noun.check(grant, store, new, id_, part)
        for gone in noun.of(old).keys() - parts.keys():
            noun.removable(new, f"{old.name}/{noun.collection}/{gone}")
        store.put_policy(grant, new)
        shown: Json = {noun.collection: [show(one) for one in parts.values()]}
        return await asked.done(grant, store, old, kind, shown, old.name)

    return run


async def _put(
    grant: Grant, store: Store, noun: Noun[P], policy: AccessPolicy, id_: str, part: P
) -> Reply:
    part = noun.seal(store, part)
    parts: dict[str, Any] = noun.of(policy) | {id_: part}
    new = replace(policy, **{noun.field: parts})
    await noun.check(grant, store, new, id_, part)
    store.put_policy(grant, new)
    return await asked.done(grant, store, policy, noun.kind.__name__, show(part), part.name)


async def _begun(noun: Noun[P], policy: AccessPolicy, call: Call, store: Store) -> P:
    """Return the empty part that a patch begins with: gcloud makes perimeters for dry runs so."""
    name = call.path["name"]
    if text(call.document, "name") != name:
        raise invalid(f"To make {name}, the request names it.", field="name")
    id_in(name, policy.name, noun.collection)
    await store.session.authority.require(noun.begin, await asked.policy(call, store))
    return noun.kind(name=name)


def _as_defined(call: Call) -> None:
    """Raise for levels asked for in another form than they were given in."""
    if call.query.get("accessLevelFormat", "") == "CEL":
        raise unsupported("A basic level as an expression", field="accessLevelFormat")


def _found(noun: Noun[P], policy: AccessPolicy, call: Call) -> P:
    found = noun.of(policy).get(asked.last(call))
    if found is None:
        raise not_found(f"{call.path['name']} not found.")
    return found
