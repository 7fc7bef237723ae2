"""Custom constraints of an organization: create, get, list, change, delete.

They bind nothing by themselves: a policy that names one does.
Source: google.cloud.orgpolicy.v2.OrgPolicy.
"""

from __future__ import annotations

from rempart.core.call import Call, Reply
from rempart.core.document import text
from rempart.core.errors import invalid
from rempart.core.grant import Grant
from rempart.services.orgpolicy.model import names
from rempart.services.orgpolicy.model.custom import custom_constraint, custom_json
from rempart.services.orgpolicy.model.names import CustomName
from rempart.services.orgpolicy.store import OrgPolicyStore
from rempart.trust.policy.organization.documents import CustomConstraint


async def create(grant: Grant, call: Call, store: OrgPolicyStore) -> Reply:
    """Create a custom constraint; its expression is tried on an empty resource first."""
    parent = names.container(call.path["parent"])
    await store.shown(grant, parent)
    name = names.custom_constraint(text(call.document, "name"))
    if name.organization != parent:
        raise invalid(f"{name} does not lie in {parent}.", field="name")
    new = custom_constraint(call.document, store.now)
    await store.create_custom(grant, name, new)
    return _reply(name, new)


async def get(grant: Grant, call: Call, store: OrgPolicyStore) -> Reply:
    """Return a custom constraint."""
    name = names.custom_constraint(call.path["name"])
    return _reply(name, await store.custom(grant, name))


async def list_(grant: Grant, call: Call, store: OrgPolicyStore) -> Reply:
    """List an organization's custom constraints; as in Google, on one page."""
    parent = names.container(call.path["parent"])
    await store.shown(grant, parent)
    found = await store.customs(grant, parent)
    listed = [custom_json(str(CustomName(parent, id_)), one) for id_, one in found]
    return Reply(document={"customConstraints": listed} if listed else {})


async def patch(grant: Grant, call: Call, store: OrgPolicyStore) -> Reply:
    """Replace a custom constraint; what it judges cannot change."""
    name = names.custom_constraint(call.path["name"])
    old = await store.custom(grant, name)
    new = custom_constraint(call.document, store.now)
    if new.resource_type != old.resource_type:
        raise invalid("resourceTypes cannot be changed.", field="resourceTypes")
    store.put_custom(grant, name, new)
    return _reply(name, new)


async def delete(grant: Grant, call: Call, store: OrgPolicyStore) -> Reply:
    """Delete a custom constraint: policies that name it have no effect any more."""
    name = names.custom_constraint(call.path["name"])
    await store.custom(grant, name)
    store.delete_custom(grant, name)
    return Reply(document={}, audit={"customConstraint": str(name)})


def _reply(name: CustomName, custom: CustomConstraint) -> Reply:
    audit = {"customConstraint": str(name)}
    return Reply(document=custom_json(str(name), custom), audit=audit)
