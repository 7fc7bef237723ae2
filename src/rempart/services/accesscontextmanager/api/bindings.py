"""Access bindings: service accounts, and all those of a project, held to an access level.

Google's are of groups of people first; no group is known here, so those are refused by name.
"""

from __future__ import annotations

import re

from msgspec.structs import replace

from rempart.core.call import Call, Reply
from rempart.core.document import update_mask
from rempart.core.errors import already_exists, invalid, required, unsupported
from rempart.core.grant import Grant
from rempart.core.policy import Resource
from rempart.services.accesscontextmanager.api import asked
from rempart.services.accesscontextmanager.model.levels import too_many
from rempart.services.accesscontextmanager.model.shapes import Json, masked, read, show, typed
from rempart.services.accesscontextmanager.store import Store
from rempart.trust.policy.perimeters.bindings import bound_to
from rempart.trust.policy.perimeters.documents import BINDINGS_MAX, AccessBinding

_LEVEL = re.compile(r"accessPolicies/[0-9]+/accessLevels/[A-Za-z][A-Za-z0-9_]*")
_NUMBER = re.compile(r"[1-9][0-9]{0,19}")
_FIELDS = frozenset(("accessLevels", "dryRunAccessLevels"))
_ID_BYTES = 9


async def organization(call: Call, store: Store) -> Resource:
    """Return the organization that the path names."""
    return await store.organization_resource(_organization(call))


async def create(grant: Grant, call: Call, store: Store) -> Reply:
    """Bind a service account, or those of a project, to an access level."""
    above = _organization(call)
    binding = read(call.document, AccessBinding)
    await _check(grant, store, above, binding)
    there = await store.bindings(grant, above)
    if any(bound_to(one) == bound_to(binding) for one in there.values()):
        raise already_exists(f"{bound_to(binding)} is bound already.")
    if len(there) >= BINDINGS_MAX:
        raise too_many(f"An organization has at most {BINDINGS_MAX} access bindings.")
    id_ = store.setup.world.random(_ID_BYTES).hex()
    made = replace(binding, name=f"{above}/gcpUserAccessBindings/{id_}")
    return await _put(grant, store, above, made)


async def get(grant: Grant, call: Call, store: Store) -> Reply:
    """Return a binding."""
    return Reply(document=show(await store.binding(grant, call.path["name"])))


async def list_(grant: Grant, call: Call, store: Store) -> Reply:
    """List the bindings of an organization."""
    if call.query.get("filter"):
        raise unsupported("A filter", field="filter")
    found = await store.bindings(grant, _organization(call))
    shown = {name: show(one) for name, one in found.items()}
    return asked.page(call, "gcpUserAccessBindings", shown)


async def patch(grant: Grant, call: Call, store: Store) -> Reply:
    """Change the level, in force or in a dry run."""
    paths = update_mask(call.query)
    if not paths <= _FIELDS or call.query.get("append") == "true":
        raise invalid("Only the access levels of a binding change.", field="updateMask")
    old = await store.binding(grant, call.path["name"])
    new = masked(old, call.document, paths)
    above = _organization(call)
    await _check(grant, store, above, new)
    return await _put(grant, store, above, new)


async def delete(grant: Grant, call: Call, store: Store) -> Reply:
    """Remove a binding."""
    found = await store.binding(grant, call.path["name"])
    store.delete_binding(grant, found.name)
    return await _done(grant, store, _organization(call), asked.EMPTY, found.name)


async def _put(grant: Grant, store: Store, above: str, binding: AccessBinding) -> Reply:
    store.put_binding(grant, binding)
    response = typed("GcpUserAccessBinding", show(binding))
    return await _done(grant, store, above, response, binding.name)


async def _done(grant: Grant, store: Store, above: str, response: Json, name: str) -> Reply:
    metadata = typed("GcpUserAccessBindingOperationMetadata", {})
    shown = await store.finished(grant, above, response, metadata)
    return Reply(document=shown, audit={"resource": name})


async def _check(grant: Grant, store: Store, above: str, binding: AccessBinding) -> None:
    """Raise unless a binding is about accounts of this organization and names its levels."""
    if binding.group_key:
        raise unsupported("A group", field="groupKey", because="it knows no groups")
    if binding.scoped_access_settings or binding.session_settings is not None:
        raise unsupported("Another setting than a level", field="scopedAccessSettings")
    principal = binding.principal
    if principal is None:
        raise required("principal is required.", field="principal")
    if principal.federated_principal:
        raise unsupported("A federated principal", field="principal.federatedPrincipal")
    number = principal.service_account_project_number
    if bool(principal.service_account) == bool(number):
        message = "A principal is a serviceAccount or a serviceAccountProjectNumber."
        raise invalid(message, field="principal")
    place = await store.place_of_account(principal.service_account)
    if number:
        place = await store.place(f"projects/{number}") if _NUMBER.fullmatch(number) else ()
    if above not in place:
        raise invalid(f"{bound_to(binding)} is not in {above}.", field="principal")
    await _check_levels(grant, store, above, binding)


async def _check_levels(grant: Grant, store: Store, above: str, binding: AccessBinding) -> None:
    fields = {
        "accessLevels": binding.access_levels,
        "dryRunAccessLevels": binding.dry_run_access_levels,
    }
    if not any(fields.values()):
        raise required("accessLevels is required.", field="accessLevels")
    for field, levels in fields.items():
        if len(levels) > 1:
            raise invalid(f"{field} has one level.", field=field)
        for level in levels:
            if not _LEVEL.fullmatch(level) or not await store.has_level(grant, above, level):
                raise invalid(f"{level[:200]!r} is no access level of {above}.", field=field)


def _organization(call: Call) -> str:
    for parameter in ("name", "parent"):
        if parameter in call.path:
            return "/".join(call.path[parameter].split("/")[:2])
    return ""
