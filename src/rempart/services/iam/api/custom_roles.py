"""Custom roles of projects and organizations: create, get, list, patch, delete, undelete.

Whoever may update a role may widen it beyond what they hold themselves, for all who hold it: so it
is with Google, and `iam.roles.update` is a right to grant rights. Source: google.iam.admin.v1.IAM.
"""

from __future__ import annotations

from msgspec.structs import replace

from rempart.core import pages
from rempart.core.call import Call, Reply
from rempart.core.document import boolean, only, section, text
from rempart.core.errors import CloudError, Code, already_exists, not_found
from rempart.core.grant import Grant
from rempart.services.iam.api import asked
from rempart.services.iam.model import role as rules
from rempart.services.iam.model.role import ROLES_PER_CONTAINER_MAX, RoleName, custom_json
from rempart.services.iam.store import IamStore
from rempart.services.iam.table import Methods, reading, writing
from rempart.trust.custody.kind import Found
from rempart.trust.custody.sealed import scanned
from rempart.trust.policy.custom_roles import CUSTOM_ROLES, CustomRole

PAGE_SIZE_DEFAULT = 300
PAGE_SIZE_MAX = 1000
FULL = "FULL"


async def _found(grant: Grant, name: RoleName, store: IamStore) -> CustomRole:
    role = await store.tx.get(CUSTOM_ROLES, *name.parts)
    if role is None or rules.gone(role, store.now):
        raise not_found(f"The role named {name.full} was not found.")
    return role


async def _live(grant: Grant, name: RoleName, store: IamStore) -> CustomRole:
    role = await _found(grant, name, store)
    if role.deleted is not None:
        raise _failed(f"The role {name.full} is deleted; undelete it first.")
    return role


def _stored(name: RoleName, role: CustomRole, store: IamStore) -> Reply:
    store.tx.put(CUSTOM_ROLES, *name.parts, value=role)
    return Reply(document=custom_json(name.full, role, full=True), audit={"role": name.full})


async def create(grant: Grant, call: Call, store: IamStore) -> Reply:
    """Create a custom role."""
    only(call.document, "roleId", "role")
    name = rules.new_name(asked.name_of(call), text(call.document, "roleId"))
    given = section(call.document, "role")
    role = rules.created(given, name.noun, store.etag(), store.now)
    known = await store.tx.get(CUSTOM_ROLES, *name.parts)
    if known is not None and known.deleted is None:
        raise already_exists(f"A role named {name.role} in {asked.name_of(call)} already exists.")
    if known is not None:
        raise _failed(
            f"A role with the id {name.role} was deleted; an id is not given again, because "
            "policies may still name it."
        )
    await _require_room(name, store)
    return _stored(name, role, store)


async def _require_room(name: RoleName, store: IamStore) -> None:
    """Raise where a project or organization has as many roles as it may, the deleted included."""
    every = scanned(store.tx, CUSTOM_ROLES, CUSTOM_ROLES.under(name.noun, name.container))
    counted = sum([not rules.gone(one.value, store.now) async for one in every])
    if counted >= ROLES_PER_CONTAINER_MAX:
        raise CloudError(
            Code.RESOURCE_EXHAUSTED,
            f"{name.noun}/{name.container} has {ROLES_PER_CONTAINER_MAX} custom roles, which is "
            "the most it may have.",
            reason="CUSTOM_ROLES",
        )


async def get(grant: Grant, call: Call, store: IamStore) -> Reply:
    """Return a custom role."""
    name = rules.role_name(asked.name_of(call))
    return Reply(document=custom_json(name.full, await _found(grant, name, store), full=True))


async def list_(grant: Grant, call: Call, store: IamStore) -> Reply:
    """List the custom roles of a project or organization."""
    parent, now = asked.name_of(call), store.now
    page = pages.page(call.query, default=PAGE_SIZE_DEFAULT, most=PAGE_SIZE_MAX)
    deleted = boolean(call.query, "showDeleted")

    def admits(one: Found[CustomRole]) -> bool:
        return not rules.gone(one.value, now) and (deleted or one.value.deleted is None)

    span = CUSTOM_ROLES.under(*parent.split("/"))
    found, following = await store.listed(CUSTOM_ROLES, span, page, admits)
    full = call.query.get("view") == FULL
    shown = [custom_json(f"{parent}/roles/{one.id}", one.value, full=full) for one in found]
    return Reply(document=pages.paged("roles", shown, following))


async def patch(grant: Grant, call: Call, store: IamStore) -> Reply:
    """Change the fields of a custom role that the mask names."""
    name = rules.role_name(asked.name_of(call))
    role = await _live(grant, name, store)
    rules.require_current(role, text(call.document, "etag"), "role.etag")
    paths = rules.masked(call.query.get("updateMask", ""), call.document)
    changed = rules.changed(role, call.document, paths, name.noun, etag=store.etag())
    return _stored(name, changed, store)


async def delete(grant: Grant, call: Call, store: IamStore) -> Reply:
    """Delete a custom role: its bindings grant nothing from now on."""
    name = rules.role_name(asked.name_of(call))
    role = await _live(grant, name, store)
    rules.require_current(role, call.query.get("etag", ""), "etag")
    return _stored(name, replace(role, deleted=store.now, etag=store.etag()), store)


async def undelete(grant: Grant, call: Call, store: IamStore) -> Reply:
    """Restore a role that was deleted in the last seven days; its bindings count again."""
    only(call.document, "etag")
    name = rules.role_name(asked.name_of(call))
    role = await _found(grant, name, store)
    if role.deleted is None:
        raise _failed(f"The role {name.full} is not deleted.")
    rules.require_current(role, text(call.document, "etag"), "etag")
    return _stored(name, replace(role, deleted=None, etag=store.etag()), store)


def _failed(message: str) -> CloudError:
    return CloudError(Code.FAILED_PRECONDITION, message, reason="failedPrecondition")


def _rows(noun: str) -> Methods:
    at, on = f"{noun}.roles", asked.container
    return (
        writing(f"{at}.create", "roles.create", on, create),
        reading(f"{at}.get", "roles.get", on, get),
        reading(f"{at}.list", "roles.list", on, list_),
        writing(f"{at}.patch", "roles.update", on, patch),
        writing(f"{at}.delete", "roles.delete", on, delete),
        writing(f"{at}.undelete", "roles.undelete", on, undelete),
    )


METHODS: Methods = (*_rows("organizations"), *_rows("projects"))
