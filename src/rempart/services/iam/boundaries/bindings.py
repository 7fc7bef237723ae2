"""The methods on policy bindings, which put sets of principals under boundary policies.

Source: google.iam.v3.PolicyBindings.
"""

from __future__ import annotations

from msgspec.structs import replace

from rempart.core.call import Call, Reply
from rempart.core.document import section, text
from rempart.core.errors import invalid, unsupported
from rempart.core.grant import Grant
from rempart.core.pages import page, paged
from rempart.core.policy import Resource
from rempart.services.iam.boundaries.asked import changed, checked_etag, not_only_validated
from rempart.services.iam.boundaries.model import KIND, binding_json, checked_id, condition
from rempart.services.iam.boundaries.store import BoundaryStore, Named, binding_name
from rempart.services.iam.deny.model import display_name, notes
from rempart.trust.policy.boundaries import POLICY_BINDINGS, PolicyBinding

BIND = "iam.principalaccessboundarypolicies.bind"
UNBIND = "iam.principalaccessboundarypolicies.unbind"
_POLICIES = "/principalAccessBoundaryPolicies/"
_TYPE = "google.iam.v3.PolicyBinding"
_EMPTY = "google.protobuf.Empty"
_IMMUTABLE = ("target", "policy", "policyKind")


async def level(call: Call, store: BoundaryStore) -> Resource:
    """Return the level that a call names."""
    field = "name" if "name" in call.path else "parent"
    return (await store.named(call.path[field], field=field)).at.resource


async def create(grant: Grant, call: Call, store: BoundaryStore) -> Reply:
    """Create a binding; who may set it here must also be allowed to bind the policy."""
    not_only_validated(call)
    parent = await store.named(call.path["parent"], field="parent")
    id_ = checked_id(call.query.get("policyBindingId", ""), "policyBindingId")
    name, document = Named(parent.at, id_), call.document
    if text(document, "policyKind", KIND) not in {KIND, "POLICY_KIND_UNSPECIFIED"}:
        raise unsupported("Binding a policy of another kind", field="policyKind")
    asked = text(document, "policy")
    if _POLICIES not in asked:
        raise invalid("policy is no principal access boundary policy.", field="policy")
    policy = await store.named(asked, field="policy")
    await store.session.authority.require(BIND, policy.at.resource)
    if await store.organization(parent.at.resource) != policy.at.id:
        raise invalid("The policy and the binding are not in one organization.", field="policy")
    found = await store.policy(grant, policy)
    principals = text(section(document, "target"), "principalSet")
    made = PolicyBinding(
        uid=store.uid(),
        etag=store.etag(),
        created=store.now,
        updated=store.now,
        display_name=display_name(document),
        annotations=notes(document),
        target=await store.target(principals, parent.at),
        organization=policy.at.id,
        policy=policy.id,
        policy_uid=found.uid,
        condition=condition(document),
    )
    await store.add_binding(grant, name, made)
    return await _done(store, name, made)


async def get(grant: Grant, call: Call, store: BoundaryStore) -> Reply:
    """Return a binding."""
    name = await store.named(call.path["name"])
    return Reply(document=_shown(name, await store.binding(grant, name)))


async def list_(grant: Grant, call: Call, store: BoundaryStore) -> Reply:
    """List the bindings of a level."""
    parent = await store.named(call.path["parent"], field="parent")
    if call.query.get("filter"):
        raise unsupported("Filtering bindings", field="filter")
    found, following = await store.listed(
        grant, POLICY_BINDINGS, (parent.at.noun, parent.at.id), page(call.query)
    )
    shown = [_shown(Named(parent.at, one.id), one.value) for one in found]
    return Reply(document=paged("policyBindings", shown, following))


async def patch(grant: Grant, call: Call, store: BoundaryStore) -> Reply:
    """Change a binding's condition, name or annotations; the policy's permission is asked too."""
    not_only_validated(call)
    name = await store.named(call.path["name"])
    old = await store.binding(grant, name)
    await _may(BIND, store, old)
    checked_etag(call.document.get("etag"), old.etag)
    made = replace(old, etag=store.etag(), updated=store.now)
    paths = changed(call, ("displayName", "annotations", "condition", *_IMMUTABLE))
    if "displayName" in paths:
        made = replace(made, display_name=display_name(call.document))
    if "annotations" in paths:
        made = replace(made, annotations=notes(call.document))
    if "condition" in paths:
        made = replace(made, condition=condition(call.document))
    await _check_immutable(call, store, name, old)
    store.put_binding(grant, name, made)
    return await _done(store, name, made)


async def _check_immutable(
    call: Call, store: BoundaryStore, name: Named, old: PolicyBinding
) -> None:
    """Refuse to change what a binding is about, however it is spelled."""
    document, shown = call.document, _shown(name, old)
    for field in ("policy", "policyKind"):
        if document.get(field, shown[field]) != shown[field]:
            raise invalid(f"{field} cannot be changed.", field=field)
    principals = text(section(document, "target"), "principalSet")
    if principals and await store.target(principals, name.at) != old.target:
        raise invalid("target cannot be changed.", field="target")


async def delete(grant: Grant, call: Call, store: BoundaryStore) -> Reply:
    """Delete a binding; who may change policies of a project is not enough to leave a boundary."""
    not_only_validated(call)
    name = await store.named(call.path["name"])
    old = await store.binding(grant, name)
    await _may(UNBIND, store, old)
    checked_etag(call.query.get("etag"), old.etag)
    store.delete_binding(grant, name)
    done = await store.finished(name, _EMPTY, {})
    return Reply(document=done, audit={"policyBinding": binding_name(name.at.shown, name.id)})


async def _may(permission: str, store: BoundaryStore, binding: PolicyBinding) -> None:
    """Refuse who may not bind, or unbind, the policy of a binding, in its organization."""
    place = f"organizations/{binding.organization}/locations/global"
    policy = await store.named(f"{place}{_POLICIES}{binding.policy}", field="policy")
    await store.session.authority.require(permission, policy.at.resource)


async def search_target(grant: Grant, call: Call, store: BoundaryStore) -> Reply:
    """List the bindings of a set of principals."""
    parent = await store.named(call.path["parent"], field="parent")
    target = await store.target(call.query.get("target", ""), parent.at)
    found = await store.bindings(lambda one: one.target == target)
    shown = [await store.shown_binding(at, id_, one) for one, at, id_ in found]
    return Reply(document={"policyBindings": shown} if shown else {})


async def operation(grant: Grant, call: Call, store: BoundaryStore) -> Reply:
    """Return an operation."""
    return Reply(document=await store.operation(grant, await store.named(call.path["name"])))


def _shown(name: Named, binding: PolicyBinding) -> dict[str, object]:
    return binding_json(binding_name(name.at.shown, name.id), binding)


async def _done(store: BoundaryStore, name: Named, made: PolicyBinding) -> Reply:
    done = await store.finished(name, _TYPE, _shown(name, made))
    return Reply(document=done, audit={"policyBinding": binding_name(name.at.shown, name.id)})
