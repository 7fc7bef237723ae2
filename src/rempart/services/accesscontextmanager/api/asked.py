"""What the methods ask of a call: names, pages, etags, and the resource that policy is asked on."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TypeVar

from rempart.core import pages
from rempart.core.call import Call, Reply
from rempart.core.document import text
from rempart.core.errors import CloudError, Code, invalid
from rempart.core.grant import Grant
from rempart.core.pages import page_of
from rempart.core.policy import Resource
from rempart.services.accesscontextmanager.model.shapes import Json, typed
from rempart.services.accesscontextmanager.store import Store
from rempart.trust.policy.perimeters.documents import AccessPolicy

_ORGANIZATION = re.compile(r"organizations/[1-9][0-9]{0,19}")
T = TypeVar("T")


def policy_name(call: Call) -> str:
    """Return `accessPolicies/N`, which begins every name here."""
    for parameter in ("name", "parent", "resource"):
        if parameter in call.path:
            return "/".join(call.path[parameter].split("/")[:2])
    return ""


def last(call: Call) -> str:
    """Return the last part of the name in the path."""
    return call.path["name"].rpartition("/")[2]


async def policy(call: Call, store: Store) -> Resource:
    """Return the access policy that the path names, or whose part it names."""
    return await store.policy_resource(policy_name(call))


async def organization(call: Call, store: Store) -> Resource:
    """Return the organization that a new policy's document names, or that the query does."""
    return await store.organization_resource(parent(call))


async def container(call: Call, store: Store) -> Resource:
    """Return the project or folder that the path names by number."""
    return await store.container_resource(call.path["resource"])


async def operation(call: Call, store: Store) -> Resource:
    """Return what the operation was done in."""
    return await store.operation_resource(call.path["name"])


def parent(call: Call) -> str:
    """Return the name of the organization that a request is about; raises `invalid`."""
    name = text(call.document, "parent") or call.query.get("parent", "")
    if not _ORGANIZATION.fullmatch(name):
        raise invalid("parent is organizations/NUMBER.", field="parent")
    return name


def check_etag(claimed: str, etag: str) -> None:
    """Raise ABORTED unless a request's etag, where it has one, is the present one."""
    if claimed and claimed.replace("-", "+").replace("_", "/") != etag:
        message = "The etag is not that of the present version. Read it again and retry."
        raise CloudError(Code.ABORTED, message, reason="conflict", field="etag")


def page(call: Call, noun: str, shown: Mapping[str, object]) -> Reply:
    """Return a page of resources, in the order of their names."""
    return Reply(document=page_of(noun, shown.items(), pages.page(call.query)))


async def done(
    grant: Grant, store: Store, policy: AccessPolicy, kind: str, content: Json, name: str
) -> Reply:
    """Return the finished operation of a change in a policy."""
    response = typed(kind, content) if kind else EMPTY
    metadata = typed("AccessContextManagerOperationMetadata", {})
    shown = await store.finished(grant, policy.parent, response, metadata)
    return Reply(document=shown, audit={"resource": name})


EMPTY: Json = {"@type": "type.googleapis.com/google.protobuf.Empty"}
