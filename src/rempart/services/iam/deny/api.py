"""The methods on deny policies: create, get, list, update, delete, and their operations.

Source: google.iam.v2.Policies.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from msgspec.structs import replace

from rempart.core.call import Call, Reply
from rempart.core.errors import aborted, invalid
from rempart.core.grant import Grant
from rempart.core.pages import page, paged
from rempart.core.policy import Resource
from rempart.services.iam.deny.model import (
    checked_id,
    display_name,
    notes,
    policy_json,
    rules,
)
from rempart.services.iam.deny.store import DenyStore, PolicyName
from rempart.trust.policy.deny import DenyPolicy

Run = Callable[[Grant, Call, DenyStore], Awaitable[Reply]]


async def asked(call: Call, store: DenyStore) -> Resource:
    """Return the level that a policy is attached to."""
    return (await store.name(call)).at.resource


async def create(grant: Grant, call: Call, store: DenyStore) -> Reply:
    """Create a policy."""
    parent = await store.name(call)
    name = PolicyName(parent.at, checked_id(call.query.get("policyId", "")))
    made = DenyPolicy(
        uid=store.uid(),
        etag=store.etag(),
        created=store.now,
        updated=store.now,
        display_name=display_name(call.document),
        annotations=notes(call.document),
        rules=rules(call.document),
    )
    return _done(name, await store.create(grant, name, made))


async def get(grant: Grant, call: Call, store: DenyStore) -> Reply:
    """Return a policy."""
    name = await store.name(call)
    return Reply(document=policy_json(str(name), await store.find(grant, name)))


async def list_(grant: Grant, call: Call, store: DenyStore) -> Reply:
    """List the policies of a level, without their rules."""
    shown, following = await store.listed(grant, await store.name(call), page(call.query))
    return Reply(document=paged("policies", shown, following))


async def update(grant: Grant, call: Call, store: DenyStore) -> Reply:
    """Replace a policy."""
    name = await store.name(call)
    old = await store.find(grant, name)
    _match(call.document.get("etag"), old)
    made = replace(
        old,
        etag=store.etag(),
        updated=store.now,
        display_name=display_name(call.document),
        annotations=notes(call.document),
        rules=rules(call.document),
    )
    return _done(name, await store.put(grant, name, made))


async def delete(grant: Grant, call: Call, store: DenyStore) -> Reply:
    """Delete a policy."""
    name = await store.name(call)
    old = await store.find(grant, name)
    _match(call.query.get("etag"), old)
    return _done(name, await store.delete(grant, name, old))


async def operation(grant: Grant, call: Call, store: DenyStore) -> Reply:
    """Return an operation."""
    return Reply(document=await store.operation(grant, await store.name(call)))


def _done(name: PolicyName, operation_: dict[str, object]) -> Reply:
    return Reply(document=operation_, audit={"denyPolicy": str(name)})


def _match(etag: object, old: DenyPolicy) -> None:
    """Refuse to change a policy that changed since it was read."""
    if not etag:
        return
    if not isinstance(etag, str):
        raise invalid("The policy's etag must be a text.", field="etag")
    if etag.replace("-", "+").replace("_", "/") != old.etag:
        raise aborted("The policy changed since it was read: read it again, and retry.")
