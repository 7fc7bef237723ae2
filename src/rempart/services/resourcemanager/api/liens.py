"""Liens: what keeps a project from being deleted. v1 and v3 are alike.

Source: the discovery documents of v1 and v3. A lien's name carries the number of its project.
"""

from __future__ import annotations

import re
import uuid

from rempart.core.call import Call, Reply
from rempart.core.document import only, strings, text
from rempart.core.errors import CloudError, Code, invalid, not_found
from rempart.core.grant import Grant
from rempart.core.pages import page, paged
from rempart.core.policy import Resource
from rempart.services.listing import listed
from rempart.services.resourcemanager.kinds import LIEN, Lien
from rempart.services.resourcemanager.model.rules import (
    LIENS_PER_PROJECT_MAX,
    lien_text,
    restrictions,
)
from rempart.services.resourcemanager.project_changes import require_active
from rempart.services.resourcemanager.resources import lien_json
from rempart.services.resourcemanager.store import ManagerStore

_NAME = re.compile(r"liens/p([0-9]{1,20})-(l[0-9a-f-]{36})")
_PARENT = re.compile(r"projects/([^/\x00]{1,100})")
_MEMBERS = ("name", "parent", "restrictions", "reason", "origin", "createTime")


async def create(grant: Grant, call: Call, store: ManagerStore) -> Reply:
    """Put a lien on a project."""
    only(call.document, *_MEMBERS)
    project = await store.project(grant, _parent(text(call.document, "parent")))
    require_active(project)
    every = await store.tx.scan(LIEN, LIEN.under(project.number), limit=LIENS_PER_PROJECT_MAX)
    if len(every) >= LIENS_PER_PROJECT_MAX:
        message = f"A project has at most {LIENS_PER_PROJECT_MAX} liens."
        raise CloudError(Code.RESOURCE_EXHAUSTED, message, reason="LIENS_PER_PROJECT")
    lien = Lien(
        created=store.now,
        reason=lien_text(text(call.document, "reason"), "reason", needed=True),
        origin=lien_text(text(call.document, "origin"), "origin", needed=True),
        restrictions=restrictions(strings(call.document, "restrictions")),
    )
    id_ = f"l{uuid.UUID(bytes=store.setup.world.random(16), version=4)}"
    store.tx.put(LIEN, project.number, id_, value=lien)
    shown = lien_json(project.number, id_, lien)
    return Reply(document=shown, audit={"lien": str(shown["name"]), "project": project.id})


async def get(grant: Grant, call: Call, store: ManagerStore) -> Reply:
    """Return a lien."""
    number, id_, lien = await _found(call, store)
    return Reply(document=lien_json(number, id_, lien))


async def list_(grant: Grant, call: Call, store: ManagerStore) -> Reply:
    """List the liens of a project."""
    project = await store.project(grant, _parent(call.query.get("parent", "")))
    span = LIEN.under(project.number)
    found, following = await listed(store.tx, LIEN, span, page(call.query))
    shown = [lien_json(project.number, one.id, one.value) for one in found]
    return Reply(document=paged("liens", shown, following))


async def delete(grant: Grant, call: Call, store: ManagerStore) -> Reply:
    """Take a lien away."""
    number, id_, _ = await _found(call, store)
    store.tx.delete(LIEN, number, id_)
    return Reply(document={}, audit={"lien": call.path["name"]})


# What policy is asked about: the project.


async def of_body(call: Call, store: ManagerStore) -> Resource:
    """Return the project in the body."""
    return await store.resource(f"projects/{_parent(text(call.document, 'parent'))}")


async def of_query(call: Call, store: ManagerStore) -> Resource:
    """Return the project in the query."""
    return await store.resource(f"projects/{_parent(call.query.get('parent', ''))}")


async def of_path(call: Call, store: ManagerStore) -> Resource:
    """Return the project of the lien that the path names."""
    return await store.resource(f"projects/{_named(call)[0]}")


def _parent(name: str) -> str:
    found = _PARENT.fullmatch(name)
    if found is None:
        raise invalid("A lien's parent is projects/PROJECT.", field="parent")
    return found[1]


def _named(call: Call) -> tuple[str, str]:
    found = _NAME.fullmatch(call.path["name"])
    if found is None:
        raise invalid("A lien's name is liens/pNUMBER-ID.", field="name")
    return found[1], found[2]


async def _found(call: Call, store: ManagerStore) -> tuple[str, str, Lien]:
    number, id_ = _named(call)
    lien = await store.tx.get(LIEN, number, id_)
    if lien is None:
        raise not_found(f"Lien {call.path['name']} not found.")
    return number, id_, lien
