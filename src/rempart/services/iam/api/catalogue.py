"""Predefined roles, and questions about what may be granted, tested, logged or written.

What they answer is the same for everybody, so no permission is asked for, but a sign-in is; custom
roles are among the answers for those who may list them. Source: google.iam.admin.v1.IAM.
"""

from __future__ import annotations

from collections.abc import Sequence

from rempart.core import pages
from rempart.core.call import Call, Reply
from rempart.core.document import only, section, text
from rempart.core.errors import CloudError, not_found, required, unsupported
from rempart.core.grant import Grant
from rempart.services.iam.api import asked
from rempart.services.iam.model import grantable
from rempart.services.iam.model.grantable import Place
from rempart.services.iam.model.role import (
    ROLES_PER_CONTAINER_MAX,
    custom_json,
    for_custom_roles,
    predefined_json,
)
from rempart.services.iam.store import IamStore, Json, container_resource
from rempart.services.iam.table import Methods, public
from rempart.trust.policy.conditions import check
from rempart.trust.policy.custom_roles import CUSTOM_ROLES
from rempart.trust.policy.hierarchy import DEPTH_MAX, FOLDERS, PROJECTS
from rempart.trust.policy.roles import ROLES

ROLES_PAGE_DEFAULT, ROLES_PAGE_MAX = 300, 1000
GRANTABLE_PAGE_DEFAULT, GRANTABLE_PAGE_MAX = 300, 3000
PERMISSIONS_PAGE_DEFAULT, PERMISSIONS_PAGE_MAX = 100, 1000
CUSTOM_ROLES_STORED_MAX = 10 * ROLES_PER_CONTAINER_MAX
FULL = "FULL"
_UNIT = "lintValidationUnits/ConditionCompileCheck"


async def get_role(grant: Grant, call: Call, store: IamStore) -> Reply:
    """Return a predefined role."""
    asked.signed_in(grant)
    role = ROLES.get(call.path["name"])
    if role is None:
        raise not_found(f"The role named {call.path['name'][:200]} was not found.")
    return Reply(document=predefined_json(role, full=True))


async def list_roles(grant: Grant, call: Call, store: IamStore) -> Reply:
    """List the predefined roles; those of a project or organization have methods of their own."""
    asked.signed_in(grant)
    if call.query.get("parent", "") not in ("", "roles"):
        raise unsupported("A parent other than roles", field="parent")
    page = pages.page(call.query, default=ROLES_PAGE_DEFAULT, most=ROLES_PAGE_MAX)
    full = call.query.get("view") == FULL
    shown = [predefined_json(ROLES[name], full=full) for name in sorted(ROLES)]
    return _paged("roles", shown, page)


async def query_grantable_roles(grant: Grant, call: Call, store: IamStore) -> Reply:
    """List the roles that may be granted on a resource, custom ones included."""
    asked.signed_in(grant)
    only(call.document, "fullResourceName", "view", "pageSize", "pageToken")
    at = _place(call)
    page = pages.page(call.document, default=GRANTABLE_PAGE_DEFAULT, most=GRANTABLE_PAGE_MAX)
    full = text(call.document, "view") == FULL
    shown = [predefined_json(role, full=full) for role in grantable.roles_on(at)]
    shown += await _custom_roles(at, store, full=full)
    return _paged("roles", sorted(shown, key=lambda one: str(one["name"])), page)


async def _custom_roles(at: Place, store: IamStore, *, full: bool) -> list[Json]:
    """Return the custom roles of the project and the organization that a resource is in."""
    shown = list[Json]()
    for container in await _containers(at, store):
        if not await store.session.authority.allows(
            "iam.roles.list", container_resource(container)
        ):
            continue
        span = CUSTOM_ROLES.under(*container.split("/"))
        for one in await store.tx.scan(CUSTOM_ROLES, span, limit=CUSTOM_ROLES_STORED_MAX):
            if one.value.grants:
                shown.append(custom_json(f"{container}/roles/{one.id}", one.value, full=full))
    return shown


