"""Tag holds: a use of a value that is no binding, and keeps it from being deleted.

Source: TagHolds of google.cloud.resourcemanager.v3.
"""

from __future__ import annotations

from msgspec.structs import replace

from rempart.core.call import Call, Reply
from rempart.core.document import only
from rempart.core.errors import already_exists, not_found, required
from rempart.core.grant import Grant
from rempart.core.pages import page_of
from rempart.services.resourcemanager.tags import model
from rempart.services.resourcemanager.tags.api import asked
from rempart.services.resourcemanager.tags.model import Hold
from rempart.services.resourcemanager.tags.shown import hold_json
from rempart.services.resourcemanager.tags.store import TagStore


async def create(grant: Grant, call: Call, store: TagStore) -> Reply:
    """Hold a value."""
    only(call.document, "name", "holder", "origin", "helpLink", "createTime")
    asked.rehearse(call, store)
    value = await store.value(grant, grant.resource.name)
    hold = Hold(
        id=store.new_id(),
        holder=model.bounded(call.document, "holder", model.HOLD_CHARS_MAX),
        origin=model.bounded(call.document, "origin", model.HOLD_CHARS_MAX),
        help_link=model.bounded(call.document, "helpLink", model.DESCRIPTION_CHARS_MAX),
        created=store.now,
    )
    if not hold.holder:
        raise required("holder is required.", field="holder")
    if any((one.holder, one.origin) == (hold.holder, hold.origin) for one in value.holds):
        raise already_exists(f"{value.name} is held by {hold.holder} already.")
    if len(value.holds) >= model.HOLDS_PER_VALUE_MAX:
        message = f"{value.name} has {model.HOLDS_PER_VALUE_MAX} holds, which is the most."
        raise model.exhausted(message, "TAG_HOLDS_PER_VALUE")
    store.put_value(grant, replace(value, holds=(*value.holds, hold)))
    shown = hold_json(value.name, hold)
    return Reply(
        document=await store.done(grant, "Create TagHold", shown),
        audit={"tagHold": str(shown["name"])},
    )


async def list_(grant: Grant, call: Call, store: TagStore) -> Reply:
    """List the holds of a value."""
    wanted = model.hold_filter(call.query.get("filter", ""))
    value = await store.value(grant, grant.resource.name)
    shown = [(one.id, hold_json(value.name, one)) for one in value.holds if _fits(one, wanted)]
    return Reply(document=page_of("tagHolds", shown, asked.page(call)))


def _fits(hold: Hold, wanted: dict[str, str]) -> bool:
    return hold.holder == wanted.get("holder", hold.holder) and hold.origin == wanted.get(
        "origin", hold.origin
    )


async def delete(grant: Grant, call: Call, store: TagStore) -> Reply:
    """Let go of a value."""
    asked.rehearse(call, store)
    name = asked.name_of(call)
    of, id_ = model.hold_name(name)
    value = await store.value(grant, of)
    rest = tuple(one for one in value.holds if one.id != id_)
    if rest == value.holds:
        raise not_found(f"{name} not found.")
    store.put_value(grant, replace(value, holds=rest))
    done = await store.done(grant, "Delete TagHold", {})
    return Reply(document=done, audit={"tagHold": name})
