"""Log buckets and the places where they can lie."""

from __future__ import annotations

from msgspec.structs import replace

from rempart.core.call import Call, Reply
from rempart.core.errors import CloudError, Code, invalid, not_found, required
from rempart.core.grant import Grant
from rempart.core.pages import page, page_of
from rempart.services.logging.api.asked import name_of
from rempart.services.logging.kinds import Bucket, Json, State
from rempart.services.logging.model import config, names
from rempart.services.logging.model.names import BucketName
from rempart.services.logging.model.routing import GLOBAL
from rempart.services.logging.store import LoggingStore


async def list_(grant: Grant, call: Call, store: LoggingStore) -> Reply:
    """List the log buckets in a location, or with `-` in all."""
    container, location = await _place(call, store)
    found = await store.buckets(grant, container, location)
    shown = ((str(name), config.bucket_json(name, bucket)) for name, bucket in found)
    return Reply(document=page_of("buckets", shown, page(call.query)))


async def get(grant: Grant, call: Call, store: LoggingStore) -> Reply:
    """Return a log bucket."""
    name = await store.bucket_name(name_of(call))
    return _reply(name, await store.bucket(grant, name))


async def create(grant: Grant, call: Call, store: LoggingStore) -> Reply:
    """Make a log bucket."""
    container, location = await _place(call, store)
    id_ = call.query.get("bucketId", "")
    if not id_:
        raise required("bucketId is required.", field="bucketId")
    if location not in _locations(store):
        where = ", ".join(_locations(store))
        raise invalid(f"Log buckets lie in one of {where}.", field="parent")
    name = BucketName(container, location, names.new_id(id_, "bucketId"))
    bucket = config.new_bucket(call.document, store.now)
    await store.create_bucket(grant, name, bucket)
    return _reply(name, bucket)


async def patch(grant: Grant, call: Call, store: LoggingStore) -> Reply:
    """Change a log bucket."""
    name = await store.bucket_name(name_of(call))
    old = config.in_use(await store.bucket(grant, name))
    paths = config.mask(call.query)
    bucket = config.changed_bucket(old, call.document, paths, name, store.now)
    store.put_bucket(grant, name, bucket)
    return _reply(name, bucket)


async def delete(grant: Grant, call: Call, store: LoggingStore) -> Reply:
    """Delete a log bucket; it can be had back for a week."""
    name = await store.bucket_name(name_of(call))
    old = config.in_use(await store.bucket(grant, name))
    config.check_deletable(name, old)
    bucket = replace(old, state=State.DELETE_REQUESTED, updated=store.now)
    store.put_bucket(grant, name, bucket)
    return Reply(document={}, audit={"bucket": str(name)})


async def undelete(grant: Grant, call: Call, store: LoggingStore) -> Reply:
    """Have a deleted log bucket back, with its entries."""
    name = await store.bucket_name(name_of(call))
    old = await store.bucket(grant, name)
    if old.state is State.ACTIVE:
        message = f"The log bucket {name.id} is not deleted."
        raise CloudError(Code.FAILED_PRECONDITION, message, reason="failedPrecondition")
    bucket = replace(old, state=State.ACTIVE, updated=store.now)
    store.put_bucket(grant, name, bucket)
    return Reply(document={}, audit={"bucket": str(name)})


async def list_locations(grant: Grant, call: Call, store: LoggingStore) -> Reply:
    """List where log buckets can lie."""
    container = await store.container(name_of(call))
    shown = ((one, _location(container, one)) for one in _locations(store))
    return Reply(document=page_of("locations", shown, page(call.query)))


async def get_location(grant: Grant, call: Call, store: LoggingStore) -> Reply:
    """Return a place where log buckets can lie."""
    container = await store.container(name_of(call))
    id_ = names.last(name_of(call))
    if id_ not in _locations(store):
        raise not_found(f"Location {id_} is not one of this universe's.")
    return Reply(document=_location(container, id_))


def _locations(store: LoggingStore) -> tuple[str, ...]:
    return (GLOBAL, *store.setup.regions)


def _location(container: str, id_: str) -> Json:
    return {"name": f"{container}/locations/{id_}", "locationId": id_}


async def _place(call: Call, store: LoggingStore) -> tuple[str, str]:
    parent = name_of(call)
    return await store.container(parent), names.last(parent)


def _reply(name: BucketName, bucket: Bucket) -> Reply:
    return Reply(document=config.bucket_json(name, bucket), audit={"bucket": str(name)})