async def _containers(at: Place, store: IamStore) -> list[str]:
    """Return what of projects and organizations a resource is or lies in, nearest first."""
    above, found = "/".join(at.name.split("/")[:2]), list[str]()
    for _ in range(DEPTH_MAX):
        noun, _, id_ = above.partition("/")
        if noun == "folders":
            folder = await store.tx.get(FOLDERS, id_)
            above = folder.parent if folder else ""
            continue
        if noun not in ("projects", "organizations") or id_ in ("_", "-"):
            break
        found.append(above)
        if noun == "organizations":
            break
        project = await store.tx.get(PROJECTS, id_)
        above = project.parent if project else ""
    return found


async def query_testable_permissions(grant: Grant, call: Call, store: IamStore) -> Reply:
    """List the permissions that can be tested on a resource."""
    asked.signed_in(grant)
    only(call.document, "fullResourceName", "pageSize", "pageToken")
    at = _place(call)
    page = pages.page(call.document, default=PERMISSIONS_PAGE_DEFAULT, most=PERMISSIONS_PAGE_MAX)
    noun = "projects" if at.name.startswith("projects/") else "organizations"
    shown = list[Json]()
    for name in grantable.permissions_on(at):
        one: Json = {"name": name, "stage": "GA"}
        supported = for_custom_roles(name, noun)
        shown.append(one if supported else one | {"customRolesSupportLevel": "NOT_SUPPORTED"})
    return _paged("permissions", shown, page)


async def lint_policy(grant: Grant, call: Call, store: IamStore) -> Reply:
    """Tell what is wrong with a condition; an empty answer is a condition that is accepted."""
    asked.signed_in(grant)
    only(call.document, "fullResourceName", "condition")
    condition = section(call.document, "condition")
    if not condition:
        raise required("A condition is required.", field="condition")
    only(condition, "expression", "title", "description", "location")
    try:
        check(text(condition, "expression"))
    except CloudError as problem:
        result: Json = {
            "level": "CONDITION",
            "validationUnitName": _UNIT,
            "severity": "ERROR",
            "fieldName": "condition.expression",
            "debugMessage": problem.message,
        }
        return Reply(document={"lintResults": [result]})
    return Reply(document={})


async def query_auditable_services(grant: Grant, call: Call, store: IamStore) -> Reply:
    """List the services whose reads the policy of a resource may want logged."""
    asked.signed_in(grant)
    only(call.document, "fullResourceName")
    _place(call)
    names = [{"name": f"{service}.googleapis.com"} for service in grantable.AUDITABLE]
    return Reply(document={"services": names})


def _place(call: Call) -> Place:
    full_name = text(call.document, "fullResourceName")
    if not full_name:
        raise required("fullResourceName is required.", field="fullResourceName")
    return grantable.place(full_name)


def _paged(noun: str, shown: Sequence[Json], page: pages.Page) -> Reply:
    """Return a page of a list that is made anew for each call; its token is a name."""
    return Reply(document=pages.page_of(noun, ((str(one["name"]), one) for one in shown), page))


_WHY = "it tells everybody the same, and of custom roles those that the caller may list"

METHODS: Methods = (
    public("roles.get", asked.everybody, get_role, why=_WHY),
    public("roles.list", asked.everybody, list_roles, why=_WHY),
    public("roles.queryGrantableRoles", asked.everybody, query_grantable_roles, why=_WHY),
    public(
        "permissions.queryTestablePermissions",
        asked.everybody,
        query_testable_permissions,
        why=_WHY,
    ),
    public("iamPolicies.lintPolicy", asked.everybody, lint_policy, why=_WHY),
    public(
        "iamPolicies.queryAuditableServices", asked.everybody, query_auditable_services, why=_WHY
    ),
)
