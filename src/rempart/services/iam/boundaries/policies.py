"""The methods on principal access boundary policies.

Source: google.iam.v3.PrincipalAccessBoundaryPolicies.
"""

from __future__ import annotations

from msgspec.structs import replace

from rempart.core.call import Call, Reply
from rempart.core.document import section
from rempart.core.grant import Grant
from rempart.core.pages import page, paged
from rempart.core.policy import Resource
from rempart.services.iam.boundaries.asked import changed, checked_etag, not_only_validated
from rempart.services.iam.boundaries.model import (
    checked_id,
    policy_json,
    policy_name,
    rules,
    version,
)
from rempart.services.iam.boundaries.store import BoundaryStore, Named
from rempart.services.iam.deny.model import display_name, notes
from rempart.trust.policy.boundaries import BOUNDARY_POLICIES, BoundaryPolicy

_TYPE = "google.iam.v3.PrincipalAccessBoundaryPolicy"
_EMPTY = "google.protobuf.Empty"


async def create(grant: Grant, call: Call, store: BoundaryStore) -> Reply:
    """Create a policy."""
    not_only_validated(call)
    field = "principalAccessBoundaryPolicyId"
    parent = await store.named(call.path["parent"], field="parent")
    name = Named(parent.at, checked_id(call.query.get(field, ""), field))
    details = section(call.document, "details")
    made = BoundaryPolicy(
        uid=store.uid(),
        etag=store.etag(),
        created=store.now,
        updated=store.now,
        display_name=display_name(call.document),
        annotations=notes(call.document),
        version=version(details),
        rules=await store.placed(rules(details)),
    )
    await store.add_policy(grant, name, made)
    return await _done(store, name, made)


async def get(grant: Grant, call: Call, store: BoundaryStore) -> Reply:
    """Return a policy."""
    name = await store.named(call.path["name"])
    return Reply(document=_shown(name, await store.policy(grant, name)))


async def list_(grant: Grant, call: Call, store: BoundaryStore) -> Reply:
    """List the policies of an organization."""
    parent = await store.named(call.path["parent"], field="parent")
    found, following = await store.listed(
        grant, BOUNDARY_POLICIES, (parent.at.id,), page(call.query)
    )
    shown = [_shown(Named(parent.at, one.id), one.value) for one in found]
    return Reply(document=paged("principalAccessBoundaryPolicies", shown, following))


async def patch(grant: Grant, call: Call, store: BoundaryStore) -> Reply:
    """Change a policy."""
    not_only_validated(call)
    name = await store.named(call.path["name"])
    old = await store.policy(grant, name)
    checked_etag(call.document.get("etag"), old.etag)
    made = replace(old, etag=store.etag(), updated=store.now)
    paths = changed(call, ("displayName", "annotations", "details"))
    if "displayName" in paths:
        made = replace(made, display_name=display_name(call.document))
    if "annotations" in paths:
        made = replace(made, annotations=notes(call.document))
    if "details" in paths:
        details = section(call.document, "details")
        placed = await store.placed(rules(details))
        made = replace(made, rules=placed, version=version(details))
    store.put_policy(grant, name, made)
    return await _done(store, name, made)


async def delete(grant: Grant, call: Call, store: BoundaryStore) -> Reply:
    """Delete a policy; `force` deletes its bindings too."""
    not_only_validated(call)
    name = await store.named(call.path["name"])
    checked_etag(call.query.get("etag"), (await store.policy(grant, name)).etag)
    await store.delete_policy(grant, name, force=call.query.get("force") == "true")
    done = await store.finished(name, _EMPTY, {})
    return Reply(document=done, audit={"policy": policy_name(name.at.id, name.id)})


async def search_bindings(grant: Grant, call: Call, store: BoundaryStore) -> Reply:
    """List the bindings of a policy, wherever they are."""
    name = await store.named(call.path["name"])
    await store.policy(grant, name)
    return await _bindings(store, name)


async def _bindings(store: BoundaryStore, name: Named) -> Reply:
    found = await store.bindings(
        lambda one: (one.organization, one.policy) == (name.at.id, name.id)
    )
    shown = [await store.shown_binding(level, id_, one) for one, level, id_ in found]
    return Reply(document={"policyBindings": shown} if shown else {})


async def organization(call: Call, store: BoundaryStore) -> Resource:
    """Return the organization that a call names."""
    field = "name" if "name" in call.path else "parent"
    return (await store.named(call.path[field], field=field)).at.resource


def _shown(name: Named, policy: BoundaryPolicy) -> dict[str, object]:
    return policy_json(policy_name(name.at.id, name.id), policy)


async def _done(store: BoundaryStore, name: Named, made: BoundaryPolicy) -> Reply:
    done = await store.finished(name, _TYPE, _shown(name, made))
    return Reply(document=done, audit={"policy": policy_name(name.at.id, name.id)})
