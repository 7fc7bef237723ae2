"""Trusted organizations, operations, and which services perimeters can restrict.

What other organizations say of devices and credentials is kept for them to agree on; no condition
here asks about either, so it admits nobody.
"""

from __future__ import annotations

import re

from rempart.core.call import Call, Reply
from rempart.core.errors import invalid, not_found
from rempart.core.grant import Grant
from rempart.services.accesscontextmanager.api import asked
from rempart.services.accesscontextmanager.api.parts import Noun, methods
from rempart.services.accesscontextmanager.model.shapes import Json
from rempart.services.accesscontextmanager.store import Store
from rempart.services.operations import operation_json
from rempart.trust.policy.perimeters.crossing import plan
from rempart.trust.policy.perimeters.documents import AccessPolicy, AuthorizedOrgsDesc
from rempart.trust.policy.roles import PERMISSIONS

ORGS_MAX = 200
_ORGANIZATION = re.compile(r"organizations/[1-9][0-9]{0,19}")


async def _check(
    _grant: Grant, _store: Store, _policy: AccessPolicy, _id: str, desc: AuthorizedOrgsDesc
) -> None:
    if len(desc.orgs) > ORGS_MAX or not all(map(_ORGANIZATION.fullmatch, desc.orgs)):
        message = f"orgs is a list of up to {ORGS_MAX} organizations/NUMBER."
        raise invalid(message, field="orgs")
    for field in ("authorizationType", "assetType", "authorizationDirection"):
        value: str = getattr(desc, re.sub(r"(?=[A-Z])", "_", field).lower())
        if value.endswith("_UNSPECIFIED"):
            raise invalid(f"{field} is required.", field=field)


AUTHORIZED = methods(Noun("authorizedOrgsDescs", AuthorizedOrgsDesc, "authorized", _check))


async def get_operation(grant: Grant, call: Call, store: Store) -> Reply:
    """Return an operation, which is always done."""
    name = call.path["name"]
    return Reply(document=operation_json(name, await store.operation(grant, name)))


async def list_services(grant: Grant, call: Call, store: Store) -> Reply:
    """List the APIs of this universe: each can be restricted by a perimeter."""
    shown = {name: _service(name) for name in store.setup.services()}
    return asked.page(call, "supportedServices", shown)


async def get_service(grant: Grant, call: Call, store: Store) -> Reply:
    """Return an API of this universe."""
    name = call.path["name"]
    if name not in set(store.setup.services()):
        raise not_found(f"The service {name[:80]} is not in this universe.")
    return Reply(document=_service(name))


async def list_permissions(grant: Grant, call: Call, store: Store) -> Reply:
    """List the permissions that selectors of rules may name."""
    shown = {name: name for name in PERMISSIONS}
    return asked.page(call, "supportedPermissions", shown)


async def lookup(grant: Grant, call: Call, store: Store) -> Reply:
    """Return which perimeter holds a project or folder, in force and in the dry run."""
    name = await store.numbered(call.path["resource"])
    place = await store.place(name)
    if not place:
        raise not_found(f"{name} not found.")
    policies = await store.policies(grant, place[-1])
    document: Json = {}
    for suffix, dry in (("", False), ("DryRun", True)):
        around = plan(policies, dry=dry)
        owner = next((one for one in place if one in around.regular), "")
        if owner:
            document[f"servicePerimeter{suffix}"] = around.regular[owner][0].name
            document[f"restrictedResource{suffix}"] = owner
    return Reply(document=document)


def _service(name: str) -> Json:
    return {
        "name": name,
        "title": f"{name.partition('.')[0]} API",
        "availableOnRestrictedVip": False,
        "serviceSupportStage": "GA",
    }
